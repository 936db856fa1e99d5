"""The order of the packages, as CONTRIBUTING shows it: who may import whom, and how large a folder may be."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "workflow/scripts"
KD = SCRIPTS / "kd"
# A package imports those of its own level and below.
LEVELS = [
    {"errors", "roles"},
    {"io", "settings"},
    {"registry", "code", "jobs", "data", "results"},
    {"runtime"},
    {"datasets", "models", "distillation", "networks", "sweep", "plots", "report"},
    {"methods", "evaluation", "config"},
    {"teachers", "export", "plan", "proposal"},
    {"training"},
    {"monitor"},
    {"commands"},
]
LEVEL = {package: level for level, packages in enumerate(LEVELS) for package in packages}
PLUGINS = {"models", "methods", "datasets"}
FILES = sorted(KD.rglob("*.py"))
RULES = sorted((ROOT / "rules").glob("*.smk"))
JOBS = [  # scripts that rules run, not those that people start
    SCRIPTS / name
    for name in sorted(
        {name for path in RULES for name in re.findall(r"scripts/(\w+\.py)", path.read_text())}
    )
]


def package_of(path):
    return path.relative_to(KD).parts[0].removesuffix(".py")


@cache
def imported(path):
    """The packages of kd that a file imports, at its top or later."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {module.split(".")[1] for module in modules if module.startswith("kd.")}


def graph():
    edges = {package: set() for package in LEVEL}
    for path in FILES:
        if path != KD / "__init__.py":
            edges[package_of(path)] |= imported(path) - {package_of(path)}
    return edges


def test_every_package_has_a_level():
    packages = {package_of(path) for path in FILES} - {"__init__"}
    assert packages == LEVEL.keys()
    assert {path.name for path in KD.glob("*.py")} == {"__init__.py", "errors.py", "roles.py", "registry.py"}


def test_no_package_imports_upwards():
    upwards = [
        f"{package} imports {other}"
        for package, others in graph().items()
        for other in others
        if LEVEL[other] > LEVEL[package]
    ]
    assert not upwards


def test_no_packages_import_each_other():
    edges = graph()
    while leaves := [package for package, others in edges.items() if not others & edges.keys()]:
        for leaf in leaves:
            del edges[leaf]
    assert not edges, "these import each other in a circle"


@pytest.mark.parametrize("package", ["plan", "config"])
def test_no_job_imports_the_study(package):
    """Only rules, commands, the site and the benchmarks do: a job carries exactly its own configuration."""
    outside = [path for path in FILES if package_of(path) not in ("plan", "commands", "proposal", package)]
    assert not [path for path in (*outside, *JOBS) if package in imported(path)]


def test_no_job_imports_a_command():
    """Commands know the whole study, or write a new one."""
    commands = {"commands", "proposal"}
    outside = [path for path in FILES if package_of(path) not in commands]
    assert not [path for path in (*outside, *JOBS) if commands & set(imported(path))]


def test_only_scripts_and_commands_import_the_monitor():
    """It is in no fingerprint, so nothing that shapes a result may lie behind it."""
    outside = [path for path in FILES if package_of(path) not in ("monitor", "commands")]
    assert not [path for path in outside if "monitor" in imported(path)]


def test_every_init_file_is_empty():
    """A filled one would be in every fingerprint."""
    assert not [path for path in KD.rglob("__init__.py") if path.read_text()]
    folders = {path.parent for path in FILES}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_no_folder_but_of_plugins_has_more_than_twelve_files():
    counts = {
        folder: len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        for folder in {path.parent for path in FILES}
        if folder.relative_to(KD).as_posix() not in PLUGINS
    }
    assert not {str(folder): count for folder, count in counts.items() if count > 12}


def test_rules_share_one_file():
    included = re.findall(r'include: "rules/(.*)"', (ROOT / "Snakefile").read_text())
    assert sorted(included) == [path.name for path in RULES]
    assert [name for name in included if "common" in name] == ["common.smk"] == included[:1]


@pytest.mark.parametrize("path", [ROOT / "Snakefile", *RULES], ids=lambda path: path.name)
def test_no_rule_spells_a_path_by_hand(path):
    """They come from kd.plan.layout; a log and a benchmark are called by their rule and wildcards."""
    assert not re.findall(r'f?"(?:results\b|\{(?:RESULTS|ROOT|layout\.)[^"]*)[^"]*"', path.read_text())


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_the_fingerprint_of_a_rule_is_that_of_its_script(path):
    """It is named twice, and a job whose fingerprint is another script's would not run again when it should."""
    for block in re.split(r"(?m)^ *(?=rule |checkpoint |use rule )", path.read_text())[1:]:
        script = re.search(r'"\.\./workflow/scripts/(\w+\.py)"', block)
        named = re.findall(r'(?:job_params|fingerprint|code_of)\(\s*"(\w+\.py)"', block)
        if script and script[1] != "download_data.py":
            assert named == [script[1]]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_logs_and_benchmarks_are_called_as_their_rule(path):
    for block in re.split(r"(?m)^ *(?=rule |checkpoint |use rule )", path.read_text())[1:]:
        rule = re.match(r"(?:use rule \w+ as|rule|checkpoint) (\w+)", block)[1]
        assert set(re.findall(r'layout\.(?:log|benchmark)\("(\w+)', block)) <= {rule}
