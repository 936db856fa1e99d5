"""From a study to the jobs that compare and diagnose its networks."""

from typing import Any

from kd.config.study.study import Study
from kd.jobs.diagnosis import ComparisonJob, DiagnosisJob
from kd.plan.training import name_of
from kd.roles import ALONE, DISTILLED, TEACHER


def teacher_diagnosis(study: Study, teacher: str) -> DiagnosisJob:
    """Of a teacher."""
    seeds = [study.teachers[teacher].seed if teacher in study.teachers else None]
    return DiagnosisJob(role=TEACHER, name=teacher, seeds=seeds, **_options(study))


def baseline_diagnosis(study: Study, student: str) -> DiagnosisJob:
    """Of a student trained without a teacher."""
    return DiagnosisJob(role=ALONE, name=student, seeds=list(study.seeds), **_options(study))


def distilled_diagnosis(study: Study, teacher: str, student: str, method: str) -> DiagnosisJob:
    """Of the students of one teacher and method."""
    names = {"name": student, "teacher": name_of(teacher), "method": method}
    return DiagnosisJob(role=DISTILLED, seeds=list(study.seeds), **names, **_options(study))


def comparison(study: Study, teacher: str, student: str, method: str) -> ComparisonJob:
    """The students of one teacher and method, which run beside their teacher."""
    return ComparisonJob(name=student, teacher=teacher, method=method, seeds=list(study.seeds))


def compares_feature_maps(study: Study, teacher: str) -> bool:
    """Whether the feature maps of a teacher are compared: where that is wanted and it is one network."""
    return study.diagnostics.cka and (teacher in study.teachers or teacher in study.externals)


def _options(study: Study) -> dict[str, Any]:
    chosen = study.diagnostics
    return {
        "temperatures": list(chosen.temperatures),
        "worst": chosen.worst,
        "target_accuracy": chosen.target_accuracy,
    }
