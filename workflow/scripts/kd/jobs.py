"""From a study to the configuration of each of its jobs."""

from typing import Any

from kd import catalog
from kd.chosen import with_values
from kd.job import DataJob, EnsembleJob, TrainJob
from kd.listing import listing
from kd.study import NO_TEACHER, Network, Study
from kd.sweep import trial_name

PLAIN = "cross_entropy"  # the method of every network that learns from labels alone


def places(study: Study) -> dict[str, str]:
    """The options of the data set that say where its images are."""
    watched = catalog.datasets()[study.dataset.name].constants.get("WATCHES")
    return {watched: study.dataset.options[watched]} if watched else {}


def data_job(study: Study) -> DataJob:
    """Which data set, and how it is split. Of a folder it is what counts that it holds, not where it is."""
    data = study.dataset
    where = places(study)
    return DataJob(
        name=data.name,
        options={name: value for name, value in data.options.items() if name not in where},
        validation=data.validation,
        split_seed=data.split_seed,
        pad=data.pad,
        flip=data.flip,
        files=data.files,
        listing="".join(map(listing, where.values())) or None,
    )


def teacher_job(study: Study, teacher: str) -> TrainJob:
    """A teacher, trained once with its own seed."""
    network = study.teachers[teacher]
    return _train_job(network, role="teacher", seed=network.seed, methods=[(PLAIN, {})])


def ensemble_job(study: Study, teacher: str) -> EnsembleJob:
    """A teacher made of others."""
    ensemble = study.ensembles[teacher]
    return EnsembleJob(name=teacher, members=list(ensemble.members), weights=list(ensemble.weights))


def alone_job(study: Study, student: str, seed: int) -> TrainJob:
    """The baseline: a student that has no teacher."""
    return _train_job(study.students[student], role="alone", seed=seed, methods=[(PLAIN, {})])


def distill_job(study: Study, teacher: str, student: str, method: str, seed: int) -> TrainJob:
    """A student of a teacher. Nothing of the teacher's configuration is in it but the name."""
    network, chain = study.students[student], study.methods[method].chain(student)
    by = _taught_by(teacher)
    return _taught(study, network, by, method, seed, weights=[1.0] if chain else study.weights(teacher))


def trials(study: Study, sweep: str, student: str) -> dict[str, dict[str, Any]]:
    """The values of every trial of a sweep by its name, in their order."""
    epochs = study.students[student].recipe.epochs
    return {trial_name(values, epochs): values for values in study.sweeps[sweep].trials}


def trial_job(study: Study, teacher: str, student: str, sweep: str, values: dict, seed: int) -> TrainJob:
    """A student of a teacher with values that are tried; its role keeps the test set from it."""
    job = distill_job(study, teacher, student, sweep, seed)
    return with_values(job.model_copy(update={"role": "trial"}), values)


def choose_job(study: Study, sweep: str, student: str) -> dict[str, Any]:
    """Which values were tried, and how."""
    found = study.sweeps[sweep]
    epochs = study.students[student].recipe.epochs
    return {"values": list(found.trials), "seeds": len(found.seeds), "epochs": epochs}


def sweep_plot_job(study: Study, sweep: str) -> dict[str, Any]:
    """What a plot of a sweep shows."""
    found = study.sweeps[sweep]
    pairs = [(_taught_by(teacher), student) for teacher, student in study.couples(sweep)]
    titles = [f"{teacher} \N{RIGHTWARDS ARROW} {student}" for teacher, student in pairs]
    return {"titles": titles, "keys": list(found.over), "logarithmic": list(found.log)}


def link_job(study: Study, teacher: str, method: str, chain: tuple[str, ...], seed: int) -> TrainJob:
    """The last network of a chain that begins below `teacher`: taught as a student is, but not compared."""
    *before, name = chain
    weights = [1.0] if before else study.weights(teacher)
    by = "+".join([teacher, *before])
    return _taught(study, study.network(name), by, method, seed, weights=weights, draw=len(chain))


def _taught_by(teacher: str) -> str:
    return "(none)" if teacher == NO_TEACHER else teacher


def _taught(study: Study, network: Network, teacher: str, method: str, seed: int, **rest: Any) -> TrainJob:
    parts = study.methods[method].parts
    names = {"role": "distilled", "teacher": teacher, "method_name": method}
    return _train_job(network, seed=seed, methods=parts, **names, **rest)


def _train_job(network: Network, **rest: Any) -> TrainJob:
    return TrainJob(
        name=network.name,
        architecture=network.architecture,
        options=network.options,
        recipe=network.recipe,
        **rest,
    )
