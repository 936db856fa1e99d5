"""The report of a study: one page that holds all it shows, and asks nothing of the network."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from kd.report.html import as_address
from kd.report.study import configuration
from kd.report.study.figures import figures_of
from kd.report.study.first.cards import cards
from kd.report.study.first.checks import checks, seeds_needed
from kd.report.study.first.dumbbell import dumbbell
from kd.report.study.first.lead import facts, lead
from kd.report.study.forms import drawn, texts
from kd.report.study.matrix import matrix_of
from kd.report.study.networks import networks_table
from kd.report.study.pairs import Pair, by_accuracy, pairs_of
from kd.report.study.sources import Study
from kd.report.study.tables import full_table, methods_table, more_table, ranked_table, teachers_table
from kd.report.template import render
from kd.results.data_card import data_lines
from kd.results.published import text as published
from kd.results.ranking import rank, rank_pairs, tied_with_first, verdict_of, verdict_on_pairs
from kd.results.table_csv import read_table
from kd.results.text.legend import DIFFERENCE, LAST, legend, selects
from kd.results.text.more import more_columns, more_legend
from kd.results.text.provenance import provenance

MOST = 12  # seeds that a next step proposes


def to_page(study: Study) -> str:
    """The report as HTML: escaped, styled within, and with a policy that forbids it any request."""
    table = read_table(study.table)
    ranked, ranked_pairs = rank(table, study.runs), rank_pairs(table, study.runs)
    in_order = pairs_of(table, study)
    pairs, matrix = by_accuracy(in_order), matrix_of(in_order)
    unresolved = bool(tied_with_first(ranked)) if len(ranked) > 1 else _tied(ranked_pairs)
    timing = configuration.timing_of(study.runs)
    return render(
        "study",
        "report.css",
        title=f"Knowledge distillation: {study.name}",
        study=study,
        **_script(),
        facts=facts(study, timing),
        lead=lead(pairs, table, ranked),
        cards=cards(pairs, table, study),
        checks=checks(pairs, unresolved, study),
        dumbbell=dumbbell(pairs, study),
        steps=_steps(pairs, len(ranked), unresolved, study),
        csv=study.links.to(study.table),
        teachers=teachers_table(table, study),
        ranked=ranked_table(pairs, study),
        verdict_on_pairs=verdict_on_pairs(ranked_pairs),
        published=published.verdict(table),
        marked=published.MARKED,
        matrix=drawn(matrix) if matrix else "",
        texts=texts(matrix) if matrix else {},
        methods=methods_table(ranked),
        verdict=f"{verdict_of(table, ranked)} {DIFFERENCE}" if len(ranked) > 1 else "",
        legend=legend(table),
        unselected="" if selects(table) else LAST,
        figures=figures_of(study),
        networks=networks_table(table, study),
        everything=full_table(table, study),
        more=more_table(table, study),
        more_legend=more_legend(more_columns(table)),
        configuration=configuration,
        timing=timing,
        data=data_lines(study.data),
        card=study.links.to(study.card),
        samples=as_address(study.samples),
        provenance=[f"{name}: {text}" for name, text in provenance(study.runs).items() if name != "warning"],
    )


def _script() -> dict[str, Any]:
    """The script, and the digest by which the page allows it, and no other."""
    script = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": Markup(script), "script_hash": digest}


def _tied(pairs: pd.DataFrame) -> bool:
    """Whether a pair is not significantly lower than the first."""
    return len(pairs) > 1 and not pairs["significant"].iloc[1:].all()


def _steps(pairs: list[Pair], methods: int, unresolved: bool, study: Study) -> dict[str, Any]:
    """What to do next: commands, links and changes of the config."""
    if not pairs:
        return {}
    best, needed = pairs[0], seeds_needed(pairs)
    seeds = len(best.seeds)
    more = needed if unresolved and seeds < needed <= MOST else 4 if seeds == 1 else 0
    return {
        "name": best.name,
        "better": best.accuracy > max(pair.baseline for pair in pairs),
        "export": study.export_command(best.key),
        "page": study.page(best.key),
        "aim": "Resolve the ranking" if seeds > 1 else "Get confidence intervals",
        "seeds": f"[{', '.join(map(str, range(more)))}]" if more else "",
        "one_method": methods == 1,
    }
