"""The fingerprint of a job: of its script, and of the plug-ins that its configuration names."""

from kd import registry
from kd.code.fingerprint import fingerprint
from kd.jobs.base import Job
from kd.jobs.data import DataJob, GatherJob
from kd.jobs.export import ExportJob
from kd.jobs.teachers import ExternalJob
from kd.jobs.training import TrainJob

TEXTS = {"export_student.py": ("kd/export/card/card.md.jinja",)}  # templates, which no import names


def code_of(script: str, job: Job) -> str:
    """Of what this job runs: its own data set, architecture and methods, no other, and its templates."""
    return fingerprint(script, plugins(job), TEXTS.get(script, ()))


def plugins(job: Job) -> tuple[str, ...]:
    """The modules that the script of a job imports because its configuration names them."""
    match job:
        case DataJob() | GatherJob():
            return (registry.find_dataset(job.name).module,)
        case ExternalJob():
            return (registry.find_architecture(job.architecture).module,)
        case TrainJob():
            methods = (registry.find_method(method).module for method, _ in job.methods)
            return (registry.find_architecture(job.architecture).module, *methods)
        case ExportJob():
            return plugins(job.run)
    return ()
