"""Results that Snakemake has no record of: whether they are what the study would make now.

Snakemake compares a result with its record of what made it, and keeps what has none: after `.snakemake` was
lost, a folder renamed, or the power cut before the record was on the disk. Then a later edit of the config
would change nothing, without a word. Each result therefore carries the digest of its job.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kd.config.study.methods import chain_name
from kd.errors import UserError
from kd.io.files import read_json
from kd.jobs.base import Job
from kd.plan import training
from kd.plan.code import code_of
from kd.plan.files import Plan
from kd.plan.layout import Folder
from kd.plan.teachers import ensemble_job

METADATA = Path(".snakemake/metadata")
LONGEST = 255  # bytes of a file's name; the name of a record that is longer goes on in a folder


def unrecorded(plan: Plan, metadata: Path = METADATA) -> list[str]:
    """A line on results without a record that differ from the plan, and one on those that do not."""
    other, same = [], []
    for path, digest in dict(_planned(plan)).items():  # students share networks of chains
        if Path(path).is_file() and not _has_record(path, metadata):
            (same if _digest_in(Path(path)) == digest() else other).append(path)
    root, lines = plan.layout.root, []
    if other:
        lines.append(
            f"{root}: {len(other)} results were made with another configuration, code or data, and Snakemake"
            " has no record of them, so they stay as they are; delete them to have them made again:"
            f" {_some(other)}"
        )
    if same:
        lines.append(
            f"{root}: Snakemake has no record of {len(same)} results, which are what the study would make;"
            " have them recorded, or it does not notice later changes: snakemake --touch --forceall, with the"
            " same --configfile"
        )
    return lines


def _some(paths: list[str], most: int = 3) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + more


def _digest_in(path: Path) -> str | None:
    try:
        return read_json(path).get("job")
    except (UserError, AttributeError):
        return None


def _has_record(path: str, metadata: Path) -> bool:
    """Whether Snakemake has one that is not empty, in a file that it names by the result's path."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + LONGEST - 1] for start in range(0, len(name), LONGEST - 1)]
    record = metadata.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
    return record.is_file() and record.stat().st_size > 0


def _planned(plan: Plan) -> Iterator[tuple[str, Callable[[], str]]]:
    """The files of the study that carry the digest of their job, each with what it should be."""
    yield plan.layout.summary, partial(_digest, "prepare_data.py", partial(_itself, plan.data))
    for folder, script, job in _jobs(plan):
        yield folder.file("metrics"), partial(_digest, script, job)


def _digest(script: str, job: Callable[[], Job]) -> str:
    made = job()
    return made.digest(code_of(script, made))


def _jobs(plan: Plan) -> Iterator[tuple[Folder, str, Callable[[], Job]]]:
    """The folder, script and job of everything that is trained, built or imported."""
    study, teacher = plan.study, plan.layout.teacher
    for name in study.teachers:
        yield teacher(name), "train.py", partial(training.teacher_job, study, name)
    for name in study.ensembles:
        yield teacher(name), "build_ensemble.py", partial(ensemble_job, study, name)
    for script, jobs in (("import_weights.py", plan.externals), ("import_logits.py", plan.logits)):
        for name, job in jobs.items():
            yield teacher(name), script, partial(_itself, job)
    for folder, job in _students(plan):
        for seed in study.seeds:
            yield folder.seed(seed), "train.py", partial(job, seed=seed)
    for folder, job, seeds in _trials(plan):
        for seed in seeds:
            yield folder.seed(seed), "train.py", partial(job, seed=seed)


def _itself(job: Job) -> Job:
    return job


def _students(plan: Plan) -> Iterator[tuple[Folder, Callable[..., Job]]]:
    """The folders of baselines, students and the networks between; and their jobs, which need the seed."""
    study, layout = plan.study, plan.layout
    for student in study.students:
        yield layout.baseline(student), partial(training.baseline_job, study, student)
    for name, method in study.methods.items():
        for teacher, student in study.pairs_of(name):
            job = partial(training.distill_job, study, teacher, student, name)
            yield layout.distilled(teacher, student, name), job
            chain = method.chain(student)
            for links in (chain_name(chain[:end]) for end in range(1, len(chain) + 1)):
                job = partial(training.intermediate_job, study, teacher, name, links)
                yield layout.intermediate(teacher, name, links), job


def _trials(plan: Plan) -> Iterator[tuple[Folder, Callable[..., Job], Sequence[int]]]:
    """The folders of trials, their jobs, which need the seed, and the seeds."""
    for method, sweep in plan.study.sweeps.items():
        for teacher, student in plan.study.pairs_of(method):
            for trial in training.trials(plan.study, method, student):
                names = teacher, student, method, trial
                yield plan.layout.trial(*names), partial(plan.trial_job, *names), sweep.seeds
