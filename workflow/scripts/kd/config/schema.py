"""The shape of a config file: what each key is, before names are looked up in the registry."""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
)

from kd.config.sweep_entry import SweepEntry
from kd.settings.compute import Compute
from kd.settings.diagnostics import Diagnostics
from kd.settings.export import Export
from kd.settings.recipe import Recipe
from kd.settings.types import (
    Address,
    Architecture,
    BatchSize,
    Count,
    FilePath,
    Fraction,
    Generations,
    Momentum,
    Name,
    NonNegative,
    Padding,
    Positive,
    Seed,
    Share,
)


def _rising(area: tuple[float, float]) -> tuple[float, float]:
    if area[0] >= area[1]:
        raise ValueError("the least share must be below the most")
    return area


Area = Annotated[tuple[Share, Share], AfterValidator(_rising)]


class DatasetEntry(BaseModel):
    """`dataset:`; the options of the named data set stand beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name = Field(description="a file of workflow/scripts/kd/datasets/")
    validation: Fraction = Field(0.1, description="share of the training images kept out to choose epochs on")
    split_seed: Seed = Field(0, description="which images these are")
    pad: Padding | None = Field(
        None, description="pixels of padding before the random crop; default: the data set's own"
    )
    flip: bool | None = Field(None, description="mirror images at random; default: the data set's own")
    crop_area: Area | None = Field(
        None,
        description="[least, most] share of an image that a random crop has before it is resized, instead of"
        " padded crops; such views are endless, so teachers run live",
    )
    shards: Literal["auto", "always", "never"] = Field(
        "auto", description="pack images into files that are mapped into memory; auto: if above 4 GiB"
    )
    mirror: Address | None = Field(None, description="address of the folder that holds the downloads")


class NetworkEntry(BaseModel):
    """One teacher or student: overrides of the recipe, and beside them the options of its architecture."""

    model_config = ConfigDict(extra="allow", frozen=True)

    architecture: Architecture | None = Field(
        None, description="torchvision/<name> and timm/<name> too; default: the entry's own name"
    )
    epochs: Count | None = Field(None, description="instead of the recipe's")
    batch_size: BatchSize | None = Field(None, description="instead of the recipe's")
    lr: Positive | None = Field(None, description="instead of the recipe's")
    momentum: Momentum | None = Field(None, description="instead of the recipe's")
    weight_decay: NonNegative | None = Field(None, description="instead of the recipe's")
    nesterov: bool | None = Field(None, description="instead of the recipe's")
    schedule: Literal["cosine", "multi_step", "constant"] | None = Field(
        None, description="instead of the recipe's"
    )
    milestones: tuple[Count, ...] | None = Field(None, description="instead of the recipe's")
    gamma: Positive | None = Field(None, description="instead of the recipe's")


class TeacherEntry(NetworkEntry):
    """A teacher is trained once, with a seed of its own."""

    ensemble: Annotated[tuple[Name, ...], Field(min_length=2)] | None = Field(
        None, description="names of other teachers, whose logits are averaged; nothing is trained then"
    )
    weights: tuple[Positive, ...] | None = Field(
        None, description="of each of them in the mean; default: all the same"
    )
    external: FilePath | None = Field(
        None,
        description="file of your own weights (.safetensors) of the architecture; nothing is trained then",
    )
    logits: FilePath | None = Field(
        None, description="your own logits (.npz) instead of a network; nothing is trained then"
    )
    # Far from the students' usual 0, 1, 2, so that no student starts from its teacher's first weights.
    seed: Seed = Field(1000, description="of the initial weights and of the augmentation")


class EnsembleEntry(BaseModel):
    """A teacher made of others: these two of its keys, and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ensemble: Annotated[tuple[Name, ...], Field(min_length=2)]
    weights: tuple[Positive, ...] | None = None


class ExternalEntry(BaseModel):
    """A teacher whose weights are the user's; the options of the architecture stand beside these two keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    architecture: Architecture | None = None
    external: FilePath


class StoredEntry(BaseModel):
    """A teacher of which there are nothing but logits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    logits: FilePath


class PartEntry(BaseModel):
    """One of several methods that add up; the options of the method stand beside this key."""

    model_config = ConfigDict(extra="allow", frozen=True)

    method: Name | None = Field(
        None, description="a file of workflow/scripts/kd/methods/; default: the entry's own name"
    )


class MethodEntry(PartEntry):
    """One way to distil; the options of the method stand beside these keys."""

    via: tuple[Name, ...] = Field(
        (), description="networks of students or teachers that are taught first, each by the one before"
    )
    generations: Generations = Field(
        1, description="how many times the student is trained, each time taught by the one before"
    )


def _null_is_empty(value: Any) -> Any:
    """`cnn:` with nothing behind it reads as null in YAML, and means: no overrides."""
    return (
        {name: {} if entry is None else entry for name, entry in value.items()}
        if isinstance(value, dict)
        else value
    )


def _entries(kind: type[BaseModel]) -> Any:
    return Annotated[dict[Name, kind], BeforeValidator(_null_is_empty), Field(min_length=1)]


def _all_or_a_list(value: Any, check: Any) -> Any:
    """One sentence instead of one for each branch of the union."""
    try:
        return check(value)
    except ValidationError:
        raise ValueError("should be 'all' or a list of [teacher, student]") from None


# Any text, not a Name: one that is neither teacher nor student is reported as that, and once.
Pairs = Annotated[
    Literal["all"] | Annotated[list[tuple[str, str]], Field(min_length=1)], WrapValidator(_all_or_a_list)
]


class StudyFile(BaseModel):
    """A config file of the workflow: one study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Name = Field(description="names the folder below results/")
    dataset: DatasetEntry
    recipe: Recipe = Field(default_factory=Recipe, description="how every network is trained")
    teachers: _entries(TeacherEntry) = Field(description="name: overrides")
    students: _entries(NetworkEntry) = Field(description="name: overrides")
    pairs: Pairs = Field("all", description="all, or a list of [teacher, student]")
    methods: _entries(MethodEntry) = Field(description="name: parameters")
    sweep: Annotated[dict[Name, SweepEntry], BeforeValidator(_null_is_empty)] = Field(
        default_factory=dict, description="name: a method whose best values are looked for"
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(description="one run of every student for each")
    targets: Literal["auto", "cached", "live"] = Field(
        "auto",
        description="cached: the teacher runs once over all views that will be seen, and its logits are kept;"
        " live: it runs beside every student; auto: cached for every method that needs nothing but logits",
    )
    diagnostics: Diagnostics = Field(
        default_factory=Diagnostics, description="what the pages about single networks show"
    )
    compute: Compute = Field(default_factory=Compute, description="where jobs run")
    export: Export = Field(default_factory=Export, description="how students are shipped")


def json_schema() -> str:
    """The JSON schema that editors read (config/schema.json)."""
    return json.dumps(StudyFile.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
