"""From a study to the configuration of each of its jobs."""

from typing import Any

from kd import registry
from kd.config.study import NO_TEACHER, External, Network, Study
from kd.errors import UserError
from kd.io.files import digest
from kd.jobs.data import DataJob, GatherJob
from kd.jobs.diagnosis import ComparisonJob, DiagnosisJob
from kd.jobs.teachers import EnsembleJob, ExternalJob, LogitsTeacherJob
from kd.jobs.training import TrainJob
from kd.plan.user_files import content, listing, names_in
from kd.roles import ALONE, DISTILLED, TEACHER, TRIAL, UNTAUGHT
from kd.sweep.trials import rungs, trial_name
from kd.sweep.values import LENGTH, with_values

PLAIN = "cross_entropy"  # the method of every network that learns from labels alone


def places(study: Study) -> dict[str, str]:
    """The options of the data set that say where its images are."""
    watched = registry.datasets()[study.dataset.name].constants.get("WATCHES")
    return {watched: study.dataset.options[watched]} if watched else {}


def manner(study: Study) -> dict[str, Any]:
    """The options of the data set that say how its images are gathered, and not which."""
    names = registry.datasets()[study.dataset.name].constants.get("MANNER", ())
    return {name: study.dataset.options[name] for name in names}


def gather_job(study: Study) -> GatherJob | None:
    """What decides which images are gathered; None for a data set that gathers none."""
    data, entry = study.dataset, registry.datasets()[study.dataset.name]
    names = [name for name in entry.gathers if name not in manner(study)]
    return GatherJob(name=data.name, options={name: data.options[name] for name in names}) if names else None


def gathered(study: Study) -> str | None:
    """The name of the folder for what is gathered: another one for every choice."""
    job = gather_job(study)
    return digest(job.to_json()) if job else None


def data_job(study: Study) -> DataJob:
    """Which data set, and how it is split. Of a folder it is what counts that it holds, not where it is."""
    data = study.dataset
    where = places(study)
    elsewhere = {*where, *registry.datasets()[data.name].gathers}
    return DataJob(
        name=data.name,
        options={name: value for name, value in data.options.items() if name not in elsewhere},
        validation=data.validation,
        split_seed=data.split_seed,
        pad=data.pad,
        flip=data.flip,
        area=data.area,
        shards=data.shards,
        files=data.files,
        listing="".join(listing(place, **_listed_with(study)) for place in where.values()) or None,
        gathered=gathered(study),
    )


def _listed_with(study: Study) -> dict[str, Any]:
    """The options of the data set that say what of a folder counts."""
    names = registry.datasets()[study.dataset.name].constants.get("LISTED_WITH", ())
    return {name: study.dataset.options[name] for name in names}


def teacher_job(study: Study, teacher: str) -> TrainJob:
    """A teacher, trained once with its own seed."""
    network = study.teachers[teacher]
    return _train_job(network, role=TEACHER, seed=network.seed, methods=[(PLAIN, {})])


def ensemble_job(study: Study, teacher: str) -> EnsembleJob:
    """A teacher made of others."""
    ensemble = study.ensembles[teacher]
    return EnsembleJob(name=teacher, members=list(ensemble.members), weights=list(ensemble.weights))


def user_teachers(study: Study) -> tuple[dict[str, ExternalJob], dict[str, LogitsTeacherJob]]:
    """The teachers whose weights are the user's, and those of which the user has logits.

    Raises UserError with a line for each file that cannot be read.
    """
    externals, stored, wrong = {}, {}, []
    for name in (*study.externals, *study.logits_teachers):
        try:
            if name in study.externals:
                externals[name] = _external_job(study.externals[name])
            else:
                stored[name] = _stored_job(name, study.logits_teachers[name])
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        raise UserError("\n".join(wrong))
    return externals, stored


def _external_job(external: External) -> ExternalJob:
    sha256 = content(external.file, f"teachers.{external.name}.external")
    about = {"architecture": external.architecture, "options": external.options}
    return ExternalJob(name=external.name, sha256=sha256, **about)


def _stored_job(name: str, file: str) -> LogitsTeacherJob:
    key = f"teachers.{name}.logits"
    arrays = names_in(file, key)
    return LogitsTeacherJob(name=name, sha256=content(file, key), test="test_logits" in arrays)


def alone_job(study: Study, student: str, seed: int) -> TrainJob:
    """The baseline: a student that has no teacher."""
    return _train_job(study.students[student], role=ALONE, seed=seed, methods=[(PLAIN, {})])


def distill_job(study: Study, teacher: str, student: str, method: str, seed: int) -> TrainJob:
    """A student of a teacher. Nothing of the teacher's configuration is in it but the name."""
    network, chain = study.students[student], study.methods[method].chain(student)
    by = _taught_by(teacher)
    return _taught(study, network, by, method, seed, weights=[1.0] if chain else study.weights(teacher))


def rungs_of(study: Study, sweep: str, student: str) -> list[tuple[int, int]]:
    """How many trials of a sweep are trained for how many epochs; all alike, unless they are halved."""
    found, epochs = study.sweeps[sweep], study.students[student].recipe.epochs
    return rungs(len(found.trials), epochs) if found.halving else [(len(found.trials), epochs)]


def trials(study: Study, sweep: str, student: str) -> dict[str, dict[str, Any]]:
    """The values of every trial that a sweep may run, by its name; the length is one of them."""
    lengths = [epochs for _, epochs in rungs_of(study, sweep, student)]
    found = [(values, epochs) for epochs in lengths for values in study.sweeps[sweep].trials]
    return {trial_name(values, epochs): values | {LENGTH: epochs} for values, epochs in found}


def trial_job(study: Study, teacher: str, student: str, sweep: str, values: dict, seed: int) -> TrainJob:
    """A student of a teacher with values that are tried; its role keeps the test set from it."""
    job = distill_job(study, teacher, student, sweep, seed)
    return with_values(job.model_copy(update={"role": TRIAL}), values)


def rung_job(study: Study, sweep: str, student: str, rung: int) -> dict[str, Any]:
    """Which values were tried in a rung, how, and how many of them go on."""
    found, every = study.sweeps[sweep], rungs_of(study, sweep, student)
    keep = every[rung + 1][0] if rung + 1 < len(every) else 1
    return {"values": list(found.trials), "seeds": len(found.seeds), "epochs": every[rung][1], "keep": keep}


def sweep_plot_job(study: Study, sweep: str) -> dict[str, Any]:
    """What a plot of a sweep shows."""
    found = study.sweeps[sweep]
    pairs = [(_taught_by(teacher), student) for teacher, student in study.pairs_of(sweep)]
    titles = [f"{teacher} \N{RIGHTWARDS ARROW} {student}" for teacher, student in pairs]
    return {"titles": titles, "keys": list(found.over), "logarithmic": list(found.log)}


def link_job(study: Study, teacher: str, method: str, chain: tuple[str, ...], seed: int) -> TrainJob:
    """The last network of a chain that begins below `teacher`: taught as a student is, but not compared."""
    *before, name = chain
    weights = [1.0] if before else study.weights(teacher)
    by = "+".join([teacher, *before])
    return _taught(study, study.network(name), by, method, seed, weights=weights, draw=len(chain))


def teacher_diagnosis(study: Study, teacher: str) -> DiagnosisJob:
    """A look at a teacher."""
    seeds = [study.teachers[teacher].seed if teacher in study.teachers else None]
    return DiagnosisJob(role=TEACHER, name=teacher, seeds=seeds, **_looked_at(study))


def alone_diagnosis(study: Study, student: str) -> DiagnosisJob:
    """A look at a student that has no teacher."""
    return DiagnosisJob(role=ALONE, name=student, seeds=list(study.seeds), **_looked_at(study))


def distilled_diagnosis(study: Study, teacher: str, student: str, method: str) -> DiagnosisJob:
    """A look at the students of one teacher and method."""
    names = {"name": student, "teacher": _taught_by(teacher), "method": method}
    return DiagnosisJob(role=DISTILLED, seeds=list(study.seeds), **names, **_looked_at(study))


def comparison(study: Study, teacher: str, student: str, method: str) -> ComparisonJob:
    """The students of one teacher and method, which run beside what they were taught by."""
    return ComparisonJob(name=student, teacher=teacher, method=method, seeds=list(study.seeds))


def compares_stages(study: Study, teacher: str) -> bool:
    """Whether those of a teacher are wanted; it has some where it is one network."""
    return study.diagnostics.cka and (teacher in study.teachers or teacher in study.externals)


def _looked_at(study: Study) -> dict[str, Any]:
    return {"temperatures": list(study.diagnostics.temperatures), "worst": study.diagnostics.worst}


def _taught_by(teacher: str) -> str:
    return UNTAUGHT if teacher == NO_TEACHER else teacher


def _taught(study: Study, network: Network, teacher: str, method: str, seed: int, **rest: Any) -> TrainJob:
    parts = study.methods[method].parts
    names = {"role": DISTILLED, "teacher": teacher, "method_name": method}
    return _train_job(network, seed=seed, methods=parts, **names, **rest)


def _train_job(network: Network, **rest: Any) -> TrainJob:
    return TrainJob(
        name=network.name,
        architecture=network.architecture,
        options=network.options,
        recipe=network.recipe,
        **rest,
    )
