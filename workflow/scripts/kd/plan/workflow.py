"""What Snakemake itself asks of a study: what its wildcards may be, and what scripts read in its config."""

from typing import Any

from kd import registry
from kd.config.study.networks import NO_TEACHER
from kd.config.study.study import Study
from kd.plan.data import manner, places
from kd.plan.layout import Layout


def wildcards(study: Study) -> dict[str, str]:
    """A regular expression for each wildcard."""
    names = {
        "teacher": [*study.teachers, *study.untrained, NO_TEACHER],
        "ensemble": study.ensembles,
        "external": study.externals,
        "logits_teacher": study.logits_teachers,
        "student": study.students,
        "method": study.methods,
    }
    numbers = dict.fromkeys(("seed", "rung", "epochs"), "[0-9]+")
    texts = {"chain": "[A-Za-z0-9_+.-]+", "trial": "[0-9a-f]+", "file": "[A-Za-z0-9][A-Za-z0-9_.-]*"}
    return {name: "|".join(values) or NO_TEACHER for name, values in names.items()} | numbers | texts


def script_config(study: Study) -> dict[str, Any]:
    """What scripts read in the config: no part of a result, and so of no job's params."""
    layout = Layout(study.name)
    externals = {name: external.file for name, external in study.externals.items()}
    return {
        "compute": study.compute.model_dump(),
        "mirror": study.dataset.mirror,
        "sizes": registry.find_dataset(study.dataset.name).constants.get("SIZES", {}),
        "places": places(study),
        "manner": manner(study),
        "user_files": study.logits_teachers | externals,
        "work": layout.work,
        "progress": layout.progress,
    }
