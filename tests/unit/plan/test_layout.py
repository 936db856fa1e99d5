"""Where files lie: names that finished studies on users' disks have, patterns and paths from one function."""

import re
from pathlib import Path

import pytest

from kd.plan.layout import EXPORTED, TRAINED, Folder, Layout, downloads

ROOT = Path(__file__).parents[3]
LAYOUT = Layout("tiny")
OF_NAMES = {
    "teacher": ["teacher"],
    "baseline": ["student"],
    "distilled": ["teacher", "student", "method"],
    "intermediate": ["teacher", "method", "chain"],
    "sweep": ["teacher", "student", "method"],
    "trial": ["teacher", "student", "method", "trial"],
    "rung": ["teacher", "student", "method", "rung"],
    "targets": ["teacher", "seed", "epochs"],
    "export": ["teacher", "student", "method"],
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LAYOUT.dataset, "results/tiny/data/dataset.safetensors"),
        (LAYOUT.notes, "results/tiny/data/notes.json"),
        (LAYOUT.summary, "results/tiny/data/summary.json"),
        (LAYOUT.samples, "results/tiny/data/samples.png"),
        (LAYOUT.teacher("vgg16").file("model"), "results/tiny/teachers/vgg16/model.safetensors"),
        (LAYOUT.teacher("vgg16").file("train_logits"), "results/tiny/teachers/vgg16/train_logits.npy"),
        (LAYOUT.baseline("cnn").seed(3).file("metrics"), "results/tiny/alone/cnn/3/metrics.json"),
        (LAYOUT.distilled("t", "s", "kd").file("page"), "results/tiny/distilled/t/s/kd/diagnosis.html"),
        (
            LAYOUT.intermediate("t", "kd", "a+b").seed(0).file("model"),
            "results/tiny/chains/t/kd/a+b/0/model.safetensors",
        ),
        (LAYOUT.sweep("t", "s", "kd").file("chosen"), "results/tiny/sweeps/t/s/kd/chosen.json"),
        (
            LAYOUT.trial("t", "s", "kd", "0a").seed(1).file("history"),
            "results/tiny/sweeps/t/s/kd/0a/1/history.csv",
        ),
        (LAYOUT.rung("t", "s", "kd", 2), "results/tiny/sweeps/t/s/kd/rungs/2.json"),
        (LAYOUT.targets("t", 0, 9), "results/tiny/targets/t/0/9.json"),
        (LAYOUT.targets_table("t"), "results/tiny/targets/t/table"),
        (LAYOUT.export("t", "s", "kd").file("README.md"), "results/tiny/export/t/s/kd/README.md"),
        (LAYOUT.latency, "results/tiny/latency.json"),
        (LAYOUT.table("csv"), "results/tiny/table.csv"),
        (LAYOUT.report, "results/tiny/report.html"),
        (LAYOUT.figure("gain", "svg"), "results/tiny/plots/gain.svg"),
        (LAYOUT.figure("sweeps/kd", "png"), "results/tiny/plots/sweeps/kd.png"),
        (LAYOUT.work, "results/tiny/work"),
        (LAYOUT.progress, "results/tiny/progress"),
        (LAYOUT.log("train_teacher/vgg16"), "results/tiny/logs/train_teacher/vgg16.log"),
        (LAYOUT.benchmark("prepare_data"), "results/tiny/benchmarks/prepare_data.tsv"),
        (downloads("cifar10").file("a.tar.gz"), "results/_downloads/cifar10/a.tar.gz"),
        (downloads("mini", "0f").file("images"), "results/_downloads/mini/0f/images.safetensors"),
    ],
)
def test_where_files_lie(path, expected):
    assert path == expected


@pytest.mark.parametrize(("name", "names"), OF_NAMES.items())
def test_a_name_that_is_left_out_is_its_wildcard(name, names):
    """So that the pattern of a rule matches the paths of its jobs, and gives the names back."""
    function = getattr(LAYOUT, name)
    values = {argument: str(number) for number, argument in enumerate(names)}
    assert str(function()).format(**values) == str(function(*values.values()))
    assert re.findall(r"\{(\w+)\}", str(function())) == names
    assert re.findall(r"\{(\w+)\}", str(function("{other}"))) == ["other", *names[1:]]


def test_the_files_of_a_training():
    assert Folder("a").seed().files(*TRAINED) == {
        "model": "a/{seed}/model.safetensors",
        "metrics": "a/{seed}/metrics.json",
        "history": "a/{seed}/history.csv",
        "validation_logits": "a/{seed}/validation_logits.npy",
        "test_logits": "a/{seed}/test_logits.npy",
    }


def test_the_files_of_an_export_are_those_that_its_script_writes():
    """Spelled in two places, because the plan must not import what runs networks."""
    from kd.export.formats import FILES

    written = {*FILES.values(), "config.json", "preprocessor_config.json", "README.md", "verification.json"}
    assert set(EXPORTED.values()) == written
