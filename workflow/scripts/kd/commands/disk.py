"""How much disk the files of a study will take that are not there yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from kd.commands.images import Images
from kd.commands.jobs import PlannedJob
from kd.commands.times import Earlier, Pace, key_of, training_of
from kd.plan.files import Plan
from kd.teachers.size import expected_entries, longest, store_bytes

LOGIT, WEIGHT = 4, 4  # bytes
BOARD = 200_000  # bytes of the TensorBoard events, history and metrics of a run, about
KEPT = (
    "train_teacher",
    "train_baseline",
    "distill_student",
    "distill_intermediate",
)  # a trial keeps no weights


def bytes_needed(
    plan: Plan, jobs: Iterable[PlannedJob], images: Images, earlier: Earlier, paces: Mapping[str, Pace]
) -> dict[str, int]:
    """Bytes of the prepared images, of the cached teacher logits, and of the runs."""
    jobs = list(jobs)
    return {
        "images": _images(plan, images),
        "cached teacher logits": _targets(plan, jobs, images),
        "weights and logs": sum(_run(plan, job, images, earlier, paces) for job in jobs if job.rule in KEPT),
    }


def _images(plan: Plan, images: Images) -> int:
    if Path(plan.layout.dataset).is_file():
        return 0
    height, width, channels = images.shape
    return (images.train + images.validation + images.test) * height * width * channels


def _targets(plan: Plan, jobs: Iterable[PlannedJob], images: Images) -> int:
    """Of each teacher, what its students see beyond what those see whose targets are there."""
    planned = defaultdict(set)
    for job in jobs:
        if job.rule == "cache_targets":
            planned[job.wildcards["teacher"]].add((int(job.wildcards["seed"]), int(job.wildcards["epochs"])))
    top_k, size = plan.study.targets.top_k, 0
    for teacher, runs in planned.items():
        notes = Path(plan.layout.targets_table(teacher)).parent.glob("*/*.json")
        there = {(int(note.parent.name), int(note.stem)) for note in notes} - runs
        entries = (
            expected_entries(images.train, images.augmentation, longest(some))
            for some in (there | runs, there)
        )
        size += store_bytes(next(entries) - next(entries), images.classes, top_k)
    return size


def _run(plan: Plan, job: PlannedJob, images: Images, earlier: Earlier, paces: Mapping[str, Pace]) -> int:
    run = training_of(plan, job)
    if run is None:
        return 0
    pace = paces.get(key_of(run))
    weights = earlier.weights(run) or (pace.parameters * WEIGHT if pace else 0)
    return weights + (images.validation + images.test) * images.classes * LOGIT + BOARD
