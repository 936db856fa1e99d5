"""Presets: the hyperparameters with which a benchmark, or the authors, trained each method.

A file config/presets/<name>.yaml has an entry for each method, with options as in the section `methods:` of a
config. Those that differ by pair are below `by_pair:`, teacher by teacher and student by student, which are
architectures there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from kd.config.problems import lines
from kd.config.reference.files import read
from kd.errors import UserError, did_you_mean

Options = Mapping[str, Any]


class _Entry(BaseModel):
    """What a preset has of one method: this key, and the options of the method."""

    model_config = ConfigDict(extra="allow", frozen=True)

    by_pair: dict[str, dict[str, dict[str, Any]]] = {}


_FILE = TypeAdapter(dict[str, _Entry])


@dataclass(frozen=True)
class Preset:
    """Options of a method: of all pairs, and those of single pairs of architectures beside them."""

    options: Options = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], Options] = field(default_factory=dict)

    def of(self, architectures: tuple[str | None, str | None]) -> Options:
        """Those of a teacher and a student of these architectures; None: not a single network."""
        return {**self.options, **self.pairs.get(architectures, {})}


def preset_of(method: str, name: str) -> Preset:
    """What the preset of this name has for a method of the code.

    Raises UserError for a preset that there is not, that is none, or that is without this method.
    """
    try:
        methods = _FILE.validate_python(read("presets", name))
    except ValidationError as error:
        raise UserError(f"config/presets/{name}.yaml: {'; '.join(lines(error))}") from error
    if method not in methods:
        hint = f"{did_you_mean(method, methods)}; it has: {', '.join(sorted(methods))}"
        raise UserError(f"the preset {name!r} has no hyperparameters of {method!r}{hint}")
    entry = methods[method]
    pairs = {
        (teacher, student): own
        for teacher, students in entry.by_pair.items()
        for student, own in students.items()
    }
    return Preset(entry.model_extra, pairs)
