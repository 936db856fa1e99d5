"""Small pieces of Markdown that the generated pages share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells may hold any text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def code(value: Any) -> str:
    """A value as in a config."""
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def options(
    schema: Mapping[str, Any], definitions: Mapping[str, Any] = {}, meanings: Mapping[str, str] = {}
) -> str:
    """The properties of a JSON schema as a table: key, allowed values, default, meaning.

    `definitions` are those that its references name; `meanings` explains keys that have no description.
    """
    rows, described = [], any("description" in value for value in schema["properties"].values())
    described = described or bool(meanings)
    for key, value in schema["properties"].items():
        default = code(value["default"]) if value.get("default") is not None else ""
        default = "needed" if key in schema.get("required", ()) else default
        row = [f"`{key}`", allowed(value, definitions), default]
        rows.append([*row, value.get("description", meanings.get(key, ""))] if described else row)
    return table(["key", "allowed", "default", *(["meaning"] if described else [])], rows)


def allowed(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """The allowed values of a property, in words."""
    if "$ref" in value:
        return f"[keys](#{value['$ref'].rsplit('/', 1)[1].lower()})"
    if "anyOf" in value or "oneOf" in value:
        branches = [allowed(branch, definitions) for branch in value.get("anyOf", value.get("oneOf"))]
        return " or ".join(dict.fromkeys(branch for branch in branches if branch != "nothing"))
    if "enum" in value or "const" in value:
        return ", ".join(code(word) for word in value.get("enum", [value.get("const")]))
    return _of_type(value, definitions)


def _of_type(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    kind = value.get("type")
    if kind == "array":
        if "prefixItems" in value:
            return f"[{', '.join(allowed(item, definitions) for item in value['prefixItems'])}]"
        return f"list of {allowed(value.get('items', {}), definitions)}"
    if kind == "object":
        inside = next(iter(value.get("patternProperties", {}).values()), value.get("additionalProperties"))
        return f"name: {allowed(inside, definitions)}" if isinstance(inside, Mapping) else "keys"
    if kind in ("integer", "number"):
        bounds = _bounds(value)
        return f"{'whole number' if kind == 'integer' else 'number'}{bounds}"
    names = {"string": "text", "boolean": "`true`, `false`", "null": "nothing"}
    return names.get(kind, "any value")


def _bounds(value: Mapping[str, Any]) -> str:
    """` from 1`, ` above 0`, ` below 1`: the bounds of a number that matter in practice."""
    words = []
    for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("exclusiveMaximum", "below")):
        if key in value:
            words.append(f"{word} {value[key]:,}")
    if value.get("maximum", 1_000_000) < 1_000_000:  # the largest of anything is no bound to speak of
        words.append(f"to {value['maximum']:,}")
    return f" {' '.join(words)}" if words else ""
