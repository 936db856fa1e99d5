"""The key `targets:` of a config: whether a teacher's logits are stored, and how many of each image."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationInfo

from kd.config.networks import kind_of
from kd.config.problems import Problems
from kd.config.stored.sizes import classes_of
from kd.config.study.storing import STORABLE, Storing
from kd.settings.types import Count

Word = Literal["auto", "cached", "live"]


class TargetsEntry(BaseModel):
    """`targets:`; a word alone stands for `store:`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Word = Field("auto", description="as the word alone")
    top_k: Count | None = Field(
        None,
        description="store the largest logits of each image, and sums of the others; default: all of them",
    )


def _read(section: Any, info: ValidationInfo) -> Storing:
    with Problems() as problems:
        if isinstance(section, dict):
            checked = problems.require(TargetsEntry, section)
        else:
            word = problems.attempt(TypeAdapter(Word).validate_python, section)
            checked = TargetsEntry(store=word or "auto")
        reasons = {"auto": (), "live": _not_live(info), "cached": _not_cached(info)}
        place = ("store",) if isinstance(section, dict) else ()
        for text in reasons[checked.store]:
            problems.add(place, text)
        if checked.top_k and (text := _not_top_k(checked, info)):
            problems.add(("top_k",), text)
    return Storing(checked.store, checked.top_k)


def _not_live(info: ValidationInfo) -> Iterator[str]:
    for name, content in info.context.written["teachers"].items():
        if kind_of(content) == "logits":
            yield f"a network runs live, and teachers.{name} is a file of logits; allowed: auto, cached"


def _not_cached(info: ValidationInfo) -> Iterator[str]:
    allowed, valid = "allowed: auto, live", info.context.valid
    for method in [*valid["methods"].values(), *(method for _, method in valid["sweep"].values())]:
        if not method.of_teacher <= STORABLE:
            yield f"'cached' stores logits only, but {method.name} needs more; {allowed}"
        elif method.via or method.generations > 1:
            between = f"{method.name} has networks in between, which run live"
            yield f"'cached' stores the logits of teachers, and {between}; {allowed}"


def _not_top_k(checked: TargetsEntry, info: ValidationInfo) -> str:
    if checked.store == "live":
        return "says what is stored, and with 'live' nothing is; leave it out"
    valid = info.context.valid
    swept = {method.name: sweep.trials for sweep, method in valid["sweep"].values()}
    for method in [*valid["methods"].values(), *(method for _, method in valid["sweep"].values())]:
        variants = (method.parts, *method.by_pair.values())
        options = [own for parts in variants for _, own in parts] + [*swept.get(method.name, ())]
        if any(values.get("standardize") for values in options):
            return f"{method.name} standardizes logits, which takes all of them; leave one of both out"
    dataset = info.data.get("dataset")
    classes = classes_of(dataset) if dataset else None
    if classes and checked.top_k >= classes:
        return (
            f"should be below the {classes} classes of {dataset.name} (it is {checked.top_k}); left out: all"
        )
    return ""


Targets = Annotated[Storing, PlainValidator(_read, json_schema_input_type=Word | TargetsEntry)]
