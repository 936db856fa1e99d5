"""What happens to a study while others change its code, its data, or the clock; by real runs, with cold starts."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from threading import Thread

import psutil
import pytest

pytestmark = pytest.mark.full
LOSS = "workflow/scripts/kd/methods/cross_entropy.py"
MODEL = "results/tiny/teachers/vgg16/model.safetensors"


@pytest.fixture
def cold(fresh):
    fresh.warm = False
    return fresh


def start(checkout, *targets):
    return subprocess.Popen(
        checkout.command(*targets),
        cwd=checkout.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=checkout.environment(),
        start_new_session=True,
    )


def jobs_of(process, script):
    """The processes that run a script; they carry its name from their first moment on."""
    jobs = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if any(part.endswith(f".{script}") for part in child.cmdline()):
                jobs.append(child)
    return jobs


def wait_for_job(process, script):
    deadline = time.monotonic() + 90
    while not (jobs := jobs_of(process, script)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return jobs


def test_a_job_whose_snakemake_is_killed_while_it_imports_computes_nothing(cold):
    process = start(cold, MODEL)
    jobs = wait_for_job(process, "train.py")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert psutil.wait_procs(jobs, timeout=60)[1] == [], "a job goes on for nobody"
    assert not list((cold.folder / "results/tiny/teachers").glob("**/*.*"))
    log = (cold.folder / "results/tiny/logs/train_teacher/vgg16.log").read_text()
    assert "start: loss" not in log
    cold.run("--unlock")
    cold.run(MODEL)


def test_code_that_is_another_for_a_while_makes_no_result(cold):
    """Someone looks at another branch while the study runs, and comes back."""
    path = cold.folder / LOSS
    text, before = path.read_text(), path.stat()
    process = start(cold, MODEL)
    wait_for_job(process, "prepare_data.py")
    path.write_text(text.replace("batch.cross_entropy(", "2 * batch.cross_entropy("))
    assert path.read_text() != text
    job = wait_for_job(process, "train.py")
    time.sleep(0.5)
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    output = process.communicate(timeout=120)[0]
    assert job
    assert process.returncode == 1
    assert f"{path}: has changed since the study was read; run again" in output
    assert not (cold.folder / MODEL).exists()
    assert "train_teacher" in cold.pending(MODEL)
    cold.run(MODEL)
    assert cold.pending(MODEL) == {}


def test_data_dated_in_the_future_are_named_before_the_training(cold):
    data = "results/tiny/data/dataset.safetensors"
    cold.run(data)
    tomorrow = time.time() + 86400
    os.utime(cold.folder / data, (tomorrow, tomorrow))
    done = cold.snakemake(MODEL)
    assert done.returncode == 1
    assert re.search(
        rf"error: {data}: is dated .*, and now it is .*; set the clock, or: touch {data}", done.stderr
    )
    assert "epoch" not in done.stderr
    os.utime(cold.folder / data)
    cold.run(MODEL)


def test_two_images_that_are_exchanged_are_noticed(cold):
    """Of one size and time, to mend a label."""
    from PIL import Image

    for part in ("train", "test"):
        for number in range(8):
            path = cold.folder / "mine" / part / ("cat", "dog")[number % 2] / f"{number}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (20 * number, 90, 0 if part == "train" else 9)).save(path)
            os.utime(path, (1e9, 1e9))
    cold.configure(dataset={"name": "image_folder", "path": "mine", "image_size": 16})
    target = "results/tiny/data/dataset.safetensors"
    cold.run(target)
    assert cold.pending(target) == {}
    train = cold.folder / "mine/train"
    (train / "cat/0.bmp").rename(train / "between.bmp")
    (train / "dog/1.bmp").rename(train / "cat/0.bmp")
    (train / "between.bmp").rename(train / "dog/1.bmp")
    assert set(cold.pending(target)) == {"prepare_data"}


def test_two_jobs_never_write_the_same_files_at_once(cold):
    """The one is of a Snakemake that is stopped, and that another does not know of."""
    cold.configure(teachers={"vgg16": {"width": 0.125, "epochs": 40}, "mobilenet": {"width": 0.125}})
    process = start(cold, MODEL)
    (job,) = wait_for_job(process, "train.py")
    log = cold.folder / "results/tiny/logs/train_teacher/vgg16.log"
    while not (log.exists() and "start: loss" in log.read_text()):
        time.sleep(0.01)
    job.suspend()
    second = start(cold, "--nolock", "--rerun-incomplete", MODEL)
    lines = []
    reader = Thread(target=lambda: lines.extend(second.stdout), daemon=True)
    reader.start()
    deadline = time.monotonic() + 90
    while not any("waits for another job that writes" in line for line in lines):
        assert time.monotonic() < deadline, "".join(lines)
        time.sleep(0.05)
    process.kill()
    job.resume()  # it ends with its Snakemake
    assert second.wait(200) == 0
    process.communicate()
    assert psutil.wait_procs([job], timeout=20)[1] == []
    assert (cold.folder / MODEL).exists()
