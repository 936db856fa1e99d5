"""Which config and which results the name of a study means."""

from pathlib import Path

import pytest

from kd.commands.studies import config_of, folder_of, studies, study_of
from kd.errors import UserError


@pytest.fixture(autouse=True)
def clone(tmp_path, monkeypatch):
    """A clone with the default study, three others and the results of two."""
    monkeypatch.chdir(tmp_path)
    configs = {"config": "study: digits", "cifar10": "study: cifar10", "own_images": "study: photos"}
    for name, text in {**configs, "small": "extends: own_images.yaml", "broken": "study: [x"}.items():
        Path("config").mkdir(exist_ok=True)
        Path("config", f"{name}.yaml").write_text(text)
    for name in ("digits", "old", "_downloads"):
        Path("results", name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("name", "config", "folder"),
    [
        ("", "config/config.yaml", "results/digits"),
        ("digits", "config/config.yaml", "results/digits"),
        ("cifar10", "config/cifar10.yaml", "results/cifar10"),
        ("own_images", "config/own_images.yaml", "results/photos"),
        ("photos", "config/own_images.yaml", "results/photos"),
        ("small", "config/small.yaml", "results/photos"),
        ("config/cifar10.yaml", "config/cifar10.yaml", "results/cifar10"),
    ],
)
def test_a_name_is_that_of_a_config_or_of_its_study(name, config, folder):
    assert (config_of(name), folder_of(name)) == (Path(config), Path(folder))


def test_results_need_no_config():
    assert folder_of("old") == Path("results/old")
    assert studies() == ["digits", "old"]


@pytest.mark.parametrize(
    "name",
    [
        "cifar100",
        "../config/cifar10",
        "a b",
        "x" * 300,
        "x" * 300 + ".yaml",
        "\x1b[31m",
        "cifar10/",
        ".",
        "_downloads",
    ],
)
def test_a_name_of_nothing_is_refused_with_those_that_there_are(name):
    for find in (config_of, folder_of):
        with pytest.raises(UserError) as error:
            find(name)
        assert "configs there are: broken, cifar10, digits, own_images, small" in str(error.value)
        assert str(error.value).isprintable()
    assert "results there are: digits, old" in str(error.value)


def test_a_misspelt_name_is_corrected():
    with pytest.raises(
        UserError, match=r"STUDY=cifar100: no file config/cifar100.yaml; did you mean 'cifar10'\?"
    ):
        config_of("cifar100")


def test_a_config_that_names_no_study_has_no_results():
    assert study_of(Path("config/broken.yaml")) is None
    with pytest.raises(UserError, match=r"config/broken\.yaml: has no key `study` that can be read"):
        folder_of("broken")
    Path("config/circle.yaml").write_text("extends: circle.yaml")
    assert study_of(Path("config/circle.yaml")) is None


def test_without_any_config_the_line_says_so(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(
        UserError, match=r"the default config: no file config/config\.yaml; configs there are: none"
    ):
        config_of("")
