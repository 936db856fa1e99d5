"""`make plan` counts the jobs that a run would start, and knows their times by the runs before."""

import re
import subprocess

import pytest


@pytest.mark.full
def test_a_plan_has_the_jobs_of_a_run(finished, warm_environment):
    """The finished study with one seed more: a baseline, and of each teacher its logits and a student."""
    finished.configure(seeds=[0, 1, 2])
    command = [
        warm_environment / "bin/python",
        "workflow/scripts/plan_study.py",
        "study.yaml",
        "--cores",
        "2",
    ]
    done = subprocess.run(command, cwd=finished.folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    jobs = dict(re.findall(r"^  (\w+) +(\d+) +\d+:\d\d ", done.stdout, re.MULTILINE))
    assert {rule: jobs[rule] for rule in ("train_baseline", "cache_targets", "distill_student")} == {
        "train_baseline": "1",
        "cache_targets": "2",
        "distill_student": "2",
    }
    assert "train_teacher" not in jobs
    assert re.search(r"^  time  about \d+ minutes?, 2 jobs at a time on 2 cores", done.stdout, re.MULTILINE)
    assert "from: finished runs of this study\n" in done.stdout
    assert re.search(
        r"^  disk  \d+ MB \(cached teacher logits \d+ MB, weights and logs \d+ MB\); ",
        done.stdout,
        re.MULTILINE,
    )
