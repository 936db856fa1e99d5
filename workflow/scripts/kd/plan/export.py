"""From a study to what the jobs that measure and ship its networks are told."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kd import registry
from kd.config.study import External, Method, Network, Study
from kd.jobs.export import ExportJob
from kd.plan import training as jobs
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
    """Students to which a method gives other layers, with `methods`, which do so, and `by`, who taught them.

    Those are the teacher, None where it is no single network, and the networks between. The methods are None
    where a sweep is to choose their options.
    """
    for name, method in study.methods.items():
        if not (parts := [part for part in method.parts if _changes_student(part[0])]):
            continue
        known = None if _swept(study, method) else [list(part) for part in parts]
        for teacher, student in study.pairs_of(name):
            between = [_about(study.network(each)) for each in method.chain(student)]
            taught_by = (study.teachers | study.externals).get(teacher)
            by = [_about(taught_by) if taught_by else None, *between]
            about = _about(study.students[student]) | {"methods": known, "by": by}
            shown = jobs.distill_job(study, teacher, student, name, study.seeds[0]).teacher
            yield changed_name(shown, student, name), about


def _changes_student(method: str) -> bool:
    return bool(registry.methods()[method].constants.get("CHANGES_STUDENT"))


def _swept(study: Study, method: Method) -> bool:
    over = study.sweeps[method.name].over if method.name in study.sweeps else ()
    return any(not key.startswith(RECIPE) for key in over)


def modules(networks: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Where the architectures of these networks are defined, and the methods that give them layers."""
    taught_by = [by for about in networks.values() for by in about.get("by", ()) if by]
    names = {about["architecture"] for about in (*networks.values(), *taught_by)}
    methods = {name for about in networks.values() for name, _ in about.get("methods") or ()}
    found = {registry.find_architecture(name).module for name in names}
    return tuple(sorted(found | {registry.methods()[name].module for name in methods}))


def export_job(study: Study, teacher: str, student: str, method: str) -> ExportJob:
    """What decides the folder in which a student is shipped, beside the files that it is made from."""
    run = jobs.distill_job(study, teacher, student, method, study.seeds[0])
    chain = study.methods[method].chain(student)
    about = {"data_name": _data_name(study), "hub_data": _constants(study).get("HUB")}
    return ExportJob(study=study.name, run=run, chain=chain, settings=study.export, **about)


def _data_name(study: Study) -> str:
    """What the user calls the data: the folder that holds them, or the data set's name."""
    folders = [Path(place).absolute().name for place in jobs.places(study).values()]
    return next(filter(None, folders), study.dataset.name)


def _constants(study: Study) -> dict[str, Any]:
    return registry.datasets()[study.dataset.name].constants


def export_modules(job: ExportJob) -> tuple[str, ...]:
    """Where the network of an export is defined, and the methods that may have given it layers."""
    methods = (registry.methods()[name].module for name, _ in job.run.methods)
    return (registry.find_architecture(job.run.architecture).module, *methods)
