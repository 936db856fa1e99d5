"""Hyperparameters by presets and by pair: which of them a student is trained with."""

import json

import pytest
import yaml
from checkout import ROOT
from small_config import complaints, config

from kd.config.kept.changed import changed, resolved_yaml
from kd.config.load import load_study
from kd.config.reference import files
from kd.plan.training import distill_job, intermediate_job
from kd.registry import architectures, find_method

PRESETS = sorted((ROOT / "config/presets").glob("*.yaml"))
PAIRS = {
    "teachers": {"wrn_40_2": None, "big": {"architecture": "resnet56"}},
    "students": {"wrn_16_2": None, "resnet20": None},
    "pairs": [["wrn_40_2", "wrn_16_2"], ["big", "resnet20"], ["wrn_40_2", "resnet20"]],
}


def options(study, teacher, student, method):
    ((_, values),) = distill_job(study, teacher, student, method, 0).methods
    return values


def betas(study, method):
    return [options(study, *pair, method)["nckd_weight"] for pair in study.pairs]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_option_of_a_preset_is_one_of_its_method(path):
    for method, entry in yaml.safe_load(path.read_text()).items():
        model, usual = find_method(method).options, dict(entry)
        by_teacher = usual.pop("by_pair", {})
        model.model_validate(usual)
        for teacher, students in by_teacher.items():
            for student, own in students.items():
                assert {teacher, student} <= architectures().keys()
                model.model_validate(usual | own)
                assert own.keys() <= usual.keys()
                assert any(usual[key] != value for key, value in own.items())


def test_a_preset_has_the_weights_of_the_authors_by_architectures():
    """DKD, appendix A.1 of Zhao et al. 2022: beta 6 for wrn_40_2 to wrn_16_2, 2 for resnet56 to resnet20."""
    study = load_study(config(**PAIRS, methods={"dkd": {"preset": "crd"}}))
    assert betas(study, "dkd") == [6, 2, 8]  # the third pair is not theirs


def test_a_job_has_the_hyperparameters_and_no_preset():
    written = {"temperature": 4, "ce_weight": 1, "tckd_weight": 1, "nckd_weight": 6, "warmup": 20}
    jobs = [
        distill_job(load_study(config(**PAIRS, methods={"dkd": entry})), "wrn_40_2", "wrn_16_2", "dkd", 0)
        for entry in ({"preset": "crd"}, written)
    ]
    assert jobs[0].to_json() == jobs[1].to_json()
    assert "preset" not in jobs[0].to_json()


def test_an_option_in_the_config_counts_more_than_a_preset():
    entry = {"preset": "crd", "warmup": 3}
    study = load_study(config(**PAIRS, methods={"dkd": entry}))
    assert betas(study, "dkd") == [6, 2, 8]
    assert {options(study, *pair, "dkd")["warmup"] for pair in study.pairs} == {3}
    assert betas(load_study(config(**PAIRS, methods={"dkd": entry | {"nckd_weight": 5}})), "dkd") == [5, 5, 5]


def test_options_of_a_pair_count_most():
    entry = {"preset": "crd", "nckd_weight": 5, "by_pair": {"big": {"resnet20": {"nckd_weight": 7}}}}
    assert betas(load_study(config(**PAIRS, methods={"dkd": entry})), "dkd") == [5, 7, 5]


def test_each_link_of_a_chain_has_the_options_of_its_own_pair():
    by_pair = {"wrn_40_2": {"wrn_16_2": {"temperature": 2}}, "wrn_16_2": {"resnet20": {"temperature": 3}}}
    chain = {"method": "kd", "via": ["wrn_16_2"], "by_pair": by_pair}
    study = load_study(config(**PAIRS | {"pairs": [["wrn_40_2", "resnet20"]]}, methods={"chain": chain}))
    ((_, first),) = intermediate_job(study, "wrn_40_2", "chain", "wrn_16_2", 0).methods
    assert first["temperature"] == 2
    assert options(study, "wrn_40_2", "resnet20", "chain")["temperature"] == 3


def test_the_parts_of_a_sum_have_presets_of_their_own():
    both = {"crd": {"preset": "crd", "weight": 0.5}, "dkd": {"preset": "crd"}}
    study = load_study(config(**PAIRS, methods={"both": both}))
    job = distill_job(study, "big", "resnet20", "both", 0)
    assert [(name, own.get("weight"), own.get("nckd_weight")) for name, own in job.methods] == [
        ("crd", 0.5, None),
        ("dkd", None, 2),
    ]


def test_a_method_is_run_with_its_own_pairs_alone():
    entries = {"kd": {}, "some": {"method": "kd", "pairs": {"big": "resnet20"}}}
    study = load_study(config(**PAIRS, methods=entries))
    assert study.pairs_of("some") == (("big", "resnet20"),)
    assert len(study.pairs_of("kd")) == 3


def test_the_resolved_config_has_the_options_of_each_pair():
    whole = config(**PAIRS, methods={"dkd": {"preset": "crd", "pairs": PAIRS["pairs"][:2]}})
    study = load_study(whole)
    again = yaml.safe_load(resolved_yaml(study, whole))
    assert load_study(again) == study
    assert "preset" not in json.dumps(again)
    assert again["methods"]["dkd"]["by_pair"] == {
        "wrn_40_2": {"wrn_16_2": {"nckd_weight": 6.0}},
        "big": {"resnet20": {"nckd_weight": 2.0}},
    }
    differences = changed(study, whole)
    assert differences["methods.dkd.by_pair.wrn_40_2.wrn_16_2.nckd_weight"] == {"value": 6.0, "default": 8.0}
    assert differences["methods.dkd.pairs"]["default"] == "all"


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"dkd": {"preset": "crdd"}},
            "methods.dkd.preset: there is no file 'crdd' in config/presets/; did you mean 'crd'?; allowed: crd, ",
        ),
        (
            {"byot": {"preset": "crd"}},
            "methods.byot.preset: the preset 'crd' has no hyperparameters of 'byot'; it has: ab, at, ",
        ),
        (
            {"kd": {"by_pair": {"wrn_40": {"resnet20": {"temperature": 2}}}}},
            "methods.kd.by_pair.wrn_40: 'wrn_40' is in neither teachers nor students; did you mean 'wrn_40_2'?",
        ),
        (
            {"kd": {"by_pair": {"big": {"resnet20": {"temperatur": 2}}}}},
            "methods.kd.by_pair.big.resnet20.temperatur: unknown key; did you mean 'temperature'?",
        ),
        (
            {"kd": {"by_pair": {"big": {"resnet20": {"ce_weight": 0, "kd_weight": 0}}}}},
            "methods.kd.by_pair.big.resnet20: ce_weight and kd_weight are both 0",
        ),
        (
            {"kd": {"pairs": {"big": "resnet21"}}},
            "methods.kd.pairs.0: 'resnet21' is not in students; did you mean 'resnet20'?",
        ),
        (
            {"kd": {"pairs": {"big": "wrn_16_2"}}},
            "methods.kd.pairs: none of them is in the section pairs, so the method would not be run",
        ),
        (
            {"kd": {"pairs": 3}},
            "methods.kd.pairs: should be 'all' or a list of [teacher, student] (it is 3)",
        ),
    ],
)
def test_a_mistake_has_one_line(entry, line):
    (text,) = complaints(**PAIRS, methods=entry)
    assert text.startswith(line), text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[1]", "methods.kd.preset: config/presets/mine.yaml: config: Input should be a valid dictionary"),
        (
            "kd: {by_pair: {big: 3}}",
            "methods.kd.preset: config/presets/mine.yaml: kd.by_pair.big: Input should",
        ),
        ("kd: {temperatur: 3}", "methods.kd.preset.temperatur: unknown key; did you mean 'temperature'?"),
        ("kd: {temperature: 3", "methods.kd.preset: config/presets/mine.yaml cannot be read: while parsing"),
        (
            "kd: {temperature: 3, temperature: 2}",
            "methods.kd.preset: config/presets/mine.yaml, line 1: the key",
        ),
    ],
)
def test_a_preset_that_is_none_has_one_line(text, line, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/presets").mkdir(parents=True)
    (tmp_path / "config/presets/mine.yaml").write_text(text)
    files.read.cache_clear()
    (message,) = complaints(**PAIRS, methods={"kd": {"preset": "mine"}})
    assert message.replace(f"{tmp_path}/", "").startswith(line), message


def test_a_sweep_takes_no_preset():
    sweep = {"tuned": {"method": "dkd", "preset": "crd", "over": {"warmup": [1, 2]}}}
    (text,) = complaints(sweep=sweep)
    assert text.startswith("sweep.tuned.preset: unknown key")
