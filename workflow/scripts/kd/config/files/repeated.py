"""What YAML takes without a word and nobody means: a key that stands twice, numbers of another base."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from kd.errors import UserError


def refuse_repeated_keys(files: Iterable[str | Path]) -> None:
    """Refuse YAML in which a key stands twice: YAML takes the last, and the first is lost without a word.

    Likewise numbers that YAML reads with another base than ten: 010 as 8, 1:30 as 90. Raises UserError naming
    the file, the line and the key or number.
    """
    for file in files:
        text = Path(file).read_text(encoding="utf-8").replace("\t", " ")  # JSON may be indented with tabs
        waiting = [yaml.compose(text, yaml.SafeLoader)]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode):
                seen: set[str] = set()
                for key, value in node.value:
                    if key.value in seen:
                        line = key.start_mark.line + 1
                        raise UserError(f"{file}, line {line}: the key {key.value!r} is there twice")
                    seen.add(key.value)
                    waiting.append(value)
            elif isinstance(node, yaml.SequenceNode):
                waiting.extend(node.value)
            elif isinstance(node, yaml.ScalarNode) and _of_another_base(node):
                value = yaml.safe_load(node.value)
                line = node.start_mark.line + 1
                meant = f"{value}, or the number that is meant"
                raise UserError(
                    f"{file}, line {line}: {node.value} is {value} to YAML (octal or base 60); write {meant}"
                )


def _of_another_base(node: yaml.ScalarNode) -> bool:
    """Whether it is a number that one would take for another, or for a time: 010, 1:30."""
    number = node.style is None and node.tag.rpartition(":")[2] in ("int", "float")
    return number and (":" in node.value or re.fullmatch(r"[-+]?0[0-7_]+", node.value) is not None)
