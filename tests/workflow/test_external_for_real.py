"""Teachers that come from elsewhere: their weights are taken over, and followed by what they hold."""

import json
import shutil

import pytest
from refusal import refused

PREPARED = ("tiny/data/dataset.safetensors", "tiny/data/summary.json", "tiny/benchmarks/prepare_data.tsv")
REPORT = {"build_table": {""}, "draw_plots": {""}}


@pytest.fixture
def with_weights(finished):
    """The finished study beside another one, whose teachers are two of its networks."""
    kept = finished.folder / "kept"
    kept.mkdir()
    for name in ("teachers/vgg16", "teachers/mobilenet"):
        source = finished.folder / "results/tiny" / name / "model.safetensors"
        shutil.copy2(source, kept / f"{name.rpartition('/')[2]}.safetensors")
    return finished


def study(file="kept/vgg16.safetensors", **changes):
    mine = {"architecture": "vgg16", "width": 0.125, "external": file}
    teachers = {"mine": mine, "cnn": {"width": 0.125}, "both": {"ensemble": ["mine", "cnn"]}}
    return {"study": "other", "teachers": teachers, "seeds": [0]} | changes


def test_weights_of_another_study(with_weights):
    fresh = with_weights
    fresh.configure(**study(methods={"kd": {}, "at": {}}))
    results = fresh.folder / "results"
    assert fresh.pending()["take_teacher"] == {"mine"}
    fresh.run()
    found = json.loads((results / "other/teachers/mine/metrics.json").read_text())
    expected = json.loads((results / "tiny/teachers/vgg16/metrics.json").read_text())
    for key in ("test_accuracy", "validation_accuracy", "parameters", "macs"):
        assert found[key] == expected[key], key
    assert found["test_loss"] == pytest.approx(expected["test_loss"], rel=1e-5)
    tables = list((results / "other/targets/mine/table").glob("*.npy"))
    assert len(tables) == 1  # for its students, and those of the ensemble
    table = (results / "other/table.csv").read_text()
    assert "weights given" in table
    assert fresh.pending() == {}

    # Another place is no change; another content is one of this teacher and what it teaches.
    (fresh.folder / "kept/vgg16.safetensors").rename(fresh.folder / "moved.safetensors")
    fresh.configure(**study("moved.safetensors", methods={"kd": {}, "at": {}}))
    assert fresh.pending() == {}
    again = fresh.folder / "moved.safetensors"
    again.write_bytes(retrained(again))
    assert fresh.pending() == {
        "take_teacher": {"mine"},
        "cache_targets": {"mine 0 2"},
        "combine_teachers": {"both"},
        "distill_student": {"mine cnn kd 0", "mine cnn at 0", "both cnn kd 0"},
        **REPORT,
    }


def retrained(path):
    """The file with one weight changed, under the plain names of the architecture."""
    from safetensors.torch import load_file, save

    weights = load_file(path)
    weights["classifier.bias"] += 1
    return save(weights)


def test_weights_that_do_not_fit_are_one_line_of_the_job(with_weights):
    fresh = with_weights
    shutil.rmtree(fresh.folder / "results")
    shutil.rmtree(fresh.folder / ".snakemake")
    from safetensors.torch import load_file, save_file

    weights = load_file(fresh.folder / "kept/mobilenet.safetensors")
    save_file(weights, fresh.folder / "plain.safetensors")
    target = "results/tiny/teachers/mine/metrics.json"
    fresh.configure(**study("plain.safetensors", study="tiny"))
    says = "plain.safetensors: does not fit this architecture and data set: it lacks stages."
    refused(fresh, target, says=[says], made=PREPARED)
    fresh.configure(**study("kept/mobilenet.safetensors", study="tiny"))
    refused(
        fresh, target, says=["kept/mobilenet.safetensors: holds mobilenet {…}, not vgg16 {"], made=PREPARED
    )
