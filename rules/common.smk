"""The study behind the config, and what its rules share: resources, and how they call the library (kd/plan/)."""

import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# What a module fetches with github(...) lies in Snakemake's cache, file by file, where scripts find no package.
if not isinstance(workflow.current_basedir, os.PathLike):
    raise WorkflowError(
        "This workflow is run from a clone, because its scripts need the package workflow/scripts/kd on the disk:"
        " git clone the repository, and start snakemake there; see config/README.md."
    )
sys.path.insert(0, str(Path(workflow.current_basedir).parent / "workflow" / "scripts"))

from kd.code.fingerprint import fingerprint
from kd.code.planned import announce_code
from kd.config.files.extends import extended
from kd.config.load import load_config
from kd.config.study.warnings import warnings
from kd.errors import UserError
from kd.io.files import existing_folder, refuse_unwritable
from kd.plan.calls import Calls
from kd.plan.code import code_of
from kd.plan.data import announce_data
from kd.plan.files import Plan
from kd.plan.layout import ROOT, TRAINED
from kd.plan.workflow import Cores, script_config, submits, wildcards
from kd.runtime.hardware import cpu_count, has_gpu
from kd.runtime.parent import announce_command, announce_snakemake


def checked(function, *arguments, prefix=""):
    """What `function` returns; what the user can mend ends Snakemake with its line alone, no traceback."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(f"{prefix}{error}")


# On either Snakemake itself would end with a traceback.
checked(refuse_unwritable, Path(".snakemake"))
checked(existing_folder, Path(ROOT))
INVALID = "The config is not valid.\n"
# What the user wrote over the files that it extends, and these, the nearest first.
WHOLE, BASES = checked(extended, config, workflow.configfiles, prefix=INVALID)
READ = [*workflow.configfiles, *BASES]
BELOW = not workflow.is_main_process
plan = checked(Plan.of, checked(load_config, WHOLE, READ, prefix=INVALID), BELOW, prefix=INVALID)
# A job reads what it needs.
FILES_READ = workflow.is_main_process and checked(plan.read_user_files, sys.argv, prefix=INVALID)
study, layout = plan.study, plan.layout
config.update(script_config(study))
CONDA = "../envs/environment.yaml"


wildcard_constraints:
    **wildcards(study),


CLUSTER = workflow.remote_exec or submits(workflow.resource_settings, sys.argv)
if workflow.is_main_process and workflow.resource_settings.nodes and not CLUSTER:
    print("note: --jobs limits the jobs on a cluster; for this machine use --cores", file=sys.stderr)


# Without a limit Snakemake takes "gpu" for endless, and would start every job at once on one device.
workflow.global_resources.setdefault("gpu", study.compute.gpus_per_job)
# A login node has no GPU to be seen: there `auto` asks for one.
GPU = int(study.compute.device != "cpu" and (study.compute.device != "auto" or CLUSTER or has_gpu()))
cores = Cores.of(plan, workflow.resource_settings, cpu_count(), gpu=GPU, remote=workflow.remote_exec)
config.update(at_once=cores.at_once, cores_of_one=cores.of_one)


# Jobs end with the Snakemake that starts them, and run the code that it has read (kd.runtime.guard).
announce_snakemake(main=workflow.is_main_process or workflow.remote_exec)
if workflow.is_main_process:
    announce_command(sys.argv)
    announce_data(plan.data)
    checked(announce_code)
    for sentence in warnings(study):
        print(sentence, file=sys.stderr)  # not to stdout, which is for --dag and --summary


from_wildcards = Calls(study=study, checkpoints=checkpoints)
job_params, minutes, priority = from_wildcards.job_params, from_wildcards.minutes, from_wildcards.priority


def on_gpu(epochs, count=1):
    """The resources of a job that runs networks for so many epochs, on `count` GPUs; see kd.plan.calls."""
    return {"gpu": GPU * count, "runtime": minutes(epochs)}


student_cores = from_wildcards(cores.of_student)


def student_priority(job):
    """Of distilled students: those that take more cores wait for the others."""
    usual = priority(1, job)
    return lambda wildcards: usual(wildcards) - (student_cores(wildcards) > cores.of_one) / 2


def run_outputs(folder):
    """What a training writes into `folder`."""
    return folder.files(*TRAINED) | {"board": directory(folder.file("board"))}


def reported_figure(figure, path, label=None):
    """A figure that Snakemake's own report shows; `figure` is that of its caption."""
    label = label or figure.replace("_", " ")
    caption = f"../workflow/report/{figure}.rst"
    return report(path, caption=caption, category="Figures", labels={"figure": label})
