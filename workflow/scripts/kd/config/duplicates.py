"""Keys that stand twice in a config file."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from kd.errors import UserError


def refuse_repeated_keys(files: Iterable[str]) -> None:
    """Refuse YAML in which a key stands twice: YAML takes the last, and the first is lost without a word.

    Raises UserError naming the file, the line and the key.
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
