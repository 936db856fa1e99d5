"""From a study to what the jobs that measure and ship its networks are told."""

from collections.abc import Mapping
from typing import Any

from kd import catalog, jobs
from kd.shipping.job import ExportJob
from kd.study import External, Network, Study


def measured(study: Study) -> dict[str, dict[str, Any]]:
    """The networks whose latency is measured, by name: of each what decides it, and no more.

    A teacher that shares its name with a student that is another network is called "teachers/<name>".
    """
    networks = {name: _about(network) for name, network in study.students.items()}
    for name, network in (study.teachers | study.externals).items():
        about = _about(network)
        networks[name if networks.get(name, about) == about else f"teachers/{name}"] = about
    return networks


def _about(network: Network | External) -> dict[str, Any]:
    return {"architecture": network.architecture, "options": network.options}


def modules(networks: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Where the architectures of these networks are defined."""
    names = {about["architecture"] for about in networks.values()}
    return tuple(sorted({catalog.find_architecture(name).module for name in names}))


def export_job(study: Study, teacher: str, student: str, method: str) -> ExportJob:
    """What decides the folder in which a student is shipped, beside the files that it is made from."""
    run = jobs.distill_job(study, teacher, student, method, study.seeds[0])
    chain = study.methods[method].chain(student)
    return ExportJob(study=study.name, run=run, chain=chain, settings=study.export)


def export_modules(job: ExportJob) -> tuple[str, ...]:
    """Where the network of an export is defined, and the methods that may have given it layers."""
    methods = (catalog.methods()[name].module for name, _ in job.run.methods)
    return (catalog.find_architecture(job.run.architecture).module, *methods)
