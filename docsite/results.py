"""Writes down what was measured, with its provenance: `make docs-results STUDY=digits`, after a run.

docs/results/<study>.md is the study's table.md, its answer first; docs/results/bench.md has the tables of
`make bench`. Neither is edited by hand, so that every number there is the one that was measured.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from docsite.taken import ROOT

PLOT = "accuracy_parameters"
MEASURED = "Measured on a CPU."


def study_page(results: Path) -> tuple[str, str]:
    """The name and the text of the page of a finished study."""
    table, name = (results / "table.md").read_text(encoding="utf-8"), results.name
    body = re.sub(r"!\[[^]]*\]\(data/samples\.png\)\n*", "", table.split("\n", 1)[1])
    text = [f"# Results: {name}", *arranged(body, name), *_time(results / "benchmarks"), _made(name)]
    return f"{name}.md", "\n\n".join(text) + "\n"


def arranged(body: str, name: str) -> list[str]:
    """The parts of a table.md without its title, the answer first: summary, ranking, plot, then the table."""
    first, *sections = re.split(r"(?m)^(?=## )", body.strip())
    summary, *table = re.split(r"(?m)^(?=\|)", first, maxsplit=1)
    ranking = [section for section in sections if section.startswith("## Methods")]
    picture = f"![Accuracy of every network against its size]({name}_{PLOT}.png)"
    parts = [summary, *ranking, f"## Accuracy against parameters\n\n{picture}"]
    parts += [f"## All results\n\n{rows}" for rows in table]
    parts += [section for section in sections if section not in ranking]
    return [part.strip() for part in parts if part.strip()]


def _time(folder: Path) -> list[str]:
    """The section on the time that the jobs of each rule took, by the tables that Snakemake keeps of them."""
    from kd.results.format import duration

    seconds: dict[str, list[float]] = {}
    for file in sorted(folder.rglob("*.tsv")):
        rule = file.relative_to(folder).parts[0].removesuffix(".tsv")
        _, first = file.read_text(encoding="utf-8").splitlines()[:2]
        seconds.setdefault(rule, []).append(float(first.split("\t")[0]))
    if not seconds:
        return []
    rows = sorted(seconds.items(), key=lambda row: -sum(row[1]))
    lines = [f"| {rule} | {len(times)} | {duration(sum(times))} |" for rule, times in rows]
    head = ["## Time by stage", "", "| rule | jobs | time of all |", "| --- | ---: | ---: |"]
    return ["\n".join([*head, *lines])]


def _made(name: str) -> str:
    config = next((path for path in _configs() if yaml.safe_load(path.read_text())["study"] == name), None)
    how = "from a config of its own"
    if config:
        named = "" if config.name == "config.yaml" else f" --configfile config/{config.name}"
        link = f"[config/{config.name}](../../config/{config.name})"
        how = f"from {link} by\n`snakemake --cores 2 --resources gpu=1{named}`"
    return f"This page is `results/{name}/table.md`, made {how}.\n{MEASURED}"


def _configs() -> list[Path]:
    return sorted((ROOT / "config").glob("*.yaml"))


def bench_page(files: list[Path]) -> tuple[str, str]:
    """The name and the text of the page of what `make bench` measured, a section for each setting."""
    from bench.report import table

    text = [
        "# Results: speed benchmark",
        f"From bench/results/. {MEASURED}",
    ]
    for file in files:
        results = json.loads(file.read_text(encoding="utf-8"))
        tables = re.sub(r"(?m)^#", "##", table(results)).strip()
        text += [f"## {results['name']}", _measured(results, file), tables]
    return "bench.md", "\n\n".join(text) + "\n"


def _measured(results: Mapping[str, Any], file: Path) -> str:
    parts = results.get("measured", {})
    when = [f"{name} at {part['commit']} ({part['date'][:10]})" for name, part in parts.items()]
    return f"[{file.name}](../../bench/results/{file.name}). Commits: {'; '.join(when) or results['commit']}."


def main(results: Path, target: Path = ROOT / "docs" / "results", *, yes: bool = False) -> None:
    """Write the page of a study's folder, or of the bench; `yes`: over another one without asking."""
    target.mkdir(parents=True, exist_ok=True)
    if results.name == "bench":
        write(target, *bench_page(sorted((ROOT / "bench" / "results").glob("*.json"))), yes)
    elif not (results / "table.md").is_file():
        raise SystemExit(f"error: {results} has no table.md; run the study first")
    elif write(target, *study_page(results), yes):
        shutil.copyfile(results / "plots" / f"{PLOT}.png", target / f"{results.name}_{PLOT}.png")


def write(folder: Path, name: str, text: str, yes: bool) -> bool:
    """Write a page, and print that; False where the user does not want to lose the one that is there.

    Raises SystemExit where there is no terminal to ask.
    """
    path = folder / name
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if path.is_file() and path.read_text(encoding="utf-8") != text and not (yes or _overwrites(shown)):
        print(f"{shown} is as it was.")
        return False
    path.write_text(text, encoding="utf-8")
    print(f"wrote {shown}")
    return True


def _overwrites(path: Path) -> bool:
    if not sys.stdin.isatty():
        raise SystemExit(f"error: {path} is there and differs; make docs-results YES=1 (--yes) overwrites it")
    return input(f"{path} is there and differs. Overwrite it? [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    from kd.commands.studies import folder_of
    from kd.errors import UserError

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?", default="", help="a finished study; bench: the bench")
    parser.add_argument("--yes", action="store_true", help="overwrite a page that is there without asking")
    options = parser.parse_args()
    try:
        main(Path("results/bench") if options.study == "bench" else folder_of(options.study), yes=options.yes)
    except UserError as error:
        sys.exit(f"error: {error}")
