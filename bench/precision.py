"""Training steps in bf16 beside those in float32, of our engine."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from bench import training
from bench.interleave import interleave, tell
from bench.spec import Setting, Spec, command, network
from bench.statistics import column, ratios, stat
from kd.runtime.speed import has_bf16

FIRST = "float32"


def measure(setting: Setting, networks: Sequence[str] = training.NETWORKS) -> Iterator[dict[str, Any]]:
    """One row for each network: "steps" in seconds by variant, and "ratios" of float32 to the others.

    The variants are float32 and bf16 autocast, both channels_last, and float32 without it; with `compile`
    always the first two compiled, too. There are no rows for a device that computes no bf16 of its own.
    """
    if not has_bf16(torch.device(setting.device)):
        tell("precision", "not measured: this device computes no bf16 of its own")
        return
    for name in networks:
        images = setting.images or training.images_of(name, setting.device)
        rows = interleave(f"precision {name}", _commands(name, images, setting), setting.repeats)
        steps = {variant: column(repetitions, "step_seconds") for variant, repetitions in rows.items()}
        yield {
            "network": name,
            "batch": training.BATCH,
            "images": images,
            "steps": {variant: stat(seconds) for variant, seconds in steps.items()},
            "ratios": {
                variant: stat(ratios(steps[FIRST], seconds))
                for variant, seconds in steps.items()
                if variant != FIRST
            },
        }


def _commands(name: str, images: int, setting: Setting) -> dict[str, list[str]]:
    shared = {"loop": "ours", "network": network(name), "images": images, "batch": training.BATCH}
    shared |= {"repetitions": setting.repeats + 1}
    ways = [("never", ""), *([("always", ", compiled")] if setting.compile == "always" else [])]
    commands = {}
    for compile, said in ways:
        for word, precision in ((FIRST, "fp32"), ("bf16", "bf16")):
            own = setting.model_copy(update={"precision": precision, "compile": compile})
            commands[f"{word}{said}"] = command(Spec(setting=own, **shared))
    plain = setting.model_copy(update={"precision": "fp32", "compile": "never"})
    return commands | {"float32, NCHW": command(Spec(setting=plain, contiguous=True, **shared))}
