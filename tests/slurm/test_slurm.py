"""The profile profiles/slurm on a real Slurm of one node with two pretended GPUs."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml
from checkout import Checkout, copy_code, hear_ctrl_c

from kd.monitor.status import read_study

# Two baselines need nothing but the data, so they run side by side.
MODELS = [f"results/tiny/alone/cnn/{seed}/model.safetensors" for seed in (0, 1)]
# Seconds; a limit, no measure: other tests may keep the machine busy.
PATIENCE = 900
DIAGNOSE_RULES = ["diagnose_teacher", "diagnose_baseline", "diagnose_distilled"]
LONG = {
    "teachers": {"cnn_wide": {"architecture": "cnn", "channels": [8, 8]}},
    "students": {"cnn": {"channels": [8, 8]}},
    "recipe": {"epochs": 200, "batch_size": 16, "lr": 0.02},  # a state is kept at the end of an epoch
    # Asks for a GPU; those of this node are not real, so jobs compute on the CPU.
    "compute": {"device": "auto"},
}


def started(checkout, *arguments):
    """A Snakemake that runs on while the test looks on."""
    log = open(checkout.folder / "snakemake.log", "w")  # noqa: SIM115 (the process's)
    return subprocess.Popen(
        checkout.command(*arguments),
        cwd=checkout.folder,
        env=checkout.environment(),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def log_of(checkout):
    return (checkout.folder / "snakemake.log").read_text()


def trainings(checkout):
    """The processes that train for `checkout` at this moment, one for each training.

    A training asks Git for its commit: between fork and exec, that child has the training's command line.
    """
    processes = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended; is not ours
            command = process.cmdline()
            if command and command[-1].endswith("train.py") and process.cwd() == str(checkout.folder):
                processes[process.pid] = (process, process.ppid())
    return [process for process, parent in processes.values() if parent not in processes]


def in_job(process, job):
    try:
        return process.environ().get("SLURM_JOB_ID") == job["JobId"]
    except psutil.NoSuchProcess:
        return False


def wait_for(holds, process, checkout, seconds=PATIENCE):
    """The first true value of `holds()`, while `process` runs."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert process.poll() is None, log_of(checkout)[-5000:]
        assert time.monotonic() < deadline, log_of(checkout)[-5000:]
        time.sleep(0.1)
    return value


def jobs_since(cluster, before, rule=""):
    """Those submitted since `before` jobs there were, of rules whose names begin with `rule`."""
    return [job for job in cluster.jobs()[before:] if job["Comment"].startswith(f"rule_{rule}")]


def state(cluster, job):
    return next(other["JobState"] for other in cluster.jobs() if other["JobId"] == job["JobId"])


def checkpoints(checkout):
    return list((checkout.folder / "results/tiny/work").glob("*/checkpoint.safetensors"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The bytes that these trainings end with when nothing disturbs them, run here."""
    checkout = Checkout(tmp_path_factory.mktemp("uninterrupted"))
    copy_code(checkout.folder)
    checkout.configure(**LONG)
    checkout.run(*MODELS)
    return [(checkout.folder / model).read_bytes() for model in MODELS]


def test_a_study_runs_with_two_gpu_jobs_side_by_side(submitted, cluster):
    before = len(cluster.jobs())
    study = yaml.safe_load((submitted.folder / "config/config.yaml").read_text())
    study["teachers"] = {"vgg16": {**study["teachers"]["vgg16"], "epochs": 5}}
    study["students"] = {"cnn": study["students"]["cnn"]}
    study["recipe"]["epochs"] = 5
    study["seeds"] = [0, 1]
    (submitted.folder / "study.yaml").write_text(yaml.safe_dump(study))

    process = started(submitted)
    together = set()  # the devices of the trainings that were seen at one moment
    while process.poll() is None:
        devices = []
        for training in trainings(submitted):
            with contextlib.suppress(psutil.NoSuchProcess):
                devices.append(training.environ()["CUDA_VISIBLE_DEVICES"])
        assert len(devices) == len(set(devices)), f"two on one GPU: {devices}"
        together.add(tuple(sorted(devices)))
        time.sleep(0.2)
    assert process.returncode == 0, log_of(submitted)[-5000:]
    assert ("0", "1") in together, together

    results = submitted.folder / "results/digits"
    roles = [row.split(",")[0] for row in (results / "table.csv").read_text().splitlines()[1:]]
    assert roles == ["teacher", "student alone", "distilled student", "mean over pairs"]
    assert (results / "plots/gain.svg").exists()
    jobs = jobs_since(cluster, before)
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    rules = [job["Comment"].split("_wildcards_")[0].removeprefix("rule_") for job in jobs]
    # The table, the plots, the report and other pages are made where Snakemake runs, everything else in jobs.
    counts = {
        **dict.fromkeys(["prepare_data", "describe_data", "draw_samples"], 1),
        "measure_latency": 1,
        "train_teacher": 1,
        "train_baseline": 2,
        "cache_targets": 2,
        "distill_student": 2,
        **dict.fromkeys(["compute_training_logits", "measure_fidelity", *DIAGNOSE_RULES], 1),
    }
    assert {rule: rules.count(rule) for rule in rules} == counts
    # In which no network is on a GPU.
    without = {"prepare_data", "describe_data", "draw_samples", "measure_latency", *DIAGNOSE_RULES}
    for job, rule in zip(jobs, rules, strict=True):
        assert ("gpu" in job.get("TresPerJob", "")) == (rule not in without), job
        assert job["TimeLimit"] != "UNLIMITED"
        assert job["MinMemoryNode"] != "0"
    assert list((results / "logs").glob("distill_student/vgg16/cnn/kd/0.log"))


def test_running_jobs_are_shown_with_their_epochs(submitted):
    submitted.configure(**LONG)
    folder = submitted.folder / "results/tiny"
    process = started(submitted, *MODELS)

    def telling():
        """The study when both its trainings say where they are."""
        study = read_study(folder)
        return study if study and len([job for job in study.running if job.epoch and job.left]) == 2 else None

    study = wait_for(telling, process, submitted)
    assert study.phase == "running"
    assert sorted(job.label for job in study.running) == ["cnn, seed 0", "cnn, seed 1"]
    assert {job.epochs for job in study.running} == {200}
    assert (study.done, study.jobs) == (1, 3)  # the data are prepared
    command = [sys.executable, "workflow/scripts/watch.py", "results/tiny", "--once"]
    shown = subprocess.run(command, cwd=submitted.folder, capture_output=True, text=True)
    assert re.search(r"cnn, seed 1 +\d+/200 .* left", shown.stdout), shown
    assert process.wait(PATIENCE) == 0, log_of(submitted)[-5000:]
    assert read_study(folder).phase == "done"
    assert [path.name for path in (folder / "progress").rglob("*.json")] == ["study.json"]


def test_jobs_that_were_cut_off_go_on_to_the_same_bytes(submitted, cluster, uninterrupted):
    before = len(cluster.jobs())
    submitted.configure(**LONG)
    # Longer with each attempt as in the profile.
    profile = submitted.folder / "profiles/slurm/config.yaml"
    text, changed = re.subn(r"(?m)^    # runtime:.*$", "    runtime: attempt * 30", profile.read_text())
    assert changed
    profile.write_text(text)

    process = started(submitted, *MODELS)
    wait_for(lambda: len(checkpoints(submitted)) == 2, process, submitted)
    late, cancelled = jobs_since(cluster, before, "train_baseline")
    assert (late["TimeLimit"], cancelled["TimeLimit"]) == ("00:30:00", "00:30:00")
    # Held up until its time is over, which is cut short; Slurm wakes it when it tells it to end.
    (training,) = [training for training in trainings(submitted) if in_job(training, late)]
    training.suspend()
    held = time.time()
    cluster.ask("scontrol", "update", f"JobId={late['JobId']}", "TimeLimit=1")
    cluster.ask("scancel", cancelled["JobId"])
    wait_for(lambda: state(cluster, late) == "TIMEOUT", process, submitted)
    kept = [path.stat().st_mtime for path in checkpoints(submitted)]
    assert kept, "the job that is late has no state"
    assert min(kept) > held, "when terminated, a job did not keep its state"
    assert process.wait(PATIENCE) == 0, log_of(submitted)[-5000:]

    jobs = jobs_since(cluster, before, "train_baseline")
    states = {job["JobId"]: job["JobState"] for job in jobs}
    assert len(jobs) == 4, states
    assert (states.pop(late["JobId"]), states.pop(cancelled["JobId"])) == ("TIMEOUT", "CANCELLED")
    assert set(states.values()) == {"COMPLETED"}
    assert {job["TimeLimit"] for job in jobs[2:]} == {"01:00:00"}
    # Slurm's own logs are kept of those that failed.
    logs = {path.stem for path in (submitted.folder / "results/_slurm").rglob("*.log")}
    assert logs == {late["JobId"], cancelled["JobId"]}
    for seed in (0, 1):
        log = (submitted.folder / f"results/tiny/logs/train_baseline/cnn/{seed}.log").read_text()
        assert "resumes from a checkpoint" in log
    assert [(submitted.folder / model).read_bytes() for model in MODELS] == uninterrupted
    assert not checkpoints(submitted)


def test_a_training_on_several_gpus_is_one_task_that_asks_for_all(submitted, cluster):
    """The plugin starts the script once for each task. The GPUs of this node are not real, which the script says."""
    before = len(cluster.jobs())
    submitted.configure(**{**LONG, "compute": {"device": "auto", "gpus_per_job": 2}})
    done = submitted.snakemake("--retries", "0", MODELS[0])
    assert done.returncode != 0
    prepare, train = jobs_since(cluster, before)
    assert "TresPerJob" not in prepare
    assert re.fullmatch(r"gres[:/]gpu[:=]2", train["TresPerJob"])
    assert train["NumTasks"] == "1"
    log = (submitted.folder / "results/tiny/logs/train_baseline/cnn/0.log").read_text()
    assert log.count("error: compute.gpus_per_job: 2, and this job sees no CUDA device") == 1


def test_a_study_for_cpus_asks_for_no_gpu(submitted, cluster):
    before = len(cluster.jobs())
    submitted.configure(**{**LONG, "compute": {"device": "cpu"}, "recipe": {**LONG["recipe"], "epochs": 2}})
    done = submitted.snakemake(MODELS[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [job for job in jobs_since(cluster, before) if "TresPerJob" in job]


def test_a_failing_job_is_reported_and_its_siblings_finish(submitted, cluster):
    submitted.configure(
        teachers={"cnn_wide": {"architecture": "cnn", "channels": [8, 8]}},
        students={"cnn": {"channels": [8, 8]}, "cnn_wild": {"architecture": "cnn", "lr": 1e6}},
        seeds=[0],
    )
    models = [f"results/tiny/alone/{student}/0/model.safetensors" for student in ("cnn", "cnn_wild")]
    done = submitted.snakemake("--retries", "0", *models)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert (submitted.folder / models[0]).exists()
    assert not (submitted.folder / models[1]).exists()
    assert "results/tiny/logs/train_baseline/cnn_wild/0.log" in text
    assert re.search(r"error: the (training|validation) loss became (nan|inf)", text), text[-5000:]


def test_ctrl_c_cancels_all_jobs(submitted, cluster):
    before = len(cluster.jobs())
    submitted.configure(**{**LONG, "recipe": {**LONG["recipe"], "epochs": 100_000}}, seeds=[0, 1, 2])
    targets = [model.replace("/1/", f"/{seed}/") for seed in (0, 1, 2) for model in MODELS[1:]]
    process = started(submitted, *targets)
    # Two run, and the third waits for a GPU.
    wait_for(lambda: len(checkpoints(submitted)) == 2, process, submitted)
    wait_for(lambda: len(jobs_since(cluster, before, "train_baseline")) == 3, process, submitted)
    running = trainings(submitted)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) != 0
    deadline = time.monotonic() + PATIENCE
    while cluster.active():
        assert time.monotonic() < deadline, "a job goes on"
        time.sleep(0.2)
    jobs = jobs_since(cluster, before, "train_baseline")
    assert [job["JobState"] for job in jobs] == ["CANCELLED"] * 3
    assert len(running) == 2
    assert psutil.wait_procs(running, timeout=PATIENCE)[1] == [], "a training goes on for nobody"
    assert len(checkpoints(submitted)) == 2, "what they had is kept"
