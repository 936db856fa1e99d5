"""Makes the pictures of the documents, in docs/images/: `make pictures`, after the default study has run.

rules.svg                           the jobs by rule: snakemake --rulegraph | tred | dot -Tsvg (Graphviz)
table.png, table_dark.png           the upper part of the report, as Chromium shows it (by Playwright)
dumbbell.svg                        from baseline to distilled student, by docsite/drawings/dumbbell.py
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from docsite.drawings import dumbbell
from docsite.taken import ROOT

IMAGES = ROOT / "docs" / "images"
DARK = """\
<style>@media (prefers-color-scheme: dark) {
.graph > polygon { fill: transparent } text { fill: #e6e8eb }
.edge path, .edge polygon { stroke: #9aa0a8 } .edge polygon { fill: #9aa0a8 }
}</style>
"""
PAGE = "report.html"
GRAPHVIZ = ("tred", "dot")
SIZE = {"width": 1280, "height": 860}


def draw_rules(target: Path) -> None:
    """Draw the default study's rules, without the arrows that follow from others.

    From the top down and narrow, because a phone shrinks a wide picture until nobody can read it.
    """
    command = [sys.executable, "-m", "snakemake", "--rulegraph"]
    graph = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    graph = graph[graph.index("digraph") :].replace("margin=0", "margin=0, nodesep=0.1, ranksep=0.3")
    graph = graph.replace("node[", 'node[margin="0.03,0.03", width=0.1, ')
    graph = re.sub(r'(?<=label = ")\w+', lambda name: re.sub(r"_(?=[a-z]+$)", r"_\\n", name[0]), graph)
    fewer = subprocess.run(["tred"], input=graph, check=True, capture_output=True, text=True).stdout
    svg = subprocess.run(["dot", "-Tsvg"], input=fewer, check=True, capture_output=True, text=True).stdout
    target.write_text(with_dark(svg), encoding="utf-8")


def with_dark(svg: str) -> str:
    """A drawing of Graphviz that follows the colour scheme of the page that shows it."""
    return svg.replace('<g id="graph0"', f'{DARK}<g id="graph0"', 1)


def picture_page(page: Path, target: Path, scheme: str = "light") -> None:
    """Take a picture of the upper part of a page in a colour scheme, light or dark."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as error:
            raise SystemExit(f"error: Chromium does not start: {error.message.splitlines()[0]}") from error
        tab = browser.new_page(viewport=SIZE, color_scheme=scheme)
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=target)
        browser.close()


def check_tools() -> None:
    """SystemExit with a line that names the programs that are missing."""
    if missing := [program for program in GRAPHVIZ if not shutil.which(program)]:
        raise SystemExit(f"error: no program {' and '.join(missing)}; install Graphviz")


def main(results: Path, images: Path = IMAGES) -> None:
    """Make all pictures; `results` is the folder of a finished study."""
    page = results / PAGE
    if not page.is_file():
        raise SystemExit(f"error: {results} has no {PAGE}; run the study first")
    check_tools()
    images.mkdir(parents=True, exist_ok=True)
    draw_rules(images / "rules.svg")
    picture_page(page, images / "table.png")
    picture_page(page, images / "table_dark.png", "dark")
    dumbbell.main(results, images / "dumbbell.svg")
    print(f"wrote {', '.join(sorted(path.name for path in images.iterdir()))} in {images}")


if __name__ == "__main__":
    from kd.commands.studies import folder_of
    from kd.errors import UserError

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "study", nargs="?", default="", help="a finished study; without one, the default study"
    )
    try:
        main(folder_of(parser.parse_args().study))
    except UserError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(error.cmd)}: {(error.stderr or '').strip() or error.returncode}")
