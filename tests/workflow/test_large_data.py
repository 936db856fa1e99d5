"""Studies whose images are packed into files and streamed, and whose views are endless."""

import json

import numpy as np
import pandas as pd
import pytest

DIGITS = {"name": "digits", "test_fraction": 0.8}
pytestmark = pytest.mark.full


def models(checkout):
    """The bytes of every network, by its place."""
    folder = checkout.folder / "results/tiny"
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("model.safetensors")}


def test_packed_and_streamed_images_give_the_same_networks(finished, fresh):
    fresh.configure(dataset=DIGITS | {"shards": "always"}, compute={"device": "cpu", "stream": "always"})
    fresh.run()
    assert list((fresh.folder / "results/tiny/data/shards").glob("train-*.u8"))
    ours, theirs = models(fresh), models(finished)
    assert len(ours) == 8  # two teachers, and a student with two seeds: alone, and of each
    assert ours == theirs
    assert fresh.pending() == {}
    shard = fresh.folder / "results/tiny/data/shards/train-00000.u8"
    shard.write_bytes(shard.read_bytes()[:-1])
    fresh.edit("study.yaml", "seeds:\n- 0\n- 1", "seeds:\n- 2")
    model = "results/tiny/alone/cnn/2/model.safetensors"
    failed = fresh.snakemake(model)
    assert failed.returncode
    assert "train-00000.u8: not the images that were packed" in failed.stdout + failed.stderr
    (fresh.folder / "results/tiny/data/dataset.safetensors").unlink()  # as the line says
    fresh.run(model)


def test_of_endless_views_nothing_is_stored_for_one_run_of_each_seed(fresh):
    """The teacher then runs live: no other run would read what is stored of a seed."""
    fresh.configure(dataset=DIGITS | {"crop_area": [0.3, 1.0]}, teachers={"mobilenet": {"width": 0.125}})
    assert "cache_targets" not in fresh.pending()
    fresh.run()
    assert not (fresh.folder / "results/tiny/targets").exists()
    table = pd.read_csv(fresh.folder / "results/tiny/table.csv")
    assert table.loc[table["role"] == "distilled student", "agreement"].notna().all()
    summary = json.loads((fresh.folder / "results/tiny/data/summary.json").read_text())
    assert summary["views"] == "endless"
    assert fresh.pending() == {}


def test_of_endless_views_methods_share_the_targets_of_a_seed_and_agree_with_a_live_teacher(fresh):
    """Resized crops, mixed: stored by visit, and the students' logits are those of a live teacher, about."""
    data = DIGITS | {"crop_area": [0.3, 1.0], "mixup": 0.2}
    one = {"teachers": {"mobilenet": {"width": 0.125}}, "methods": {"kd": {}, "dist": {}}, "seeds": [0]}
    fresh.configure(dataset=data, **one)
    assert fresh.pending()["cache_targets"] == {"mobilenet 0 2"}
    output = fresh.run()
    assert "teachers.mobilenet: logits are stored, because 2 runs take 2 epochs" in output
    (store,) = (fresh.folder / "results/tiny/targets/mobilenet/table").glob("*/")
    assert store.name.endswith("-seed0")
    assert fresh.pending() == {}
    place = "results/tiny/distilled/mobilenet/cnn/kd/0/test_logits.npy"
    stored = np.load(fresh.folder / place)
    fresh.configure(dataset=data, targets="live", **one)
    assert "cache_targets" not in fresh.run(place)
    assert np.allclose(np.load(fresh.folder / place), stored, atol=0.01)
