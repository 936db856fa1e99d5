"""Results on a disk that is full or read-only: it is reported, nothing is half made, and the next run goes on."""

import os
import re
import subprocess

import pytest

SMALL = {
    "teachers": {"cnn": {"channels": [16]}},
    "students": {"thin": {"architecture": "cnn", "channels": [8]}},
    "seeds": [0],
}
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of its own is mounted, as root")


@pytest.fixture
def disk(fresh):
    """Mounts a disk below results/ with these options, or changes those it has; and unmounts it."""
    fresh.configure(**SMALL)
    results = fresh.folder / "results"
    results.mkdir()

    def mount(options):
        again = "remount," if results.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(results)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")

    yield mount
    subprocess.run(["umount", str(results)], check=False)


def test_a_disk_that_is_not_to_be_written_to(fresh, disk):
    disk("ro")
    done = fresh.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"{fresh.folder}/results: this folder cannot be written to, as results/tiny has to be" in output
    assert "Traceback" not in output
    assert "total" in fresh.run("--dry-run")  # looking is allowed


def test_a_file_where_the_results_should_be(fresh):
    (fresh.folder / "results").write_text("mine")
    done = fresh.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "results: a folder is needed here, and this is none; move it away" in output
    assert "Traceback" not in output
    assert (fresh.folder / "results").read_text() == "mine"


@pytest.mark.full
@pytest.mark.parametrize(
    ("kilobytes", "writes"),
    [
        (100, "data/dataset"),
        (172, "No space left on device"),
        (222, r"model\.safetensors|(test|validation)_logits\.npy|history\.csv"),
        (256, "targets"),
    ],
    ids=["data set", "events", "network", "targets"],
)
def test_a_full_disk(fresh, disk, kilobytes, writes):
    """At four moments. The next run, on a disk that has room again, finishes the table."""
    disk(f"size={kilobytes}k")
    done = fresh.snakemake("results/tiny/targets/cnn/0/2.json")  # jobs that do not race for what is left
    output = done.stdout + done.stderr
    assert done.returncode != 0
    errors = [line for line in output.splitlines() if " error: " in line]
    assert any(re.search(writes, line) for line in errors), errors
    for line in errors:
        assert re.search(
            r"No space left on device.*; mend that and run again|the disk has 0\.\d MB; free", line
        )
    assert "Traceback" not in output
    disk("size=20m")
    fresh.run("results/tiny/table.csv")
    assert (fresh.folder / "results/tiny/table.csv").exists()
    assert not list((fresh.folder / "results").rglob(".*-*"))
