"""The C library's memory, kept by a training job rather than given back after every step."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # of glibc's malloc.h


def keep_freed_memory() -> bool:
    """Let glibc reuse in the next step the memory that one step frees; whether this C library can do so.

    By default it maps memory for every large tensor and returns it to the kernel when it is freed; then each
    step of a training on the CPU faults its activations in again, page by page: 0.1 to 4 million faults, up
    to half of the time. The peak use of memory is about the same.
    """
    return _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26})


def share_heap() -> bool:
    """Let all threads use the heap that keeps its memory; those of their own, by default, give it back."""
    return _set({_ARENA_MAX: 1})


def _set(settings: dict[int, int]) -> bool:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):  # musl, macOS
        return False
    return all(libc.mallopt(name, value) == 1 for name, value in settings.items())
