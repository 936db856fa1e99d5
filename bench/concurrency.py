"""Several small students on one device at once: how many images a second they train on together."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench.interleave import Worker, crew, rounds, tell
from bench.spec import Setting, Spec, command, network
from bench.statistics import ratios, stat
from kd.runtime.hardware import cpu_count

NETWORKS = ("cnn", "mobilenet_quarter")
BATCH = 128
COUNTS = {"cpu": (1, 2), "cuda": (1, 2, 4)}
IMAGES = {"cpu": 4096, "cuda": 50_000}


def measure(setting: Setting) -> Iterator[dict[str, Any]]:
    """One row for each network and number of processes: "images_per_second" of all of them together.

    Each process has one thread, starts with the others and trains for one epoch; the slowest ends the
    clock. "over_one" is the throughput over that of one process alone.
    """
    one_thread = setting.model_copy(update={"threads": 1})
    counts = [count for count in COUNTS[setting.device] if setting.device != "cpu" or count <= cpu_count()]
    for name in NETWORKS:
        images = setting.images or IMAGES[setting.device]
        throughputs = _throughputs(name, images, counts, one_thread)
        for count, throughput in throughputs.items():
            row = {"network": name, "batch": BATCH, "images": images, "concurrent": count}
            row |= {"images_per_second": stat(throughput)}
            yield row | {"over_one": stat(ratios(throughput, throughputs[counts[0]]))}


def _throughputs(name: str, images: int, counts: Sequence[int], setting: Setting) -> dict[int, list[float]]:
    """Images/s in every repetition, by number of processes; the first of them take part in each number."""
    repetitions = len(counts) * setting.repeats + 1
    shared = {"images": images, "batch": BATCH, "repetitions": repetitions, "setting": setting}
    spec = Spec(loop="ours", network=network(name), **shared)
    throughputs: dict[int, list[float]] = {count: [] for count in counts}
    with crew({f"{name} {number + 1}": command(spec) for number in range(max(counts))}) as crew_of_all:
        workers = list(crew_of_all.values())
        tell(f"concurrent {name}", "warm-up")
        together(workers)
        for repetition in rounds(f"concurrent {name}", setting.repeats):
            for count in counts:
                tell(f"concurrent {name}", f"{repetition}, {count} at once")
                throughputs[count].append(count * images / together(workers[:count]))
    return throughputs


def together(workers: Sequence[Worker]) -> float:
    """Seconds from the start of one repetition of all workers at once to the end of the last."""
    started = time.perf_counter()
    for worker in workers:
        worker.go()
    for worker in workers:
        worker.row()
    return time.perf_counter() - started
