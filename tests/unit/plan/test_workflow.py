"""How many cores jobs take, by what Snakemake is told and what the study says."""

from types import SimpleNamespace

import pytest
from small_config import config

from kd.config.load import load_study
from kd.plan.files import Plan
from kd.plan.workflow import Cores, submits

# Three students of one teacher: with two slots one of them is left.
THREE = {
    "teachers": {"vgg16": {"width": 0.25}},
    "students": {"cnn": {"width": 0.125}},
    "pairs": "all",
    "methods": {"kd": {}},
    "seeds": [0, 1, 2],
}
LAST = "vgg16", "cnn", "kd", 2


def cores(compute=(), *, given=2, cpus=2, nodes=None, gpu=0, remote=False):
    plan = Plan.of(load_study(config(**THREE, compute={"device": "cpu", "threads": "auto", **dict(compute)})))
    return Cores.of(plan, SimpleNamespace(cores=given, nodes=nodes), cpus, gpu=gpu, remote=remote)


@pytest.mark.parametrize(
    ("case", "all", "threads", "last"),
    [
        ({}, 2, 1, 2),  # the last student has both slots
        ({"compute": {"threads": 1}}, 2, 1, 1),  # its cores are fixed
        ({"given": 3}, 3, 1, 1),  # three students divide by three slots
        ({"given": 4}, 4, 2, 4),  # of two cores: a job counts for two, and the last for all four
        ({"given": 1}, 1, 1, 1),
        ({"given": None, "nodes": 8}, 1, 1, 1),  # jobs on a cluster have cores of their own
        ({"given": 2, "remote": True}, 1, 1, 1),
        ({"gpu": 1}, 2, 1, 1),
    ],
)
def test_the_cores_of_jobs(case, all, threads, last):
    by = cores(**case)
    assert (by.all, by.threads, by.of_student(*LAST)) == (all, threads, last)
    assert by.of_student("vgg16", "cnn", "kd", 0) == by.of_one == threads


def test_a_job_of_several_processes_takes_the_cores_of_each():
    by = cores({"gpus_per_job": 2, "threads": 1}, given=4, cpus=4)
    assert (by.ranks, by.of_one, by.at_once) == (2, 2, 1)
    assert by.wide == {}


@pytest.mark.parametrize(
    ("cores", "jobs", "words", "expected"),
    [
        (4, None, ["--cores", "4"], False),
        (4, 4, ["--jobs", "4"], False),  # beside `cores: all` of profiles/default
        (None, 100, ["--workflow-profile", "profiles/slurm"], True),
        (None, 100, ["--workflow-profile=profiles/slurm"], True),
        (4, 8, ["--executor", "slurm", "--jobs", "8"], True),
        (4, None, ["--profile", "mine"], False),  # a profile without `jobs`
    ],
)
def test_jobs_go_to_a_cluster_where_an_executor_has_a_limit_of_jobs(cores, jobs, words, expected):
    assert submits(SimpleNamespace(cores=cores, nodes=jobs), ["snakemake", *words]) is expected
