"""The report of a study: one page that holds all it shows, and asks nothing of the network."""

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

from kd.report.html import as_address, linked
from kd.report.study.answer import answer
from kd.report.study.figures import figures_of
from kd.report.study.sections import sections
from kd.report.study.sources import Study
from kd.report.study.tables import full_table, methods_table, ranked_table, teachers_table
from kd.report.template import render
from kd.results.data_card import data_lines
from kd.results.ranking import rank, rank_pairs, verdict_of, verdict_on_pairs
from kd.results.table_csv import read_table
from kd.results.text import DIFFERENCE, LEGEND, provenance


def to_page(study: Study) -> str:
    """The report as HTML: escaped, styled within, and with a policy that forbids it any request."""
    table, csv = read_table(study.table), study.links.to(study.table)
    ranked, pairs = rank(table, study.runs), rank_pairs(table, study.runs)
    script = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    return render(
        "study",
        "report.css",
        title=f"Knowledge distillation: {study.name}",
        study=study,
        script=Markup(script),
        # The digest by which the page allows its own script, and no other.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        # Averages over pairs are in the table, and have no section.
        answer=[
            [linked(text, study.section(key) or csv) if key else text for text, key in sentence]
            for sentence in answer(table, ranked)
        ],
        csv=csv,
        teachers=teachers_table(table, study),
        ranked=ranked_table(pairs, study),
        verdict_on_pairs=verdict_on_pairs(pairs),
        methods=methods_table(ranked, study),
        verdict=f"{verdict_of(table, ranked)} {DIFFERENCE}" if len(ranked) > 1 else "",
        legend=LEGEND,
        figures=figures_of(study),
        cells=sections(study),
        everything=full_table(table, study),
        data=data_lines(study.data),
        card=study.links.to(study.card),
        samples=as_address(study.samples),
        provenance=[f"{name}: {value}" for name, value in provenance(study.runs).items()],
    )
