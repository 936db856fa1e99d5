"""The jobs of a run, as a dry run of Snakemake writes them."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from kd.commands import jobs
from kd.commands.jobs import JOBS, JobWriter, PlannedJob, planned_jobs, read_plan
from kd.errors import UserError


def snakemake(rule, output=("a",), **wildcards):
    return SimpleNamespace(rule=SimpleNamespace(name=rule), wildcards=wildcards, output=output)


def test_jobs_that_make_something_are_written_once_they_are_planned(tmp_path):
    waiting, done, target = snakemake("train", seed="0"), snakemake("data"), snakemake("all", output=())
    dag = SimpleNamespace(jobs=[waiting, done, target], needrun=lambda job: job is waiting)
    writer, path = JobWriter(tmp_path / "jobs.json", SimpleNamespace(dag=dag)), tmp_path / "jobs.json"
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "Job stats", None, None)
    writer.handle(record)
    assert not path.exists()
    record.event = "run_info"
    writer.handle(record)
    assert [PlannedJob(**job) for job in json.loads(path.read_text())] == [
        PlannedJob("train", {"seed": "0"}, True),
        PlannedJob("data", {}, False),
    ]


@pytest.mark.parametrize("script", ["", "raise SystemExit('line 1\\nthe reason')"])
def test_a_dry_run_that_plans_nothing_or_fails(monkeypatch, script, tmp_path):
    """`python -m snakemake` is replaced by a module of that name."""
    (tmp_path / "snakemake.py").write_text(script)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    if not script:
        assert planned_jobs(Path("config/x.yaml")) == []
        return
    with pytest.raises(
        UserError, match=r"config/x\.yaml: Snakemake cannot plan this study:\nline 1\nthe reason"
    ):
        planned_jobs(Path("config/x.yaml"))


def test_the_workflow_of_a_plan_is_there():
    assert jobs.SNAKEFILE.is_file()
    assert "JobWriter(Path(os.environ[JOBS]), workflow)" in jobs.SNAKEFILE.read_text()
    assert JOBS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: [", "x.yaml: cannot be read: "),
        ("study: s", "dataset: "),
        ("", "config: should be a mapping"),
    ],
)
def test_a_config_with_mistakes_is_refused(tmp_path, text, said):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_plan(path)
    assert said in str(error.value)
