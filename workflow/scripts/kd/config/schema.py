"""The shape of a config file: every key, and the checks of keys that refer to several sections."""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    WrapValidator,
)

from kd.config import shorthand
from kd.config.dataset import DatasetSection
from kd.config.method.pairs import Pairs, refuse_repeats
from kd.config.methods import MethodSection
from kd.config.networks import StudentSection
from kd.config.problems import Problems
from kd.config.reference.published import PublishedSection
from kd.config.stored.section import Targets
from kd.config.sweep import SweepSection
from kd.config.teachers import TeacherSection
from kd.settings.compute import Compute
from kd.settings.diagnostics import Diagnostics
from kd.settings.export import Export
from kd.settings.recipe import Recipe
from kd.settings.types import Name, Seed

ANCHORS = (".", "x-")  # what keys begin with that are no part of a study, but a place for anchors of YAML


def _read_seeds(value: Any, check: Callable[[Any], list[int]]) -> tuple[int, ...]:
    value = shorthand.seeds(value)
    with Problems() as problems:
        seeds = problems.attempt(check, value)  # 0 and 0.0 are one
        refuse_repeats(problems, seeds or (value if isinstance(value, list | tuple) else []))
    return tuple(seeds)


Seeds = Annotated[
    list[Seed],
    Field(min_length=1),
    WrapValidator(_read_seeds, json_schema_input_type=shorthand.SeedsInFile),
]


class StudyFile(BaseModel):
    """A config file of the workflow: one study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extends: str | None = Field(
        None, description="path of the config that this one is a variant of, relative to this file"
    )
    # Validated in this order; each may refer to those before it (kd.config.plugins.Context).
    study: Name = Field(description="name of the folder below results/")
    dataset: DatasetSection
    recipe: Recipe = Field(default_factory=Recipe, description="how every network is trained")
    teachers: TeacherSection = Field(description="name: overrides")
    students: StudentSection = Field(description="name: overrides")
    pairs: Pairs = Field(
        "all", validate_default=True, description="all, a list of [teacher, student], or teacher: student"
    )
    methods: MethodSection = Field(description="name: parameters")
    sweep: SweepSection = Field(
        default_factory=dict, description="name: a method whose best values are searched"
    )
    seeds: Seeds = Field(
        description="a list, or a number n for 0 to n - 1; every student is trained once with each"
    )
    targets: Targets = Field(
        "auto",
        validate_default=True,
        description="cached: the teacher runs once over all that students see, and they read its logits;"
        " live: it runs in every step of every student; auto: cached for every method that needs logits only,"
        " unless each is read once alone; {store: a word, top_k: 20} stores the largest logits of each image",
    )
    diagnostics: Diagnostics = Field(
        default_factory=Diagnostics, description="what the error analysis of each network shows"
    )
    compute: Compute = Field(default_factory=Compute, description="where jobs run")
    export: Export = Field(default_factory=Export, description="how students are exported")
    published: PublishedSection = Field(
        (), description="accuracies by others, beside ours: tables, or names of files in config/published/"
    )


def json_schema() -> str:
    """The JSON schema that editors read (config/schema.json)."""
    schema = StudyFile.model_json_schema()
    # A variant has the rest from the file that it extends.
    always, rest = ["study"], [key for key in schema.pop("required") if key != "study"]
    schema |= {"required": always, "if": {"not": {"required": ["extends"]}}, "then": {"required": rest}}
    schema["patternProperties"] = {f"^{re.escape(mark)}": {"description": "for anchors"} for mark in ANCHORS}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
