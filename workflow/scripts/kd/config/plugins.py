"""Sections of a config whose entries name a plug-in of the registry and hold its options."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    create_model,
)

from kd.config.problems import Ended, Problems
from kd.config.shorthand import named
from kd.errors import UserError
from kd.registry import Entry
from kd.settings.types import Name


@dataclass
class Context:
    """The sections that pydantic has come to, for those that refer to them, even where they have mistakes."""

    written: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))  # as in the file
    valid: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))  # and what was made


def entries(
    result: Any,
    base: type[BaseModel],
    read: Callable[[Problems, str, Any, ValidationInfo], Any],
    *,
    optional: bool = False,
) -> Any:
    """The type of a section: names, and for each what `read` makes of an entry with the keys of `base`.

    A section that is not `optional` needs an entry, and may be a list of names, or a single one (see
    kd.config.shorthand).
    """

    def entry(value: tuple[str, Any], info: ValidationInfo) -> Any:
        name, content = value
        with Problems() as problems:
            made = read(problems, name, content, info)
        if made is not None:
            info.context.valid[info.field_name][name] = made
        return made

    values = Annotated[result, PlainValidator(entry, json_schema_input_type=base)]
    if optional:
        return Annotated[dict[Name, values], BeforeValidator(_with_names)]
    some, item = Field(min_length=1), dict[Name, base | None]
    written = Annotated[item, some] | Annotated[list[Name | item], some] | Name
    names = BeforeValidator(_named, json_schema_input_type=written)
    return Annotated[dict[Name, values], some, names]


def _named(section: Any, info: ValidationInfo) -> Any:
    return _with_names(named(section), info)


def _with_names(section: Any, info: ValidationInfo) -> Any:
    """Each entry with its name. `cnn:` with nothing behind it is null in YAML, and means: all defaults."""
    if not isinstance(section, Mapping):
        return section
    written = {name: {} if entry is None else entry for name, entry in section.items()}
    info.context.written[info.field_name] = {k: v for k, v in written.items() if isinstance(k, str)}
    return {name: (name, entry) for name, entry in written.items()}


@cache
def strict(base: type[BaseModel], options: type[BaseModel] | None, *keys: str) -> type[BaseModel]:
    """The keys of `base`, or those named of them, and the options of a plug-in: these and no others."""
    fields = {name: field for name, field in base.model_fields.items() if not keys or name in keys}
    fields |= options.model_fields if options else {}
    config = ConfigDict(extra="forbid", frozen=True)
    types = {name: (field.annotation, field) for name, field in fields.items()}
    return create_model(base.__name__, __config__=config, **types)


def resolve(
    problems: Problems,
    find: Callable[[Any], Entry],
    base: type[BaseModel],
    content: Any,
    key: str,
    name: str | None = None,
    keys: tuple[str, ...] = (),
) -> tuple[Entry, Any]:
    """The plug-in that `key` of an entry names, or else the entry's own name, and the entry, checked.

    The entry may have the plug-in's options, and of `base` all keys, or `keys`. It ends after a mistake.
    """
    named = content.get(key) if isinstance(content, Mapping) else None
    own = named is None and name is not None
    try:
        entry = find(name if own else named)
    except UserError as error:
        problems.check(base, content)  # its keys can be checked, its options cannot
        if own or named is not None:
            problems.add(() if own else (key,), str(error))
        raise Ended from None
    return entry, problems.require(strict(base, entry.options, *keys), content)


def options_of(entry: Entry, checked: BaseModel) -> dict[str, Any]:
    """The plug-in's own options in `checked`, as JSON values, defaults included."""
    return checked.model_dump(mode="json", include=set(entry.options.model_fields))
