"""From a study to the configuration of each of its trainings."""

from typing import Any

from kd.config.study import NO_TEACHER, Network, Study, chain_of
from kd.jobs.training import TrainJob
from kd.roles import ALONE, DISTILLED, TEACHER, WITHOUT_TEACHER

LABELS_ONLY = "cross_entropy"  # the method of every network that learns from labels alone


def teacher_job(study: Study, teacher: str) -> TrainJob:
    """A teacher, trained once with its own seed."""
    network = study.teachers[teacher]
    return _train_job(network, role=TEACHER, seed=network.seed, methods=[(LABELS_ONLY, {})])


def baseline_job(study: Study, student: str, seed: int) -> TrainJob:
    """A student trained without a teacher."""
    return _train_job(study.students[student], role=ALONE, seed=seed, methods=[(LABELS_ONLY, {})])


def distill_job(study: Study, teacher: str, student: str, method: str, seed: int) -> TrainJob:
    """A student of a teacher. Nothing of the teacher's configuration is in it but the name."""
    network, chain = study.students[student], study.methods[method].chain(student)
    name, weights = name_of(teacher), [1.0] if chain else study.weights(teacher)
    return _distill_job(study, network, name, method, seed, weights=weights)


def intermediate_job(study: Study, teacher: str, method: str, chain: str, seed: int) -> TrainJob:
    """The last network of a chain that begins below `teacher`: distilled as a student, but not compared."""
    networks = chain_of(chain)
    *before, name = networks
    weights = [1.0] if before else study.weights(teacher)
    by = "+".join([teacher, *before])
    return _distill_job(study, study.network(name), by, method, seed, weights=weights, draw=len(networks))


def name_of(teacher: str) -> str:
    """What a job calls a teacher that a path names."""
    return WITHOUT_TEACHER if teacher == NO_TEACHER else teacher


def _distill_job(
    study: Study, network: Network, teacher: str, method: str, seed: int, **options: Any
) -> TrainJob:
    names = {"role": DISTILLED, "teacher": teacher, "method_name": method}
    return _train_job(network, seed=seed, methods=study.methods[method].parts, **names, **options)


def _train_job(network: Network, **options: Any) -> TrainJob:
    return TrainJob(
        name=network.name,
        architecture=network.architecture,
        options=network.options,
        recipe=network.recipe,
        **options,
    )
