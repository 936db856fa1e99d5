"""The study behind the config, and what its rules share: paths, wildcards, fingerprints, resources."""

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

from kd import registry
from kd.plan import training as jobs
from kd.plan.user_files import aloud
from kd.errors import UserError
from kd.io.files import existing_folder, refuse_unwritable
from kd.plan.fingerprint import fingerprint
from kd.runtime.hardware import cpu_count, has_gpu
from kd.jobs.teachers import LogitsTargetsJob, TargetsJob
from kd.config.study import NO_TEACHER, chain_name, chain_of
from kd.config.load import load_study
from kd.config.duplicates import refuse_repeated_keys


def checked(function, *arguments):
    """What `function` returns; what the user can mend ends Snakemake with its line alone."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error))


# On either Snakemake itself would end with a traceback.
checked(refuse_unwritable, Path(".snakemake"))
checked(existing_folder, Path("results"))
try:
    study = load_study(config)
    refuse_repeated_keys(workflow.configfiles)
    with aloud():
        data_job = jobs.data_job(study)  # looks at every image of a folder, which takes long the first time
        external_jobs, stored_jobs = jobs.user_teachers(study)
except UserError as error:
    raise WorkflowError(f"The config is not valid.\n{error}")

# What is no part of a result, and so of no job's params, scripts read in the config: where to compute, where
# images and weights come from, and how images are gathered.
config["compute"] = study.compute.model_dump()
config["dataset"] |= {
    "mirror": study.dataset.mirror,
    "places": jobs.places(study),
    "manner": jobs.manner(study),
}
config["user_files"] = study.logits_teachers | {name: given.file for name, given in study.externals.items()}

DOWNLOADS = "results/_downloads"  # shared by studies; no study can have this name
RESULTS = f"results/{study.name}"
config["work"] = f"{RESULTS}/work"  # of trainings that are under way; no output, so that it outlasts them
config["progress"] = f"{RESULTS}/progress"  # of jobs that are under way, for whoever looks on
DATASET = f"{RESULTS}/data/dataset.safetensors"
DATA_SUMMARY = f"{RESULTS}/data/summary.json"
SAMPLES = f"{RESULTS}/data/samples.png"
CONDA = "../envs/environment.yaml"


wildcard_constraints:
    teacher="|".join([*study.teachers, *study.untrained, NO_TEACHER]),
    ensemble="|".join(study.ensembles) or NO_TEACHER,
    external="|".join(study.externals) or NO_TEACHER,
    stored="|".join(study.logits_teachers) or NO_TEACHER,
    student="|".join(study.students),
    method="|".join(study.methods),
    seed="[0-9]+",
    chain="[A-Za-z0-9_+.-]+",
    trial="[0-9a-f]+",
    rung="[0-9]+",
    epochs="[0-9]+",
    file="[A-Za-z0-9][A-Za-z0-9_.-]*",


# Without a limit Snakemake takes "gpu" for endless, and would start every job at once on one device.
workflow.global_resources.setdefault("gpu", 1)
GPU = int(study.compute.device != "cpu" and (study.compute.device != "auto" or has_gpu()))
# A job on the CPU uses compute.threads cores. Asking for more cores than the machine has would only
# make the jobs wait for each other, so each then counts for several.
THREADS = study.compute.threads * max(1, (workflow.resource_settings.cores or 1) // cpu_count())


if workflow.is_main_process:
    for sentence in study.unsupported():
        print(sentence, file=sys.stderr)  # not to stdout, which is for --dag and --summary


RUN_FILES = {
    "model": "model.safetensors",
    "metrics": "metrics.json",
    "history": "history.csv",
    "test_logits": "test_logits.npy",
}


def run_outputs(folder):
    """What a training writes below `folder`."""
    files = {name: f"{folder}/{file}" for name, file in RUN_FILES.items()}
    return {**files, "board": directory(f"{folder}/tensorboard")}


def minutes(epochs, input, attempt):
    """The time limit on a cluster: 30, and one for every 100 MB that an epoch reads; more at each further try."""
    return attempt * round(30 + epochs * input.size_mb / 100)


def without_history(folder):
    """What is written below `folder` for a teacher that is not trained."""
    return {name: f"{folder}/{file}" for name, file in RUN_FILES.items() if name != "history"}


def stored_targets_job(wildcards):
    sha256 = stored_jobs[wildcards.stored].sha256
    return LogitsTargetsJob(sha256=sha256, seed=wildcards.seed, epochs=wildcards.epochs)


def external_code(wildcards):
    """Fingerprint of what takes weights of one architecture over."""
    job = external_jobs[wildcards.external]
    return fingerprint("take_teacher.py", (registry.find_architecture(job.architecture).module,))


def training_code(job):
    """Fingerprint of what a training runs: its own architecture and methods, no other."""
    methods = [registry.methods()[method].module for method, _ in job.methods]
    return fingerprint("train.py", (registry.find_architecture(job.architecture).module, *methods))


def ensemble_job(wildcards):
    return jobs.ensemble_job(study, wildcards.ensemble)


def teacher_job(wildcards):
    return jobs.teacher_job(study, wildcards.teacher)


def alone_job(wildcards):
    return jobs.alone_job(study, wildcards.student, int(wildcards.seed))


def distill_job(wildcards):
    return jobs.distill_job(
        study, wildcards.teacher, wildcards.student, wildcards.method, int(wildcards.seed)
    )


def link_job(wildcards):
    chain = chain_of(wildcards.chain)
    return jobs.link_job(study, wildcards.teacher, wildcards.method, chain, int(wildcards.seed))


def teacher_files(wildcards):
    """What a student needs of its teacher."""
    chain = study.methods[wildcards.method].chain(wildcards.student)
    return taught_by(wildcards, chain, study.students[wildcards.student].recipe.epochs)


def link_files(wildcards):
    """What a network in a chain needs of the one before, or of the teacher."""
    *before, name = chain_of(wildcards.chain)
    return taught_by(wildcards, tuple(before), study.network(name).recipe.epochs)


def taught_by(wildcards, chain, epochs):
    """The files of the last network of a chain, which runs live, or of the teacher if there is none before."""
    if wildcards.teacher == NO_TEACHER:
        return {"dataset": DATASET}
    teacher = f"{RESULTS}/teachers/{wildcards.teacher}"
    files, stored = {"dataset": DATASET}, stored_jobs.get(wildcards.teacher)
    if not stored or stored.test:
        files["teacher_logits"] = f"{teacher}/test_logits.npy"
    if chain:
        chains = f"{RESULTS}/chains/{wildcards.teacher}/{wildcards.method}"
        link = f"{chains}/{chain_name(chain)}/{wildcards.seed}"
        return {**files, "teacher_model": f"{link}/model.safetensors"}
    if not stored:
        files["teacher_model"] = f"{teacher}/model.safetensors"
    if study.uses_targets(wildcards.method):
        files["targets"] = [
            f"{RESULTS}/targets/{network}/{wildcards.seed}/{epochs}.json"
            for network in study.networks_of(wildcards.teacher)
        ]
    return files


def all_runs():
    """The folder of every training of the study, in the order of the table."""
    return [
        *(f"{RESULTS}/teachers/{teacher}" for teacher in study.teachers),
        *(f"{RESULTS}/alone/{student}/{seed}" for student in study.students for seed in study.seeds),
        *(
            f"{RESULTS}/distilled/{teacher}/{student}/{method}/{seed}"
            for method in study.methods
            for teacher, student in study.pairs_of(method)
            for seed in study.seeds
        ),
    ]
