"""A study whose folder of images is gone, or was looked at by the Snakemake above."""

import shutil
from pathlib import Path

import pytest
from bad_images import make_images
from small_config import config

from kd.config.load import load_study
from kd.errors import UserError
from kd.io.files import write_json
from kd.plan.data import ANNOUNCED, announce_data, data_job, images_gone


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_images(Path("mine"))
    return load_study(config(dataset={"name": "image_folder", "path": "mine"}))


def prepared(study):
    job = data_job(study)
    write_json(Path("results/tiny/data/summary.json"), {"listing": job.listing})
    Path("results/tiny/data/dataset.safetensors").touch()
    return job


@pytest.mark.parametrize("gone", ["mine", "mine/train"])
def test_what_was_prepared_of_it_is_taken_as_it_is(study, gone):
    job = prepared(study)
    assert images_gone(study) == []
    shutil.rmtree(gone)
    assert data_job(study) == job
    (line,) = images_gone(study)
    assert line.startswith("dataset.path: no folder 'mine/train'; what was made of it before is used")


def test_while_it_is_there_it_counts(study):
    job = prepared(study)
    Path("mine/train/cat/0.png").unlink()
    assert data_job(study).listing != job.listing
    assert images_gone(study) == []


@pytest.mark.parametrize("lost", ["dataset.safetensors", "summary.json"])
def test_without_the_prepared_data_or_their_card_it_is_needed(study, lost):
    prepared(study)
    shutil.rmtree("mine")
    Path("results/tiny/data", lost).unlink()
    with pytest.raises(UserError, match=r"dataset\.path: no folder"):
        data_job(study)
    assert images_gone(study) == []


@pytest.mark.parametrize("card", ["", "[]", "{}"])
def test_a_card_that_is_none_says_nothing(study, card):
    prepared(study)
    shutil.rmtree("mine")
    Path("results/tiny/data/summary.json").write_text(card)
    with pytest.raises(UserError, match=r"dataset\.path: no folder"):
        data_job(study)


def test_a_snakemake_below_another_does_not_look_at_the_images_again(study, monkeypatch):
    monkeypatch.setenv(ANNOUNCED, "")
    job = data_job(study)
    announce_data(job)
    shutil.rmtree("mine")
    assert data_job(study, below=True) == job
    with pytest.raises(UserError, match=r"dataset\.path: no folder"):
        data_job(study)


@pytest.mark.parametrize("announced", ["", "{}", "no JSON", "other"])
def test_it_looks_at_them_where_nothing_fits(study, monkeypatch, announced):
    other = load_study(config(dataset={"name": "image_folder", "path": "mine", "validation": 0.3}))
    monkeypatch.setenv(ANNOUNCED, data_job(other).to_json() if announced == "other" else announced)
    assert data_job(study, below=True) == data_job(study)
