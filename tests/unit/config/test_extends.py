"""Variants of a study: a config that extends another."""

from pathlib import Path

import pytest
import yaml
from small_config import config

from kd.config.files.extends import extended
from kd.config.load import load_config, load_study
from kd.errors import UserError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a config into a folder of its own; it is not the working folder."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)

    def file(name, content):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return folder / name

    file("base.yaml", config())
    return file


def study(path, **overrides):
    """As Snakemake has it: the content of the file, and what `--config` sets."""
    return load_config({**yaml.safe_load(path.read_text()), **overrides}, [str(path)])


def test_a_variant_is_the_study_with_its_values(write):
    variant = write(
        "variant.yaml",
        {"extends": "base.yaml", "study": "other", "recipe": {"lr": 0.2}, "methods": {"dkd": {}}},
    )
    expected = config(
        study="other",
        recipe={**config()["recipe"], "lr": 0.2},
        methods={**config()["methods"], "dkd": {}},
    )
    assert study(variant) == load_study(expected)
    assert study(variant, seeds=[7]) == load_study({**expected, "seeds": [7]})


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ({}, {"methods": ["dkd"]}, {"methods": {"dkd": {}}}),  # a list replaces
        ({"methods": ["kd"]}, {"methods": {"dkd": {}}}, {"methods": {"kd": {}, "dkd": {}}}),
        (
            {},
            {"methods": {"kd": {"temperature": 8}}},
            {"methods": {"kd": {"temperature": 8, "ce_weight": 0.1}}},
        ),
        (
            {"dataset": "digits"},
            {"dataset": {"validation": 0.3}},
            {"dataset": {"name": "digits", "validation": 0.3}},
        ),
        ({}, {"dataset": {"name": "cifar10"}}, {"dataset": {"name": "cifar10"}}),
        (
            {"dataset": {"name": "digits", "test_fraction": 0.8}},
            {"dataset": "cifar10"},
            {"dataset": "cifar10"},
        ),
        ({"seeds": 3}, {"seeds": [5]}, {"seeds": [5]}),
        ({"x-wide": {"width": 1}}, {"x-wide": {"width": 2}}, {}),
    ],
)
def test_mappings_are_merged_and_all_else_is_replaced(write, base, changes, expected):
    write("base.yaml", config(**base))
    variant = write("variant.yaml", {"extends": "base.yaml", "study": "tiny", **changes})
    assert study(variant) == load_study(config(**base) | expected)


def test_a_chain_of_files_in_other_folders(write):
    write("more/middle.yaml", {"extends": "../base.yaml", "seeds": [5], "targets": "live"})
    variant = write("variant.yaml", {"extends": "more/middle.yaml", "study": "last", "targets": "auto"})
    _, read = extended(yaml.safe_load(variant.read_text()), [variant])
    assert [path.name for path in read] == ["middle.yaml", "base.yaml"]
    assert study(variant) == load_study(config(study="last", seeds=[5]))


def test_on_the_command_line_it_is_relative_to_the_working_folder(write):
    other = write("other.yaml", config(study="other"))
    assert study(other, extends="config/base.yaml") == load_study(config(study="other"))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"a.yaml": {"extends": "b.yaml", "study": "a"}},
            "extends: '…config/b.yaml' cannot be read: No such file",
        ),
        ({"a.yaml": {"extends": "bse.yaml", "study": "a"}}, "…; did you mean 'base.yaml'?"),
        (
            {"a.yaml": {"extends": "a.yaml", "study": "a"}},
            "extends: …a.yaml extends …a.yaml: a file cannot extend itself",
        ),
        (
            {"a.yaml": {"extends": "b.yaml", "study": "a"}, "b.yaml": {"extends": "a.yaml"}},
            "extends: …a.yaml extends …b.yaml extends …a.yaml: a file cannot extend itself",
        ),
        ({"a.yaml": {"extends": 3, "study": "a"}}, "extends: should be the path of a config file (it is 3)"),
        (
            {"a.yaml": {"extends": "b.yaml", "study": "a"}, "b.yaml": "[1]"},
            "extends: '…b.yaml' should hold a mapping",
        ),
        (
            {"a.yaml": {"extends": "b.yaml", "study": "a"}, "b.yaml": "a: [1"},
            "extends: '…b.yaml' is no YAML: ",
        ),
        (
            {"a.yaml": {"extends": "base.yaml"}},
            "study: this key is required beside extends, because a variant",
        ),
        (
            {
                "a.yaml": {"extends": "b.yaml", "study": "a"},
                "b.yaml": "extends: base.yaml\nseeds: 1\nseeds: 2\n",
            },
            "…b.yaml, line 3: the key 'seeds' is there twice",
        ),
        (
            {"a.yaml": {"extends": "base.yaml", "study": "a", "students": {"cnn": {"widht": 1}}}},
            "students.cnn.widht: unknown key; did you mean 'width'?",
        ),
    ],
)
def test_a_mistake_is_one_line(write, files, says):
    path, *_ = [write(name, content) for name, content in files.items()]
    with pytest.raises(UserError) as caught:
        study(path)
    (line,) = str(caught.value).splitlines()
    parts = [part for part in says.split("…") if part]
    assert all(part in line for part in parts), line
    assert says[0] == "…" or line.startswith(parts[0]), line


def test_editors_take_a_variant_without_the_rest():
    import json

    import jsonschema

    schema = Path(__file__).parents[3] / "config" / "schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    assert validator.is_valid({"extends": "base.yaml", "study": "a"})
    assert not validator.is_valid({"study": "a"})
    assert not validator.is_valid({"extends": "base.yaml"})
