"""From a study to the jobs of teachers that it does not train, and of the logits that students read."""

from pathlib import Path

from kd.config.study.networks import External
from kd.config.study.study import Study
from kd.errors import UserError
from kd.io.weight_files import other_kind
from kd.jobs.teachers import EnsembleJob, ExternalJob, LogitsTeacherJob, TargetsJob
from kd.plan.user_files import content, names_in, reading

MOST = 8  # batches at once: each takes memory for its feature maps, up to 1.5 GB


def ensemble_job(study: Study, ensemble: str) -> EnsembleJob:
    """A teacher made of others."""
    teacher = study.ensembles[ensemble]
    return EnsembleJob(name=ensemble, members=list(teacher.members), weights=list(teacher.weights))


def targets_job(study: Study, seed: int, epochs: int) -> TargetsJob:
    """The logits of a teacher that students of this seed and length read."""
    about = {"augmentation": study.dataset.augmentation, "top_k": study.targets.top_k}
    return TargetsJob(seed=seed, epochs=epochs, **about)


def targets_at_once(study: Study, slots: int) -> int:
    """How many batches each job of targets computes at the same time, where `slots` jobs run at once.

    As many as leave no slot idle when all such jobs of the study run, at most MOST; one where there are as
    many jobs as slots. A teacher that is not trained here is there at once: its targets share what is left by
    all jobs that wait for none, because a job that asks for more would wait for the end of those. Trials of
    sweeps and networks in chains are not counted.
    """
    pairs = [(method, *pair) for method in study.methods for pair in study.pairs_of(method)]
    stored = [pair for pair in pairs if study.uses_targets(*pair[:2])]
    needed = {
        (network, seed, study.students[student].recipe.epochs)
        for _, teacher, student in stored
        for network in study.networks_of(teacher)
        for seed in study.seeds
    }
    computed = {target for target in needed if target[0] not in study.logits_teachers}
    if not computed:
        return 1
    if not {network for network, *_ in needed} <= set(study.teachers):
        waiting = [pair for pair in stored if pair[1] not in study.logits_teachers]
        others = len(study.students) + len(pairs) - len(waiting)
        slots -= len(study.teachers) + others * len(study.seeds)
    return min(MOST, max(1, slots // len(computed)))


def user_teachers(study: Study) -> tuple[dict[str, ExternalJob], dict[str, LogitsTeacherJob]]:
    """The teachers whose weights are the user's, and those of which the user has logits.

    Raises UserError with a line for each file that cannot be read.
    """
    externals, logits, errors = {}, {}, []
    for name in (*study.externals, *study.logits_teachers):
        try:
            if name in study.externals:
                externals[name] = _external_job(study.externals[name])
            else:
                logits[name] = _logits_job(study, name)
        except UserError as error:
            errors.append(str(error))
    if errors:
        raise UserError("\n".join(errors))
    return externals, logits


def _external_job(external: External) -> ExternalJob:
    key = f"teachers.{external.name}.external"
    sha256 = content(external.file, key)
    with reading(external.file, key):
        if kind := other_kind(Path(external.file).expanduser()):
            raise UserError(f"{key}: {external.file[-60:]!r} is {kind}")
    fields = ("name", "architecture", "options", "mean", "std")
    return ExternalJob(**{name: getattr(external, name) for name in fields}, sha256=sha256)


def _logits_job(study: Study, name: str) -> LogitsTeacherJob:
    key, file = f"teachers.{name}.logits", study.logits_teachers[name]
    test, shown = "test_logits" in names_in(file, key), study.dataset.augmentation
    return LogitsTeacherJob(name=name, sha256=content(file, key), test=test, augmentation=shown)
