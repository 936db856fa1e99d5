"""The gate before all timing: a loop may only be called faster if it computes the same.

Three checks: our training reaches the accuracy of the usual loop on a small real task; a teacher's stored
logits are its live ones but for float16; and the comparison that says so notices views shifted by one.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean, variance
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from bench import ours, small_task
from bench.answers import compare
from bench.interleave import tell
from kd.errors import UserError

# In points of test accuracy. Its standard deviation over 30 seeds was 0.58 (ours) and 0.68 (usual loop), and
# of their samples of five fewer than one in 500 failed. Of loops 2.5 points apart one in 100 would pass.
SLACK = 0.5  # by which the means may differ beyond the noise
MOST_NOISE = 3.0  # half-width of the interval, above which it tells nothing
LEARNT = 90.0  # percent: two loops that learn nothing are equal too
TEACHER_SEED, TEACHER_EPOCHS, STUDENT_EPOCHS = 1000, 5, 3

Check = dict[str, Any]


def run_gate(seeds: int = 5, device: str = "auto", compile: str = "auto") -> dict[str, Any]:
    """Run the checks, in about a minute, and return the verdict; what fails raises nothing.

    "passed"; "message": what the failed checks say; "checks": for each "name", "passed", "text" and
    "numbers"; "seconds". `seeds`: trainings of each loop, two at least; `compile` as for what is measured.
    """
    started = time.monotonic()
    where, task = ours.set_up_device(device, threads=1), small_task.load_task()
    checks = [
        _run("same accuracy", partial(_check_accuracy, task, seeds, where, compile)),
        _run("stored = live", lambda: judge_stored(_errors(task, where, compile, shift=0))),
        _run("shifted view", lambda: judge_shifted(_errors(task, where, compile, shift=1))),
    ]
    failed = [check["text"] for check in checks if not check["passed"]]
    seconds = time.monotonic() - started
    return {"passed": not failed, "message": "; ".join(failed), "checks": checks, "seconds": seconds}


def _run(name: str, check: Callable[[], Check]) -> Check:
    """A check under its name; a loop that could not even run has failed."""
    try:
        result = check()
    except UserError as error:
        result = {"passed": False, "text": f"{name}: {error}", "numbers": {}}
    tell("gate", f"{'passed' if result['passed'] else 'FAILED'}: {result['text']}")
    return {"name": name, **result}


def _check_accuracy(task: small_task.Task, seeds: int, device: torch.device, compile: str) -> Check:
    ours_compiled = partial(small_task.accuracy_of_ours, compile=compile)
    loops = {"ours": ours_compiled, "reference": small_task.accuracy_of_reference}
    accuracies: dict[str, list[float]] = {name: [] for name in loops}
    for seed in range(seeds):
        for name, accuracy in loops.items():
            accuracies[name].append(accuracy(task, seed, device))
        scores = ", ".join(f"{name} {values[-1]:.2f} %" for name, values in accuracies.items())
        tell("gate", f"seed {seed + 1} of {seeds}: {scores}")
    return judge_accuracies(accuracies["ours"], accuracies["reference"])


def judge_accuracies(ours: Sequence[float], reference: Sequence[float]) -> Check:
    """Whether two loops are equally accurate: test accuracies in percent, one for each seed.

    Passes if the means differ by no more than the half-width of Welch's 95 % interval and SLACK, the
    interval is narrow enough to tell, and the usual loop has learnt its task.
    """
    means, noise = (fmean(ours), fmean(reference)), welch_half_width(ours, reference)
    difference, allowed = means[0] - means[1], noise + SLACK
    text = f"ours {means[0]:.2f} %, usual loop {means[1]:.2f} % ({len(ours)} seeds each):"
    text += f" they differ by {abs(difference):.2f} points, {allowed:.2f} are allowed"
    if noise > MOST_NOISE:
        text += f"; the seeds differ too much to tell (±{noise:.2f}, at most {MOST_NOISE:g})"
    if means[1] < LEARNT:
        text += f"; the usual loop has not learnt its task ({LEARNT:g} %)"
    return {
        "passed": abs(difference) <= allowed and noise <= MOST_NOISE and means[1] >= LEARNT,
        "text": text,
        "numbers": {
            "ours": list(ours),
            "reference": list(reference),
            "difference": difference,
            "allowed": allowed,
        },
    }


def welch_half_width(a: Sequence[float], b: Sequence[float]) -> float:
    """Half-width of the 95 % interval of the difference of two means; Welch 1947, unequal variances.

    The degrees of freedom are Welch and Satterthwaite's. Raises UserError for fewer than two values.
    """
    if min(len(a), len(b)) < 2:
        raise UserError("the gate needs two seeds at least: one does not show the noise")
    parts = [variance(values) / len(values) for values in (a, b)]
    if not any(parts):
        return 0.0
    degrees = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (a, b), strict=True))
    return float(stats.t.ppf(0.975, degrees)) * math.sqrt(sum(parts))


def _errors(task: small_task.Task, device: torch.device, compile: str, shift: int) -> Tensor:
    """The largest error of stored logits for every training image; see answers.compare.

    Digits are mirrored here, although that changes their meaning, so that half of the views are.
    """
    pictures = replace(task.train, flip=True)
    teacher = small_task.train_ours(task, TEACHER_SEED, device, TEACHER_EPOCHS, compile)
    student = small_task.new_student(task, seed=0).to(device=device, memory_format=torch.channels_last)
    return compare(
        teacher.eval(), student, pictures, device, epochs=STUDENT_EPOCHS, shift=shift, compile=compile
    )


def judge_stored(worst: Tensor) -> Check:
    """Whether stored logits are the live ones: `worst` as of answers.compare, agreement up to 1."""
    text = f"of {len(worst)} images the worst logit is off by {worst.max():.2f} of what rounding allows"
    return {"passed": bool((worst <= 1).all()), "text": text, "numbers": {"worst": worst.max().item()}}


def judge_shifted(worst: Tensor) -> Check:
    """Whether that comparison failed with every view shifted by one, as it has to."""
    share = (worst > 1).double().mean().item()
    text = f"with every view shifted by one, {share:.1%} of the images disagree"
    if judge_stored(worst)["passed"]:
        text += ": the gate itself is broken, it does not notice a wrong view"
    return {
        "passed": not judge_stored(worst)["passed"],
        "text": text,
        "numbers": {"share": share},
    }


if __name__ == "__main__":
    print(json.dumps(run_gate(device=sys.argv[1], compile=sys.argv[2])))
