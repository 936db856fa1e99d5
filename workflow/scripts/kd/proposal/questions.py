"""From what a user has set, and is asked, to a proposal."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.prompt import Prompt

from kd.config.shorthand import MOST_SEEDS
from kd.errors import UserError, shown
from kd.models.libraries.names import known_architecture
from kd.proposal.choice import FROM_SCRATCH, PRETRAINED, SCRATCH, Network, Proposal, image_size_for
from kd.proposal.inspection import Inspection, inspect
from kd.proposal.weights import available
from kd.runtime.hardware import has_gpu
from kd.settings.optimizers import FINE_TUNING
from kd.settings.types import Count, Fraction, ImageSize, Name

Seeds = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
SHOWN = 6  # classes in a line
Value = TypeVar("Value")


@dataclass(frozen=True)
class Options:
    """What the command line sets; None is decided here."""

    study: str | None = None
    data: str | None = None
    teacher: str | None = None
    students: str | None = None
    image_size: int | None = None
    epochs: int | None = None
    seeds: int | None = None
    test_fraction: float = 0.2
    group_by: str | None = None
    pretrained: bool | None = None


def config_path(folder: Path, study: str) -> Path:
    """The config of a study."""
    return folder / f"{study}.yaml"


def decide(options: Options, folder: Path, *, asks: bool) -> Proposal:
    """A proposal for what `options` sets, asking for the rest where `asks` is true.

    `folder`: where configs lie. Raises UserError naming the option that is wrong, or missing.
    """
    choose = partial(_choose, asks)
    data = choose("data", "Folder of images", options.data, None, lambda _, path: path)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(data).expanduser().absolute().name).strip("_-") or "images"
    study = choose("study", "Name of the study", options.study, name, partial(_new_name, folder))
    fraction = _typed(Fraction, "test-fraction", options.test_fraction)
    inspection = inspect(_from(folder, data), fraction, options.group_by)
    print(describe(inspection))
    teacher, students = _networks(options, choose)
    pretrained = teacher.pretrained
    size = image_size_for(inspection, pretrained=pretrained, gpu=has_gpu())
    size = choose("image-size", "Image size in pixels", options.image_size, size, partial(_typed, ImageSize))
    tuned = pretrained and all(student.pretrained for student in students)
    usual = (FINE_TUNING if tuned else SCRATCH)["epochs"]
    epochs = choose("epochs", "Epochs of every training", options.epochs, usual, partial(_typed, Count))
    seeds = choose("seeds", "Runs of every student", options.seeds, 1, partial(_typed, Seeds))
    return Proposal(study, inspection, teacher, students, size, epochs, seeds, fraction, options.group_by)


def _from(folder: Path, data: str) -> str:
    """The path of the images for a config in `folder`: Snakemake runs in the folder above that."""
    here = Path.cwd() == folder.absolute().parent or data.startswith("~")
    return data if here else str(Path(data).absolute())


def describe(inspection: Inspection) -> str:
    """What a folder holds, and a line for each thing that is to check."""
    largest = sorted(inspection.classes.items(), key=lambda item: -item[1])
    named = ", ".join(f"{shown(name)} {count:,}" for name, count in largest[:SHOWN])
    more = f" and {len(largest) - SHOWN} more" if len(largest) > SHOWN else ""
    split = "with train/ and test/" if inspection.split else "without train/ and test/, which will be split"
    lines = [
        f"{inspection.path}: {inspection.images:,} images of {len(largest)} classes ({named}{more}), {split};"
        f" shorter side {inspection.short_side} pixels (median)",
        *(f"check: {warning}" for warning in inspection.warnings),
    ]
    return "\n".join(lines)


def _networks(options: Options, choose: Callable[..., Any]) -> tuple[Network, tuple[Network, ...]]:
    """Teacher and students, pretrained where their library's weights can be had."""
    has_weights = partial(_has_weights, options.pretrained)
    teacher, students = PRETRAINED if has_weights(PRETRAINED[0]) else FROM_SCRATCH
    if teacher == FROM_SCRATCH[0] and options.pretrained is None and not options.teacher:
        print("Pretrained weights cannot be downloaded here, so all networks are trained from scratch.")
    teacher = choose("teacher", "Teacher", options.teacher, teacher, _architecture)
    if "/" not in teacher:
        students = FROM_SCRATCH[1]
    chosen = choose("students", "Students", options.students, ",".join(students), _architectures)
    names = list(dict.fromkeys(chosen.split(",")))
    return Network(teacher, has_weights(teacher)), tuple(Network(name, has_weights(name)) for name in names)


def _has_weights(wished: bool | None, architecture: str) -> bool:
    return "/" in architecture and (available(architecture) if wished is None else wished)


def _choose(
    asks: bool, option: str, question: str, wanted: Any, default: Any, check: Callable[[str, Any], Value]
) -> Value:
    """The value of an option, or the user's input, or the default, checked; UserError where there is none."""
    if wanted is not None:
        return check(option, wanted)
    if not asks:
        if default is None:
            raise UserError(f"--{option} is required where there is no terminal to ask on")
        return check(option, default)
    while True:
        answer = Prompt.ask(question, default=None if default is None else str(default))
        try:
            if answer:
                return check(option, answer)
        except UserError as error:
            Console(highlight=False).print(escape(str(error).removeprefix(f"--{option}: ")))


def _typed(kind: Any, option: str, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        text = error.errors()[0]["msg"].removeprefix("Value error, ").replace("Input should", "should")
        raise UserError(f"--{option}: {text} (it is {value!r})") from error


def _new_name(folder: Path, option: str, name: str) -> str:
    """The name of a study of which there is no config yet."""
    try:
        _typed(Name, option, name)
    except UserError as error:
        rule = "a name holds letters, digits, '_' and '-', and starts with a letter or digit; 64 at most"
        raise UserError(f"--{option}: {rule} (it is {name!r})") from error
    if (path := config_path(folder, name)).exists():
        raise UserError(
            f"--{option}: {path} exists and is not overwritten; choose another name, or delete it"
        )
    return name


def _architecture(option: str, name: str) -> str:
    try:
        known_architecture(name.strip())
    except UserError as error:
        text = str(error).replace("did you mean architecture: ", "did you mean ")
        raise UserError(f"--{option}: {text}") from error
    return name.strip()


def _architectures(option: str, names: str) -> str:
    return ",".join(_architecture(option, name) for name in names.split(","))
