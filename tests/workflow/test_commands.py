"""Every command in the documents is run, in a copy of the repository; tests/support/commands.py says how."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from checkout import ROOT
from commands import RULES, commands, documents, rule_of, to_run
from PIL import Image

STUDY = {
    "study": "digits",
    "dataset": {"name": "digits", "test_fraction": 0.8},
    "recipe": {"epochs": 2, "batch_size": 64, "lr": 0.05},
    "teachers": {"resnet18": {"width": 0.125}},
    "students": {"cnn": {"channels": [8, 8]}},
    "methods": {"kd": {"temperature": 4}},
    "seeds": [0, 1],
    "compute": {"device": "cpu"},
}
DOCUMENTS = [path.relative_to(ROOT) for path in documents() if any(commands(path))]
README, TUTORIAL = Path("README.md"), Path("docs/tutorial.md")
FROM_THE_CLONE = (README, TUTORIAL)  # read from their first line on, with nothing there yet
# Each takes ten seconds and more.
LONG = [
    Path(name)
    for name in (
        *("CONTRIBUTING.md", "config/README.md", "docs/export.md"),
        *("docs/how-to/big-study.md", "docs/results/zoo.md"),
    )
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a reader has it, but for its default study, which takes seconds here."""
    folder = tmp_path_factory.mktemp("origin") / "kd-workflow"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for file in files:
        if (ROOT / file).is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, folder / file)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(STUDY))
    # Of these the documents speak as the reader's own.
    (folder / "config" / "mine.yaml").write_text(yaml.safe_dump({**STUDY, "study": "mine"}))
    Image.new("L", (8, 8), 128).save(folder / "image.png")
    for part in ("train", "test"):
        for number in range(20):
            file = folder / "data" / "mine" / part / ("cat", "dog")[number % 2] / f"{part}{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), (12 * number, 90, 0 if part == "train" else 200)).save(file)
    for number in range(20):
        file = folder / "data" / "photos" / ("cat", "dog")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 32), (12 * number, 90, 100)).save(file)
    author = ["-c", "user.name=a reader", "-c", "user.email=reader@example.org"]
    for arguments in (["init", "-q"], ["add", "--force", "."], [*author, "commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def reader(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of the scripts."""
    return {"REPOSITORY": str(repository), "SCRATCH": str(tmp_path_factory.mktemp("scratch"))}


def scripts_of(document: Path, *tiers: str) -> list[str]:
    """What is run for a document in this tier, and in others, in its order."""
    return [
        script for command in commands(ROOT / document) if (script := to_run(command, "workflow", *tiers))
    ]


CLONE = "kd-workflow"
BEGINNING = scripts_of(README)[: scripts_of(README).index("make run") + 1]


@pytest.fixture(scope="module")
def begun(reader: dict[str, str], warm_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone of a reader who has run the commands with which both documents begin, the first study among them."""
    assert scripts_of(TUTORIAL)[: len(BEGINNING)] == BEGINNING
    folder = tmp_path_factory.mktemp("reader")
    run_script("\n".join(BEGINNING), folder, warm_environment, inside=False, **reader)
    return folder / CLONE


def go_on(begun: Path, scripts: list[str], environment: Path, variables: dict[str, str]) -> tuple[Path, str]:
    """Run what follows the beginning, in a copy of the clone; the copy, and the output."""
    clone = Path(tempfile.mkdtemp(dir=variables["SCRATCH"])) / CLONE
    subprocess.run(["cp", "-a", begun, clone], check=True)
    return clone, run_script("\n".join(scripts), clone, environment, inside=False, **variables)


@pytest.fixture(scope="module")
def readme(begun: Path, reader: dict[str, str], warm_environment: Path) -> tuple[Path, str]:
    """The clone in which the README has been run to its end, what it repeats but once; and the output."""
    scripts = list(dict.fromkeys(scripts_of(README)[len(BEGINNING) :]))
    return go_on(begun, scripts, warm_environment, reader)


def run_script(
    script: str, folder: Path, environment: Path | str, inside: bool = True, **variables: str
) -> str:
    """Run a script as a reader's shell would, or not yet, `inside` this virtual environment.

    It ends at the first failure.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SNAKEMAKE", "MAKE"))}
    path = f"{environment}/bin:{os.environ['PATH']}" if inside else _path_outside()
    process_environment = {**kept, "VENV": str(environment), "PATH": path, **variables}
    command = ["bash", "-euo", "pipefail", "-x", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=process_environment)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return done.stdout + done.stderr


def _path_outside() -> str:
    """Where programs are looked up before the environment is activated."""
    folders = [
        folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "snakemake").exists()
    ]
    return ":".join(folders)


@pytest.fixture(scope="module")
def done(readme: tuple[Path, str]) -> set[str]:
    """What has been run in the clone: several documents name the same command, and once is enough."""
    return set(scripts_of(README))


def test_the_readme_runs_from_its_clone_to_its_end(readme: tuple[Path, str]):
    folder, output = readme
    assert "Nothing to be done" in output  # the second run of the default study
    assert (folder / "results" / "digits" / "report.html").is_file()


@pytest.mark.full
def test_the_readme_runs_cold_as_it_does_for_a_reader(reader: dict[str, str], tmp_path: Path):
    script = "\n".join(dict.fromkeys(scripts_of(README, "full")))
    output = run_script(script, tmp_path, sys.prefix, inside=False, **reader)
    assert "Nothing to be done" in output
    assert (tmp_path / CLONE / "results" / "digits" / "report.html").is_file()


@pytest.mark.full
def test_the_tutorial_runs_from_its_clone_to_its_end(
    begun: Path, reader: dict[str, str], warm_environment: Path
):
    folder, output = go_on(begun, scripts_of(TUTORIAL)[len(BEGINNING) :], warm_environment, reader)
    assert "Nothing to be done" in output  # the second `make run`
    assert re.search(r"^distill_student +3$", output, re.MULTILINE)  # of the dry run after a change
    ranked = (folder / "results" / "mine" / "table.md").read_text()
    assert all(f"| {name} " in ranked for name in ("kd", "hot", "at"))


@pytest.mark.parametrize("document", FROM_THE_CLONE, ids=str)
def test_a_document_says_to_activate_the_environment_before_it_is_needed(document: Path):
    """By the order of the commands alone: these two documents are run without it above."""
    first = list(commands(ROOT / document))
    bare = next(place for place, command in enumerate(first) if command.startswith(("snakemake", "python")))
    assert "source .venv/bin/activate" in first[:bare]


@pytest.mark.parametrize(
    "document",
    [
        *(path for path in DOCUMENTS if path not in (*FROM_THE_CLONE, *LONG)),
        *(pytest.param(path, marks=pytest.mark.full) for path in LONG),
    ],
    ids=str,
)
def test_every_command_runs(
    document: Path, readme: tuple, done: set[str], warm_environment: Path, tmp_path: Path
):
    new = [script for script in dict.fromkeys(scripts_of(document)) if script not in done]
    run_script("\n".join(new), readme[0], warm_environment, SCRATCH=str(tmp_path))
    done.update(new)


def test_every_rule_is_of_a_command():
    """One that meets none is of a command that is gone."""
    used = {rule_of(command) for document in documents() for command in commands(document)}
    assert [rule.command for rule in RULES if rule not in used] == []


def test_ci_runs_what_is_left_to_it():
    """.ci/run runs the commands that RULES leave to CI."""
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    left = [rule.command for rule in RULES if "CI runs it" in rule.because]
    assert left == [r"make (test|test-all|test-rest|test-slurm)"]
    assert {"make test", "make -j2 --output-sync=target WORKERS=2 test-rest test-slurm", "make lint"} <= set(
        lines
    )


@pytest.mark.parametrize(
    "command", ["snakemake --cores 4 --forceall", "make everything", "pip install torch"]
)
def test_a_command_without_a_rule_is_an_error(command: str):
    with pytest.raises(AssertionError, match="0 rules"):
        rule_of(command)
