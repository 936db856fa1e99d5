"""The report of a study: one page that holds all it shows, and asks nothing of the network."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kd.report.data_uri import as_address
from kd.report.links import Links
from kd.report.study.answer import answer
from kd.report.study.figures import figures_of
from kd.report.study.sections import sections
from kd.report.study.tables import RANKED, Sources, all_rows, ranked_rows, teacher_rows
from kd.report.style import STYLE
from kd.report.template import render
from kd.results.data_card import data_lines
from kd.results.metrics import Metrics
from kd.results.ranking import rank, rank_pairs, verdict_on_pairs
from kd.results.runs import Cell
from kd.results.table_csv import read_table
from kd.results.text import DIFFERENCE, LEGEND, measures, provenance, ranking, verdict_of

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Study:
    """All that a report is made of; paths are those of the files."""

    name: str
    folder: Path
    cells: Sequence[Cell]
    table: Path
    figures: Sequence[Path]
    latency: Path
    measured: Mapping[str, Any]  # what is in `latency`
    card: Path
    data: Mapping[str, Any]  # what is in `card`
    samples: bytes

    @property
    def runs(self) -> list[Metrics]:
        """The metrics of every run."""
        return [run.metrics for cell in self.cells for run in cell.runs]


def to_page(study: Study) -> str:
    """The report as HTML: escaped, styled within, and with a policy that forbids it any request."""
    table, links = read_table(study.table), Links(study.folder)
    latency = links.to(study.latency)
    sources = Sources(
        links, links.to(study.table), latency, study.measured, {cell.key: cell for cell in study.cells}
    )
    ranked, pairs = rank(table, study.runs), rank_pairs(table, study.runs)
    script = _text("report.js")
    return render(
        HERE,
        study=study.name,
        style=Markup(STYLE + _text("report.css")),
        script=Markup(script),
        script_hash=_sha256(script),
        answer=[
            [(text, _place(key, sources)) for text, key in sentence] for sentence in answer(table, ranked)
        ],
        sources=sources,
        teachers=teacher_rows(table, sources),
        columns=RANKED,
        rows=ranked_rows(pairs, sources),
        verdict_on_pairs=verdict_on_pairs(pairs),
        methods=ranking(ranked),
        verdict=f"{verdict_of(table, ranked)} {DIFFERENCE}" if len(ranked) > 1 else "",
        legend=LEGEND,
        figures=figures_of(study.figures, links, {"table": sources.table, "latency": latency}),
        cells=sections(study.cells, sources),
        measures=list(measures(next(table.itertuples()))),
        everything=all_rows(table, sources),
        data=data_lines(study.data),
        card=links.to(study.card),
        samples=as_address(study.samples),
        provenance=provenance(study.runs),
        device=study.measured,
    )


def _place(key: Any, sources: Sources) -> str:
    """What words of the answer lead to: their runs, or the table, which has the averages over pairs."""
    if key is None:
        return ""
    anchor = sources.anchor(key)
    return f"#{anchor}" if anchor else sources.table


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _sha256(script: str) -> str:
    """The digest by which the page allows its own script, and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
