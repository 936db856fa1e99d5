"""Where the page of a diagnosis leads: to the report of its study, and to the files that it is made of."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote


def links(diagnosis: Mapping[str, Any], page: Path, report: Path) -> dict[str, str]:
    """What they are called, and their addresses relative to the page.

    The report has a section for each cell, whose id is the cell's folder in the study (kd.report.links).
    """
    cell = Path(os.path.relpath(page.parent, report.parent)).as_posix()
    back = f"{quote(os.path.relpath(report, page.parent))}#{quote(cell)}"
    addresses = {"report of the study": back, "diagnosis.json": "diagnosis.json"}
    if diagnosis["role"] == "teacher":
        return addresses | {"metrics.json": "metrics.json"}
    return addresses | {
        f"metrics.json, seed {run['seed']}": f"{run['seed']}/metrics.json" for run in diagnosis["runs"]
    }
