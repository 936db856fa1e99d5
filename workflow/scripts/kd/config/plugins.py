"""Sections of a config that name a plug-in of the registry and hold its options."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from kd import registry
from kd.config.problems import Problems
from kd.errors import near


def items(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a section that can be looked at further; wrong ones have been reported already."""
    if not isinstance(value, Mapping):
        return []
    pairs = [(name, {} if entry is None else entry) for name, entry in value.items()]
    return [(name, entry) for name, entry in pairs if isinstance(name, str) and isinstance(entry, Mapping)]


def with_options(base: type[BaseModel], options: type[BaseModel]) -> type[BaseModel]:
    """The keys of `base` and the options of a plug-in in one strict model, so that both are checked."""
    extra = {name: (field.annotation, field) for name, field in options.model_fields.items()}
    config = ConfigDict(extra="forbid", frozen=True)
    keys = {name: (field.annotation, field) for name, field in base.model_fields.items()}
    return create_model(base.__name__, __config__=config, **keys, **extra)


def find(problems: Problems, entries: Mapping[str, registry.Entry], name: Any, path: tuple, what: str) -> Any:
    """The plug-in `name`, or None after saying that there is none."""
    if isinstance(name, str) and name in entries:
        return entries[name]
    problems.add(
        path, f"there is no {what} {name!r}{near(name, entries)}; allowed: {', '.join(sorted(entries))}"
    )
    return None


def resolve(
    problems: Problems,
    entries: Mapping[str, registry.Entry],
    base: type[BaseModel],
    section: Mapping[str, Any],
    path: tuple,
    what: str,
) -> tuple[registry.Entry | None, Any]:
    """The plug-in that a named section is about, by the key `what` or its own name; the section, checked."""
    given = section.get(what)
    named = given is not None
    entry = find(problems, entries, given if named else path[-1], (*path, what) if named else path, what)
    return entry, entry and problems.check(with_options(base, entry.options), section, path)


def options_of(entry: registry.Entry, checked: BaseModel) -> dict[str, Any]:
    """The plug-in's own options in `checked`, as JSON values, defaults included."""
    return checked.model_dump(mode="json", include=set(entry.options.model_fields))
