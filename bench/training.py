"""Training one network: our engine beside the usual loop, and beside what the machine could do."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.floor import floor_step
from bench.interleave import interleave
from bench.spec import Setting, Spec, command, network
from bench.statistics import column, ratios, stat

NETWORKS = ("resnet18", "preact_resnet18", "vgg16", "mobilenet", "googlenet", "densenet", "cnn")
BATCH = 128
# On a CPU a repetition of the usual loop shall take some seconds; on a GPU it is CIFAR-10's epoch.
CPU_IMAGES = {"mobilenet": 2048, "googlenet": 256, "densenet": 256, "cnn": 8192}
OTHER_CPU_IMAGES, GPU_IMAGES = 512, 50_000


def measure(
    setting: Setting, rates: dict[str, Any], networks: Sequence[str] = NETWORKS
) -> Iterator[dict[str, Any]]:
    """One row for each network; `rates` are those of floor.py.

    Steps and epochs are in seconds, with median and range; "ratio" (of steps), "epoch_ratio" and
    "tuned_ratio" say how many times as long the usual loop takes; "floor_share" is 1 where a step takes no
    longer than "floor_step".
    """
    for name in networks:
        images = setting.images or images_of(name, setting.device)
        loops = ("reference", "ours") + (("tuned",) if setting.device == "cuda" else ())
        rows = interleave(f"training {name}", _commands(loops, name, images, setting), setting.repeats)
        floor = floor_step(network(name), BATCH, rates)
        yield {"network": name, "batch": BATCH, "images": images} | _summary(rows, floor)


def images_of(name: str, device: str) -> int:
    """Images of a repetition of the network `name`."""
    return GPU_IMAGES if device == "cuda" else CPU_IMAGES.get(name, OTHER_CPU_IMAGES)


def _commands(loops: Sequence[str], name: str, images: int, setting: Setting) -> dict[str, list[str]]:
    settings = {"network": network(name), "images": images, "batch": BATCH, "setting": setting}
    return {loop: command(Spec(loop=loop, repetitions=setting.repeats + 1, **settings)) for loop in loops}


def _summary(rows: dict[str, list[dict[str, float]]], floor: float) -> dict[str, Any]:
    steps = {loop: column(repetitions, "step_seconds") for loop, repetitions in rows.items()}
    epochs = {loop: column(repetitions, "seconds") for loop, repetitions in rows.items()}
    summary = {f"{loop}_step": stat(seconds) for loop, seconds in steps.items()}
    summary |= {f"{loop}_epoch": stat(seconds) for loop, seconds in epochs.items()}
    summary["ratio"] = stat(ratios(steps["reference"], steps["ours"]))
    summary["epoch_ratio"] = stat(ratios(epochs["reference"], epochs["ours"]))
    if "tuned" in steps:
        summary["tuned_ratio"] = stat(ratios(steps["tuned"], steps["ours"]))
    return summary | {"floor_step": floor, "floor_share": floor / summary["ours_step"]["median"]}
