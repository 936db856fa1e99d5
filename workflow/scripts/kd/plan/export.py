"""From a study to the jobs that measure and export its networks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kd import registry
from kd.config.study.methods import Method
from kd.config.study.networks import External, Network
from kd.config.study.study import Study
from kd.jobs.export import ExportJob
from kd.plan.data import places
from kd.plan.training import distill_job
from kd.results.latency import changed_name
from kd.sweep.values import RECIPE


def measured(study: Study) -> dict[str, dict[str, Any]]:
    """The networks whose latency is measured, by name: of each what decides it, and no more.

    A teacher that shares its name with a student that is another network is called "teachers/<name>", and a
    student to which its method gives other layers by its pair and method (kd.results.latency.changed_name).
    """
    networks = {name: _about(network) for name, network in study.students.items()}
    for name, network in (study.teachers | study.externals).items():
        about = _about(network)
        networks[name if networks.get(name, about) == about else f"teachers/{name}"] = about
    return networks | dict(_changed(study))


def _about(network: Network | External) -> dict[str, Any]:
    return {"architecture": network.architecture, "options": network.options}


def _changed(study: Study) -> Iterator[tuple[str, dict[str, Any]]]:
    """Students to which a method gives other layers, with `methods`, which do so, and `by`.

    These are the networks that teach them: the teacher, None where it is no single network, and those
    between. The methods are None where a sweep is to choose their options.
    """
    for name, method in study.methods.items():
        if not any(_changes_student(part) for part, _ in method.parts):
            continue
        for teacher, student in study.pairs_of(name):
            network = (study.teachers | study.externals).get(teacher)
            between = [_about(study.network(link)) for link in method.chain(student)]
            by = [_about(network) if network else None, *between]
            job = distill_job(study, teacher, student, name, study.seeds[0])
            parts = [list(part) for part in job.methods if _changes_student(part[0])]
            methods = None if _swept(study, method) else parts
            about = _about(study.students[student]) | {"methods": methods, "by": by}
            yield changed_name(job.teacher, student, name), about


def _changes_student(method: str) -> bool:
    constants = registry.find_method(method).constants
    return bool(constants.get("CHANGES_STUDENT") and not constants.get("MERGES_CHANGES"))


def _swept(study: Study, method: Method) -> bool:
    over = study.sweeps[method.name].over if method.name in study.sweeps else ()
    return any(not key.startswith(RECIPE) for key in over)


def modules(networks: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Where the architectures of these networks are defined, and the methods that give them layers."""
    teachers = [by for about in networks.values() for by in about.get("by", ()) if by]
    names = {about["architecture"] for about in (*networks.values(), *teachers)}
    methods = {name for about in networks.values() for name, _ in about.get("methods") or ()}
    architectures = {registry.find_architecture(name).module for name in names}
    return tuple(sorted(architectures | {registry.find_method(name).module for name in methods}))


def export_job(study: Study, teacher: str, student: str, method: str) -> ExportJob:
    """What decides the folder in which a student is exported, beside the files that it is made from."""
    dataset = study.dataset.name
    # What the user calls the data: the folder that holds them, or the data set's name.
    folders = [Path(folder).absolute().name for folder in places(study).values()]
    return ExportJob(
        study=study.name,
        run=distill_job(study, teacher, student, method, study.seeds[0]),
        chain=study.methods[method].chain(student),
        settings=study.export,
        target_accuracy=study.diagnostics.target_accuracy,
        data_name=next(filter(None, folders), dataset),
        hub_data=registry.find_dataset(dataset).constants.get("HUB"),
    )
