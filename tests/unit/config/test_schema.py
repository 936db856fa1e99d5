"""What editors and readers learn of the keys: the JSON schema, and the comments of the default config."""

import json
from pathlib import Path

import yaml
from small_config import config

from kd.config.dataset import DatasetEntry
from kd.config.methods import MethodEntry
from kd.config.ranges import Range
from kd.config.schema import StudyFile, json_schema
from kd.config.sweep import SweepEntry
from kd.config.teachers import TeacherEntry
from kd.settings.compute import Compute

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def test_the_schema_file_is_that_of_the_models():
    """Run `make schema` after a change of the models."""
    assert (ROOT / "config" / "schema.json").read_text() == json_schema()


def test_editors_see_the_bounds_and_the_shipped_configs_pass():
    """A bound that pydantic cannot translate would appear under its own name, which no editor knows."""
    import jsonschema

    schema = json.loads(json_schema())
    validator = jsonschema.Draft202012Validator(schema)
    for bound in ("ge", "gt", "le", "lt"):
        assert f'"{bound}":' not in json_schema()
    for path in CONFIGS:
        validator.validate(json.loads(json.dumps(_as_json(yaml.safe_load(path.read_text())))))
    for wrong in (
        {"seeds": []},
        {"study": "a/b"},
        {"recipe": {"epochs": 0}},
        {"colour": 1},
        {"recipe": {"momentum": 1}},
    ):
        assert not validator.is_valid(_as_json(config(**wrong))), wrong


def _as_json(content):
    """YAML 1.1 as Python reads it takes 5e-4 for text; editors read YAML 1.2, where it is a number."""
    if isinstance(content, dict):
        return {key: _as_json(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_as_json(value) for value in content]
    return 5e-4 if content == "5e-4" else content


def test_every_key_of_the_default_config_is_commented_and_every_key_there_is_appears():
    """A key counts as commented if its own line, or the comment lines right above, say something."""
    text = (ROOT / "config" / "config.yaml").read_text()
    models = (StudyFile, DatasetEntry, TeacherEntry, MethodEntry, SweepEntry, Range, Compute)
    for model in models:
        for key in model.model_fields:
            assert f"{key}:" in text, f"{key} of {model.__name__} is not mentioned in config/config.yaml"
    lines = text.splitlines()
    for number, line in enumerate(lines):
        key = line.split("#")[0].strip()
        if key.endswith(":") or ": " in key:
            above = lines[number - 1].strip() if number else ""
            assert "#" in line or above.startswith("#"), f"no comment: {line!r}"
