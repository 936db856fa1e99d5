"""How much disk the files of a study will take that are not there yet."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from kd.commands.images import Images
from kd.commands.jobs import PlannedJob
from kd.commands.times import Earlier, Pace, key_of, training_of
from kd.plan.files import Plan

LOGIT, WEIGHT, CACHED = 4, 4, 2  # bytes
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
        "cached teacher logits": _tables(plan, jobs, images),
        "weights and logs": sum(_run(plan, job, images, earlier, paces) for job in jobs if job.rule in KEPT),
    }


def _images(plan: Plan, images: Images) -> int:
    if Path(plan.layout.dataset).is_file():
        return 0
    height, width, channels = images.shape
    return (images.train + images.validation + images.test) * height * width * channels


def _tables(plan: Plan, jobs: Iterable[PlannedJob], images: Images) -> int:
    """A table of float16 for each teacher, of all views; what is there of it is there in full length."""
    teachers = {job.wildcards["teacher"] for job in jobs if job.rule == "cache_targets"}
    missing = [name for name in teachers if not any(Path(plan.layout.targets_table(name)).glob("*.npy"))]
    return len(missing) * images.views * images.train * images.classes * CACHED


def _run(plan: Plan, job: PlannedJob, images: Images, earlier: Earlier, paces: Mapping[str, Pace]) -> int:
    run = training_of(plan, job)
    if run is None:
        return 0
    pace = paces.get(key_of(run))
    weights = earlier.weights(run) or (pace.parameters * WEIGHT if pace else 0)
    return weights + images.test * images.classes * LOGIT + BOARD
