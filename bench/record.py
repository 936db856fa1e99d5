"""The results of a machine: one dictionary, whose sections may have been measured at different times."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.spec import Setting
from kd.runtime.provenance import commit, versions


class Record:
    """What is known of a machine so far; every section that is kept is written at once."""

    def __init__(self, folder: Path, name: str, machine: dict[str, Any], setting: Setting) -> None:
        self._folder = folder
        self._now = {"commit": commit(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
        self._now["settings"] = setting.model_dump()
        file = folder / f"{name}.json"
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.results = before | {"name": name, "machine": machine, "versions": versions()} | self._now

    def keep(self, section: str, content: Any) -> None:
        """Put `content` in place of what the section held, note when and of which commit, and write all."""
        from bench.report import write

        measured = self.results.get("measured", {})
        self.results |= {section: content, "measured": measured | {section: self._now}}
        write(self.results, self._folder)
