"""The Makefile: its help, what its targets call, and with which environment."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAKEFILE = ROOT / "Makefile"
TARGETS = set(re.findall(r"^(?!has-)([a-z-]+):(?!=)", MAKEFILE.read_text(), re.MULTILINE))
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def make(folder, *arguments, **environment):
    command = ["make", "-f", str(MAKEFILE), *map(str, arguments)]
    environment = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def programs_in(venv, found="config/some study.yaml"):
    """An environment whose programs print what they are called with, word by word; find_study.py finds a study."""
    programs = venv / "bin"
    programs.mkdir(parents=True)
    shown = 'for word; do printf " <%s>" "$word"; done; echo'
    for program in ("snakemake", "python", "tensorboard", "pytest", "mkdocs"):
        find = f'case "$1" in *find_study.py) echo "{found}"; exit;; *best_student.py) echo the target; exit;; esac'
        (programs / program).write_text(f"#!/bin/sh\n{find}\nprintf '%s' {program}\n{shown}\n")
        (programs / program).chmod(0o755)
    return venv


@pytest.fixture
def venv(tmp_path):
    return programs_in(tmp_path / "my venv")


def test_a_bare_make_shows_the_help_and_needs_no_environment(tmp_path):
    bare, asked = make(tmp_path), make(tmp_path, "help")
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    assert list(tmp_path.iterdir()) == []
    named = re.findall(r"^  make (\S+) .*  \S", bare.stdout, re.MULTILINE)
    assert {*named} == TARGETS - {"help", "test-rest"}
    assert all(len(line) <= 100 for line in bare.stdout.splitlines())


def test_no_target_shares_its_name_with_a_file():
    """make would take docs/ for what `make docs` has made."""
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE.read_text(), re.MULTILINE)
    assert set(" ".join(phony).split()) >= TARGETS


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("name", ["venv", "my venv"])
def test_an_environment_may_lie_anywhere(tmp_path, name, relative):
    programs_in(tmp_path / name, found="results/some study")
    done = make(tmp_path, f"VENV={name if relative else tmp_path / name}", "watch")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "python <workflow/scripts/watch.py> <results/some study>\n"


@pytest.mark.parametrize(
    ("target", "program", "requirements"),
    [
        ("watch", "snakemake", "requirements.txt"),
        ("docs", "mkdocs", "requirements-docs.txt"),
        ("unit", "pytest", "requirements-dev.txt"),
    ],
)
def test_an_environment_without_a_program_is_refused(venv, target, program, requirements):
    (venv / "bin" / program).unlink()
    done = make(venv.parent, f"VENV={venv}", target)
    assert done.returncode != 0
    assert f"error: VENV={venv} holds no {program}; install envs/{requirements} there" in done.stderr


@pytest.mark.parametrize(
    ("target", "files"),
    [
        ("run", {"requirements.txt"}),
        ("docs", {"requirements-docs.txt"}),
        ("unit", {"requirements.txt", "requirements-dev.txt"}),
    ],
)
def test_a_target_installs_what_it_needs(tmp_path, target, files):
    (tmp_path / "envs").mkdir()
    for file in (ROOT / "envs").iterdir():
        (tmp_path / "envs" / file.name).touch()
    done = make(tmp_path, "--dry-run", target, "PIP_ARGS=--index-url somewhere")
    lines = [line for line in done.stdout.splitlines() if "envs/install.py" in line]
    assert {re.search(r"envs/(requirements\S*)", line)[1] for line in lines} == files
    assert all(line.endswith("-- --index-url somewhere") for line in lines)


CONFIG, CORES = "<--configfile> <config/some study.yaml>", "<--cores> <all>"


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["run"], f"snakemake {CORES} {CONFIG}"),
        (
            ["run", "CORES=3", "ARGS=--resources gpu=2"],
            f"snakemake <--cores> <3> {CONFIG} <--resources> <gpu=2>",
        ),
        (["plan", "STUDY=x"], f"python <workflow/scripts/plan_study.py> {CORES} <x>"),
        (["open", "STUDY=x"], "python <workflow/scripts/open_report.py> <x>"),
        (["clean", "STUDY=x"], "python <workflow/scripts/clean_study.py> <x>"),
        (["clean", "STUDY=x", "YES=1"], "python <workflow/scripts/clean_study.py> <--yes> <x>"),
        (["export", "STUDY=x"], f"snakemake {CORES} {CONFIG} <--> <export>"),
        (["export", "BEST=1"], f"snakemake {CORES} {CONFIG} <--> <the target>"),
        (["check"], "python <-m> <docsite.check> <config/some study.yaml>"),
        (["docs-results", "STUDY=x"], "python <-m> <docsite.results> <x>"),
        (["pictures", "STUDY=x"], "python <-m> <docsite.pictures> <x>"),
        (["docs-serve", "PORT=9000"], "python <-m> <docsite.serve> <--port> <9000>"),
        (
            ["new", "STUDY=cats", "DATA=my photos", "TEACHER=timm/resnet50"],
            "python <workflow/scripts/new_study.py> <--study> <cats> <--data> <my photos> <--teacher> <timm/resnet50>",
        ),
        (["new"], "python <workflow/scripts/new_study.py>"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_target_calls_its_program(venv, arguments, called):
    done = make(venv.parent, f"VENV={venv}", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert called in done.stdout.splitlines()


@pytest.mark.parametrize(
    "name", ["a b", "'; touch broken; '", '"; touch broken; "', "$$(touch broken)", "`touch broken`"]
)
def test_the_name_of_a_study_is_no_command(venv, name):
    done = make(venv.parent, f"VENV={venv}", "open", f"STUDY={name}")
    assert done.stdout == f"python <workflow/scripts/open_report.py> <{name.replace('$$', '$')}>\n"
    make(venv.parent, f"VENV={venv}", "run", f"STUDY={name}")
    assert not (venv.parent / "broken").exists()


def test_nothing_runs_where_the_study_is_not_there(venv):
    (venv / "bin" / "python").write_text("#!/bin/sh\necho 'error: no such study' >&2\nexit 1\n")
    for target in ("run", "export", "watch", "board", "check"):
        done = make(venv.parent, f"VENV={venv}", target)
        assert done.returncode != 0
        assert done.stdout == ""
        assert done.stderr.startswith("error: no such study\nmake: ***")


def test_a_schema_that_cannot_be_made_leaves_the_old_one(venv):
    (venv.parent / "config").mkdir()
    schema = venv.parent / "config" / "schema.json"
    schema.write_text("old")
    (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert make(venv.parent, f"VENV={venv}", "schema").returncode != 0
    assert schema.read_text() == "old"
    assert list(schema.parent.iterdir()) == [schema]
