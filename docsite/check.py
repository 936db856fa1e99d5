"""Compares the results of a study with those in docs/results/, row by row: `make check STUDY=digits`.

The times of the runs are not compared. They differ on every machine.
"""

import argparse
import re
import sys
from pathlib import Path

from docsite.taken import ROOT

DOCUMENTED = ROOT / "docs" / "results"
KEY = ("role", "network", "teacher", "method")  # columns that name a row
NOT_COMPARED = {"time"}
MOST = 10  # rows that differ in a message
Row = dict[str, str]


def rows_of(text: str) -> dict[tuple[str, ...], Row]:
    """The rows of the table of all networks in a page of Markdown, by the columns of KEY."""
    lines = iter(text.splitlines())
    for line in lines:
        head = _cells(line)
        if head[: len(KEY)] == [*KEY]:
            break
    else:
        return {}
    rows: dict[tuple[str, ...], Row] = {}
    for line in lines:
        cells = _cells(line)
        if len(cells) != len(head):
            break
        if not set("".join(cells)) <= set("-: "):  # the line below the head
            row = dict(zip(head, cells, strict=True))
            rows[tuple(row[column] for column in KEY)] = row
    return rows


def _cells(line: str) -> list[str]:
    """The cells of a line of a table, without links; none of another line."""
    if not line.startswith("|"):
        return []
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.strip().strip("|"))
    return [" ".join(cell.split()) for cell in plain.split("|")]


def difference(ours: Row | None, theirs: Row | None) -> str:
    """How a row differs from the documented one, empty where it does not; None: there is no such row."""
    if ours is None or theirs is None:
        return f"only in {'docs/results' if ours is None else 'this study'}"
    columns = [column for column in dict.fromkeys([*theirs, *ours]) if column not in NOT_COMPARED]
    pairs = [(column, ours.get(column, "no column"), theirs.get(column, "no column")) for column in columns]
    wrong = [(column, here, there) for column, here, there in pairs if here != there]
    if not wrong:
        return ""
    (first, here, there), *others = wrong
    also = f"; also {', '.join(column for column, *_ in others)}" if others else ""
    return f"{first} {here} (documented: {there}){also}"


def provenance(text: str) -> list[str]:
    """The lines of a page that say with which devices, versions and code it was measured."""
    return re.findall(r"^- ((?:devices?|versions?|commits?): .*)$", text, re.MULTILINE)


def compare(ours: str, theirs: str, page: str) -> tuple[str, bool]:
    """The message on two pages of Markdown, and whether all rows are equal; `page` is the documented one."""
    here, there = rows_of(ours), rows_of(theirs)
    keys = list(dict.fromkeys([*there, *here]))
    wrong = {key: text for key in keys if (text := difference(here.get(key), there.get(key)))}
    lines = [f"{len(keys) - len(wrong)} of {len(keys)} rows equal {page} (all columns but the time)"]
    if not wrong:
        return lines[0], True
    lines += [f"  {_title(key)}: {text}" for key, text in list(wrong.items())[:MOST]]
    lines += [f"  and {len(wrong) - MOST} more rows"] * (len(wrong) > MOST)
    lines.append("Another processor, version or commit may change the numbers:")
    lines += [
        f"  {name}: {line}" for name, text in (("here", ours), (page, theirs)) for line in provenance(text)
    ]
    return "\n".join(lines), False


def _title(key: tuple[str, ...]) -> str:
    return " ".join(part for part in key if part != "\N{EN DASH}")


def main(folder: Path, documented: Path = DOCUMENTED) -> int:
    """Compare results/<study>/table.md with docs/results/<study>.md; 0 if all rows are equal, else 1."""
    table, page = folder / "table.md", documented / f"{folder.name}.md"
    if not page.is_file():
        names = sorted(
            path.stem for path in documented.glob("*.md") if rows_of(path.read_text(encoding="utf-8"))
        )
        return _error(
            f"no file docs/results/{page.name}; results are documented of {', '.join(names) or 'no study'}"
        )
    if not table.is_file():
        return _error(f"no file {table}; run the study first")
    ours, theirs = (path.read_text(encoding="utf-8") for path in (table, page))
    if not rows_of(ours):
        return _error(f"{table}: has no table with the columns {', '.join(KEY)}")
    text, equal = compare(ours, theirs, f"docs/results/{page.name}")
    print(text)
    return 0 if equal else 1


def _error(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of a finished study, such as results/digits")
    sys.exit(main(parser.parse_args().folder))
