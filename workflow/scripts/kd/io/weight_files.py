"""Which kind of file of weights one is, by its first bytes. Standard library only."""

import zipfile
from pathlib import Path

HEAD = 64  # bytes that are looked at
ZIP, PICKLE, OPENS = b"PK\x03\x04", b"\x80", b"{"
# What a file begins with that is no checkpoint, and what to do about it.
OTHERS = {
    b"version https://git-lfs": "a pointer of Git LFS and not the file; run git lfs pull where it is from",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x89HDF": "an HDF5 file, as Keras writes; PyTorch's are needed",
}
PAGE = "a page of HTML or XML, as a download leaves that was refused; download it again"


def other_kind(path: Path) -> str | None:
    """What `path` is, and what to do, if it is certainly no file of weights; else None.

    Raises OSError if it cannot be read.
    """
    head = head_of(path)
    if not head:
        return "an empty file; download or copy it again"
    if head.startswith(ZIP) and not zipfile.is_zipfile(path):  # whose list of contents is at its end
        return "a checkpoint that is cut short; download or copy it again"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return PAGE
    return next((text for start, text in OTHERS.items() if head.startswith(start)), None)


def is_safetensors(path: Path) -> bool:
    """Whether to read `path` as safetensors, and not as what torch.save writes, a zip file or a pickle."""
    head = head_of(path)
    if head.startswith((ZIP, PICKLE)) and head[8:9] != OPENS:
        return False
    return head[8:9] == OPENS or path.suffix == ".safetensors"


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(HEAD)
