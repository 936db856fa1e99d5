"""The config that is kept with the results: as it was given, with every default, and what differs from these."""

import pytest
import yaml
from checkout import ROOT

from kd.config.kept.changed import CHANGED, changed, resolved_yaml
from kd.config.kept.given import as_given
from kd.config.load import load_study

CONFIG = {
    "study": "mine",
    "dataset": {"name": "digits", "validation": 0.2},
    "recipe": {"epochs": 30},
    "teachers": {
        "big": {"architecture": "resnet18", "width": 0.5, "lr": 0.05},
        "other": {"architecture": "vgg16", "schedule": "multi_step", "milestones": [10, 20]},
        "both": {"ensemble": ["big", "other"], "weights": [2, 1]},
        "own": {"architecture": "resnet18", "external": "weights/own.safetensors"},
        "stored": {"logits": "weights/logits.npz"},
    },
    "students": {"small": {"architecture": "cnn", "channels": [8]}},
    "pairs": [["big", "small"], ["both", "small"]],
    "methods": {
        "kd": {"temperature": 8},
        "sum": {"crd": {"weight": 0.8}, "kd": {"kd_weight": 1.0}},
        "chain": {"method": "kd", "via": ["small"], "generations": 2},
    },
    "sweep": {"tuned": {"method": "kd", "over": {"temperature": [2, 4]}}},
    "seeds": [0, 1],
    "compute": {"threads": 2},
}
FILES = sorted((ROOT / "config").glob("*.yaml"))


ENDLESS = CONFIG | {
    "dataset": {"name": "cifar10", "crop_area": [0.1, 1]},
    "teachers": {"big": {"architecture": "resnet18"}},
    "pairs": "all",
    "methods": {"kd": {}},
}
AUGMENTED = ENDLESS | {
    "dataset": {"name": "digits", "pad": 3, "pad_mode": "reflect", "flip": "alternate", "views": 16}
    | {"colour_jitter": 0.4, "randaugment": {"magnitude": 5}, "erase": 0.25, "mixup": 0.2, "cutmix": 1},
}
CONFIGS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
CONFIGS |= {"all kinds of entries": CONFIG, "endless views": ENDLESS, "augmentation": AUGMENTED}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_resolved_config_is_one_of_the_same_study(config):
    study = load_study(config)
    text = resolved_yaml(study, config)
    again = yaml.safe_load(text)
    assert load_study(again) == study
    assert resolved_yaml(load_study(again), again).partition("study: ")[2] == text.partition("study: ")[2]


def test_what_differs_from_the_defaults_is_named_with_its_key():
    found = {
        key: (both["value"], both["default"]) for key, both in changed(load_study(CONFIG), CONFIG).items()
    }
    assert found == {
        "dataset.validation": (0.2, 0.1),
        "recipe.epochs": (30, 200),  # of all networks
        "recipe.lr": ({"0.05": "big", "0.1": "other, small"}, 0.1),
        "recipe.schedule": ({"cosine": "big, small", "multi_step": "other"}, "cosine"),
        "recipe.milestones": ({"[]": "big, small", "[10, 20]": "other"}, []),
        "teachers.big.width": (0.5, 1.0),
        "students.small.channels": ([8], (32, 64, 128, 256)),
        "pairs": ([["big", "small"], ["both", "small"]], "all"),
        "methods.kd.temperature": (8.0, 4.0),
        "methods.sum.kd.kd_weight": (1.0, 0.9),
        "methods.chain.via": (["small"], []),
        "methods.chain.generations": (2, 1),
        "compute.threads": (2, 1),
    }
    assert changed(load_study(CONFIGS["all kinds of entries"] | {"compute": {}}), CONFIG).keys() == (
        found.keys() - {"compute.threads"}
    )


def test_networks_with_pretrained_weights_have_defaults_of_their_own():
    big = {"architecture": "torchvision/resnet18", "pretrained": True}
    config = CONFIG | {
        "recipe": {},
        "teachers": {"big": big},
        "pairs": "all",
        "methods": {"kd": {}},
        "sweep": {},
    }
    assert not [key for key in changed(load_study(config), config) if key.startswith("recipe.")]
    config["teachers"] = {"big": big | {"epochs": 200}}
    assert changed(load_study(config), config)["recipe.epochs"] == {
        "value": 200,
        "default": {"30": "big", "200": "small"},
    }


def test_an_optimizer_has_defaults_of_its_own():
    config = CONFIG | {
        "recipe": {"optimizer": "adamw", "ema": 0.99},
        "teachers": {"big": {"architecture": "cnn"}},
    }
    config |= {"pairs": "all", "methods": {"kd": {}}, "sweep": {}}
    recipe = {key: both for key, both in changed(load_study(config), config).items() if "recipe." in key}
    assert recipe == {
        "recipe.optimizer": {"value": "adamw", "default": "sgd"},
        "recipe.ema": {"value": 0.99, "default": None},
    }


def test_a_default_of_none_is_one():
    lines = changed(load_study(ENDLESS), ENDLESS)
    assert lines["dataset.crop_area"] == {"value": [0.1, 1.0], "default": None}
    assert "dataset.pad" not in lines  # which padded crops have alone


def test_keys_with_values_inside_are_named_where_their_default_is_none_or_a_word():
    config = AUGMENTED | {"targets": {"top_k": 3}}
    lines = changed(load_study(config), config)
    assert lines["dataset.randaugment"] == {"value": {"operations": 2, "magnitude": 5}, "default": None}
    assert lines["dataset.colour_jitter"]["value"] == {
        "brightness": 0.4,
        "contrast": 0.4,
        "saturation": 0.4,
        "hue": 0.0,
    }
    assert lines["targets"] == {"value": {"store": "auto", "top_k": 3}, "default": "auto"}


def test_one_file_is_kept_byte_for_byte(tmp_path):
    text = "# A comment.\r\nstudy: mine  # {cnn}\n"
    (tmp_path / "mine.yaml").write_bytes(text.encode())
    assert as_given({"study": "mine"}, [str(tmp_path / "mine.yaml")], []) == text


def test_several_files_and_overrides_are_merged_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"study": "mine", "seeds": ["0", "1"], "dataset": {"name": "digits"}}
    text = as_given(config, [str(tmp_path / "a.yaml"), "/elsewhere/b.yaml"], ["seeds=[0, 1]"])
    head, body = text.split("study:")
    assert [line.strip("# ") for line in head.splitlines()[1:]] == [
        *("a.yaml", "/elsewhere/b.yaml", "--config seeds=[0, 1]")
    ]
    assert yaml.safe_load("study:" + body) == config | {"seeds": [0, 1]}


@pytest.mark.parametrize("overrides", [[], ["dataset={mirror: 'https://joe:secret@example.org/x'}"]])
def test_no_password_is_kept(overrides, tmp_path):
    config = {"study": "mine", "dataset": {"name": "cifar10", "mirror": "https://joe:secret@example.org/x"}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    for text in (
        as_given(config, [str(tmp_path / "mine.yaml")], overrides),
        resolved_yaml(load_study(ENDLESS | config), ENDLESS | config),
    ):
        assert "https://example.org/x" in text
        assert "secret" not in text
        assert "joe" not in text


def test_the_same_config_gives_the_same_bytes():
    first, second = (resolved_yaml(load_study(CONFIG), CONFIG) for _ in range(2))
    assert first == second
    assert list(yaml.safe_load(first))[:2] == [CHANGED, "study"]
