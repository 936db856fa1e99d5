"""Turns what is wrong with a config into lines that a person can act on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kd.errors import near

LONGEST = 64  # characters of what was given; more would hide what is wrong with it

_MARKS = {
    "[key]",
    "[list]",
    "[range]",
}  # of pydantic, for a wrong name, and of kd.config.sweep_entry; no keys
_PLAIN = {  # where pydantic speaks of its own types
    "string_pattern_mismatch": "a name holds letters, digits, '_' and '-' of ASCII, and starts with a letter"
    " or digit",
    "dict_type": "should be a mapping of names to values",
    "model_type": "should be a mapping of keys to values",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
}


class Problems:
    """Collects mistakes; several looks at the same key report it once."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    @property
    def lines(self) -> list[str]:
        """One line per mistake, in the order found."""
        return [f"{key}: {text}" for key, text in self._found.items()]

    def add(self, path: tuple, text: str) -> None:
        """Report `text` at a key path; the first report of a path is kept."""
        self._found.setdefault(_dotted(path) or "config", text)

    def check(self, model: type[BaseModel], value: Any, path: tuple) -> Any:
        """`value` as `model`, or None after its mistakes have been added below `path`."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            items = error.errors()
            for item in items:
                if not _follows(item, items):
                    self._add_pydantic(model, item, path)
            return None

    def _add_pydantic(self, model: type[BaseModel], item: Mapping[str, Any], path: tuple) -> None:
        place = tuple(part for part in item["loc"] if part not in _MARKS)
        self.add((*path, *place), _sentence(model, item))


def _follows(item: Mapping[str, Any], items: list[Any]) -> bool:
    """Whether a list is only called too short because pydantic left its wrong entries out."""
    place = item["loc"]
    inside = (other["loc"] for other in items if len(other["loc"]) > len(place))
    return item["type"] == "too_short" and any(loc[: len(place)] == place for loc in inside)


def _sentence(model: type[BaseModel], item: Mapping[str, Any]) -> str:
    kind, name = item["type"], item["loc"][-1] if item["loc"] else ""
    if kind == "extra_forbidden":
        allowed = _keys(model, item["loc"][:-1])
        return f"unknown key{near(name, allowed)}; allowed: {', '.join(sorted(allowed))}"
    if kind == "missing":
        return "this key is required"
    if kind == "too_short":
        least = item["ctx"]["min_length"]
        said = f"needs at least {'one entry' if least == 1 else f'{least} entries'}"
    else:
        said = item["msg"].removeprefix("Value error, ")
    text = _PLAIN.get(kind) or said.replace("Input should", "should").replace("String should", "should")
    # A letter of another alphabet may look like one of ours.
    shown = _shown(item["input"], ascii if kind == "string_pattern_mismatch" else repr)
    return f"{text} (it is {shown})"


def _keys(model: type[BaseModel], path: tuple) -> list[str]:
    """The keys allowed in the model at `path` inside `model`."""
    for part in path:
        field = model.model_fields.get(part)
        model = next(_models(field.annotation), model) if field else model
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type: itself, or those of the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _dotted(path: tuple) -> str:
    return ".".join(_part(str(part)) for part in path)


def _part(text: str) -> str:
    """A part of a key path: as it stands where it can be read on one line, else quoted and escaped."""
    return text if 0 < len(text) <= LONGEST and text.isprintable() else _shown(text)


def _shown(value: Any, write: Callable[[Any], str] = repr) -> str:
    text = write(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
