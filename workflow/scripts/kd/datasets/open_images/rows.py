"""Rows of large CSV files, read as a stream."""

import csv
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from kd.errors import UserError
from kd.io.files import reading
from kd.io.progress import Progress


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """These columns of each row of a CSV file.

    Raises UserError naming the file and line where it is malformed, and NotRead if it cannot be read.
    """
    again = "delete it and run again"
    with (
        reading(path),
        open(path, encoding="utf-8-sig", newline="") as file,
        Progress(f"reading {path.name}") as progress,
    ):
        progress.total = path.stat().st_size
        reader = csv.reader(_counted(file, progress))
        try:
            header = next(reader, [])
            if lacking := [column for column in columns if column not in header]:
                raise UserError(f"{path}: its first line lacks {', '.join(lacking)}; {again}")
            pick = itemgetter(*map(header.index, columns))
            for row in reader:
                if len(row) != len(header):
                    counts = f"{len(row)} columns instead of {len(header)}"
                    raise UserError(f"{path}, line {reader.line_num}: {counts}; {again}")
                yield pick(row)
        except csv.Error as error:
            raise UserError(f"{path}, line {reader.line_num}: no CSV: {error}; {again}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: no text in UTF-8: {error}; {again}") from error


def _counted(lines: Iterator[str], progress: Progress) -> Iterator[str]:
    for line in lines:
        progress.done += len(line)
        yield line
