"""Turns what is wrong with a config into lines that a person can act on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from kd.errors import did_you_mean, without_password

LONGEST = 64  # characters of a value in a line; more would hide what is wrong with it

_MISTAKE = "mistake"  # the type of an error whose message is a finished sentence
# Of pydantic, for a wrong name, and of types with tags (kd.config.ranges, kd.config.reference); no keys.
_MARKS = {"[key]", "[list]", "[range]", "[number]", "[table]"}
_PLAIN = {  # where pydantic speaks of its own types
    "string_pattern_mismatch": "a name holds letters, digits, '_' and '-' of ASCII, and starts with a letter"
    " or digit",
    "dict_type": "should be a mapping of names to values",
    "model_type": "should be a mapping of keys to values",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
}


class Ended(Exception):
    """Ends an entry of which nothing more can be checked; its mistakes have been reported."""


class Problems:
    """The mistakes of one entry, which are raised together at the end of its `with` block.

    The ValidationError that is raised there is one more to the validator around it: pydantic puts the keys
    that lead to the entry in front. Of several mistakes at one key the first is kept.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_: Any) -> None:
        errors = [
            InitErrorDetails(type=PydanticCustomError(_MISTAKE, "{text}", {"text": text}), loc=loc)
            for loc, text in self._texts.items()
        ]
        if errors and kind in (None, Ended):
            raise ValidationError.from_exception_data("config", errors)

    def add(self, place: tuple, text: str) -> None:
        """Report `text` at a key path below the entry."""
        self._texts.setdefault(place, text)

    def require(self, model: type[BaseModel], value: Any, place: tuple = ()) -> Any:
        """`value` as `model`; ends the entry after its mistakes have been added below `place`."""
        if (checked := self.check(model, value, place)) is None:
            raise Ended
        return checked

    def check(self, model: type[BaseModel], value: Any, place: tuple = (), context: Any = None) -> Any:
        """`value` as `model`, or None after its mistakes have been added below `place`."""
        return self.attempt(lambda value: model.model_validate(value, context=context), value, place, model)

    def attempt(self, validate: Callable, value: Any, place: tuple = (), model: Any = BaseModel) -> Any:
        """What `validate` makes of a value, or None after its mistakes have been added."""
        try:
            return validate(value)
        except ValidationError as error:
            items = error.errors(include_url=False)
            for item in items:
                if not _follows(item, items):
                    keys = tuple(part for part in item["loc"] if part not in _MARKS)
                    if item["loc"][-1:] == ("[key]",):  # pydantic calls the name False 0
                        keys = (*keys[:-1], str(item["input"]))
                    self.add((*place, *keys), _sentence(model, item))
            return None


def lines(error: ValidationError) -> list[str]:
    """One line for each key path: the path, and what is wrong there."""
    texts: dict[str, str] = {}
    for item in error.errors(include_url=False):
        texts.setdefault(".".join(_part(str(part)) for part in item["loc"]) or "config", item["msg"])
    return [f"{key}: {text}" for key, text in texts.items()]


def _follows(item: Mapping[str, Any], items: list[Any]) -> bool:
    """Whether a list is only called too short because pydantic left its wrong entries out."""
    place = item["loc"]
    inside = (other["loc"] for other in items if len(other["loc"]) > len(place))
    return item["type"] == "too_short" and any(loc[: len(place)] == place for loc in inside)


def _sentence(model: type[BaseModel], item: Mapping[str, Any]) -> str:
    kind, name = item["type"], item["loc"][-1] if item["loc"] else ""
    if kind == _MISTAKE:
        return item["msg"]
    if kind == "extra_forbidden":
        allowed = _keys(model, item["loc"][:-1])
        return f"unknown key{did_you_mean(name, allowed)}; allowed: {', '.join(sorted(allowed))}"
    if kind == "missing":
        return "this key is required"
    if kind == "too_short":
        least = item["ctx"]["min_length"]
        text = f"needs at least {'one entry' if least == 1 else f'{least} entries'}"
    else:
        text = item["msg"].removeprefix("Value error, ")
        text = text.replace("Input should", "should").replace("String should", "should")
    if kind == "string_type" and isinstance(item["input"], bool):
        text += "; without quotes YAML reads yes, no, on, off, true and false as booleans"
    elif kind == "string_type" and item["loc"][-1:] == ("[key]",):
        text += "; put it in quotes"
    # A letter of another alphabet may look like one of ours.
    value = shown(item["input"], ascii if kind == "string_pattern_mismatch" else repr)
    return f"{_PLAIN.get(kind, text)} (it is {value})"


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


def _part(text: str) -> str:
    """A part of a key path: as it stands where it can be read on one line, else quoted and escaped."""
    return text if 0 < len(text) <= LONGEST and text.isprintable() else shown(text)


def shown(value: Any, write: Callable[[Any], str] = repr) -> str:
    """A value as a line shows it, without passwords in addresses, and cut where it is long."""
    text = without_password(write(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
