"""What a step costs by each distillation method, beside plain training of the same student."""

from collections.abc import Iterator
from typing import Any

from bench.interleave import interleave
from bench.spec import Setting, Spec, command, network
from bench.statistics import column, ratios, stat
from kd import registry

TEACHER, STUDENT, BATCH = "resnet18", "resnet8x4", 64
PLAIN = "cross_entropy"
AT_ONCE = 4  # methods that are timed in turn with plain training: each is a process with networks of its own
CPU_IMAGES, GPU_IMAGES = 256, 50_000


def measure(setting: Setting) -> Iterator[dict[str, Any]]:
    """One row for each method: "step" in seconds, and its "ratio" to a step of plain training, with ranges.

    "teacher" says what it has: stored logits, one that runs in every step, or none. Of a method of two stages
    the second is timed; the first is one epoch long, and not counted.
    """
    images = setting.images or (GPU_IMAGES if setting.device == "cuda" else CPU_IMAGES)
    shared = {"loop": "method", "setting": setting, "network": network(STUDENT), "teacher": network(TEACHER)}
    shared |= {"images": images, "batch": BATCH, "repetitions": setting.repeats + 1}
    names = [name for name in registry.methods() if name != PLAIN]
    for group in (names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE)):
        commands = {name: command(Spec(method=name, **shared)) for name in (PLAIN, *group)}
        rows = interleave(f"methods {', '.join(group)}", commands, setting.repeats)
        plain = column(rows[PLAIN], "step_seconds")
        for name in group:
            steps = column(rows[name], "step_seconds")
            row = {"method": name, "teacher": what_it_has(name), "batch": BATCH, "images": images}
            yield row | {"step": stat(steps), "plain": stat(plain), "ratio": stat(ratios(steps, plain))}


def what_it_has(method: str) -> str:
    """Of a teacher: "none", "stored" or "live"."""
    needs = set(registry.find_method(method).constants["NEEDS"]) - {"own_stages"}
    return "none" if not needs else "stored" if needs <= {"logits", "members"} else "live"
