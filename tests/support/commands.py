"""Every command in the documents, and what a test runs for it where it cannot run the command unchanged.

A command is a line of a block marked sh, bash or console, or `code` in a sentence that begins with a program
below. Each must be met by exactly one line of RULES, in whose `runs` "{}" stands for the command itself, so that
its options and targets are those that a reader would type.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checkout import ROOT

PROGRAMS = "make|snakemake|python|pytest|pip|git|mkdocs|tensorboard|pre-commit"
_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(rf"`((?:\w+=\S+ )?(?:{PROGRAMS}) [^`]+)`")
_ONE = re.compile(  # a here-document to its end, or a line with those that a backslash adds
    r"(?P<here>[^\n]*<<'(?P<end>\w+)'\n.*?^(?P=end)$)|(?P<line>(?:[^\n]*\\\n)*[^\n]+)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Rule:
    """Which commands it is for, what is run for each, why not the command alone, and the tier that runs it."""

    command: str
    runs: str
    because: str
    tier: str = "workflow"


CORES = r"snakemake --cores \d --resources gpu=1 --configfile"
DRY = "{} --dry-run"
# Ended by the signal that it gets, once it serves; `kill -0` ends the script if it has ended by itself.
BOARD = """timeout 60 {} > "$SCRATCH/board" 2>&1 & until grep -q ' at http' "$SCRATCH/board"; do kill -0 $! || { cat "$SCRATCH/board"; exit 1; }; sleep 0.1; done; kill $!"""
NO_GPU = "hours on a GPU: a dry run of the same command line, which reads the config and plans every job"
RULES = (
    # The documents' default study is one of half a minute in the copy of the repository that the test works in.
    Rule(r"make (plan|run)", "{}", "unchanged"),
    Rule(r"make demo", "{} ARGS=--dry-run", "two minutes: its jobs are planned"),
    Rule(
        r"VENV=/some/venv make run",
        'VENV="$VENV" make run',
        "the path stands for an environment of the reader's",
    ),
    Rule(r"snakemake --cores \d( --resources gpu=\d)?( --dry-run --quiet rules)?", "{}", "unchanged"),
    Rule(r"(KD_VERBOSE=1 snakemake --cores 4|snakemake --cores 4 --(verbose|quiet .*))", "{}", "unchanged"),
    Rule(r"snakemake (--dry-run|-n|--unlock|--report report\.html)", "{}", "unchanged"),
    Rule(
        r"snakemake --cores 4( --resources gpu=1| --dry-run)? --configfile config/mine\.yaml",
        "{}",
        "unchanged",
    ),
    Rule(r"make (plan|run|export) STUDY=mine", "{}", "unchanged"),
    Rule(r"snakemake --configfile config/(mine|cifar10)\.yaml --dry-run --quiet rules", "{}", "unchanged"),
    Rule(rf"{CORES} results/digits/config\.yaml", "{}", "unchanged"),
    Rule(rf"{CORES} config/cifar10\.yaml(?! --dry-run).*", DRY, NO_GPU),
    Rule(
        rf"{CORES} config/cifar10_folder\.yaml --config 'dataset={{path: data/mine}}'",
        "{} 'seeds=[0]' 'recipe={epochs: 1, batch_size: 8, schedule: constant}' --until train_baseline",
        "hours on a GPU: a few images of the reader's, an epoch of the baselines",
    ),
    Rule(
        rf"{CORES} config/photos_vit\.yaml",
        "{} --config 'dataset={path: data/mine}' --until prepare_data",
        "two hours, on photos of the reader's: their data",
    ),
    Rule(
        rf"{CORES} config/own_images\.yaml --config 'dataset={{path: data/photos}}'",
        "{} --until prepare_data",
        "pretrained weights and hours: the data of a few images of the reader's",
    ),
    Rule(r"make new STUDY=cats DATA=data/photos", "{}", "unchanged; without a terminal nothing is asked"),
    Rule(r"make new", "{} --dry-run", "it asks for what the options leave open; tests/unit/proposal"),
    Rule(
        r"make (plan|run|export) STUDY=cats( BEST=1)?",
        "{} --dry-run",
        "hours of training; test_own_images.py runs a study",
    ),
    Rule(
        r"make run STUDY=(cifar10|zoo)", "{} --dry-run", "hours: as the commands of Snakemake above and below"
    ),
    Rule(
        r"make (plan|run) STUDY=crd",
        "{} --dry-run",
        "months on a GPU: make reads it; tests/unit/plan/test_shipped_configs.py plans the study",
    ),
    Rule(r"make export BEST=1", "{}", "unchanged"),
    Rule(r"make (open|help)", "{}", "unchanged; without a browser it prints the path"),
    Rule(r"make check STUDY=digits", "{} --dry-run", "the study here is another one; test_check.py compares"),
    Rule(r"make docs-serve", "{} --dry-run", "a server that stays; `make docs` builds the site"),
    Rule(r"python workflow/scripts/new_study\.py .*", "{}", "unchanged"),
    Rule(
        rf"{CORES} config/zoo\.yaml",
        "{} --until prepare_data && {} --dry-run --quiet rules",
        "40 minutes: its data, and a plan of its jobs; test_zoo.py runs its methods",
    ),
    Rule(
        r"snakemake … results/<study>/data/dataset\.safetensors",
        "snakemake --cores 1 results/digits/data/dataset.safetensors",
        "with its places filled in",
    ),
    Rule(r"head -3 .*|sed -i\.bak .*|cd .*|cat > config/mine\.yaml .*", "{}", "unchanged"),
    Rule(r'git clone "\$REPOSITORY" kd-workflow', "{} -q", "unchanged, from a repository on the disk"),
    Rule(
        r"source \.venv/bin/activate",
        'source "$VENV/bin/activate"',
        "`make run` used the environment that VENV names, rather than gigabytes installed once more",
    ),
    # What CI itself runs is not run by itself once more: .ci/run has these lines, as a test below compares.
    Rule(r"make (test|test-all|test-rest|test-slurm)", "{} --dry-run", "CI runs it; here make reads it"),
    Rule(r"make unit", "{} --dry-run", "`make test` runs them all"),
    Rule(
        r"pytest tests/unit/models/test_models\.py",
        "{} -q -k vgg11",
        "one network; `make test` runs them all",
    ),
    Rule(r"pytest tests/gpu", "{} --collect-only -q", "`make test` runs them all"),
    Rule(
        r"\.venv/bin/pre-commit install", '"$VENV/bin/pre-commit" install', "the environment that VENV names"
    ),
    Rule(r"make (schema|docs|lint)", "{}", "unchanged"),
    Rule(r"make docs-results STUDY=(digits|bench)", "{} YES=1", "a reader is asked first"),
    Rule(
        r"make pictures STUDY=digits",
        "if command -v tred && command -v chromium; then {}; else {} --dry-run; fi",
        "unchanged, where Graphviz and a browser are",
    ),
    Rule(
        r"make bench( BENCH=\"--only training --networks cnn\")?",
        'make bench BENCH="--only training --networks cnn --images 8 --repeats 1 --folder $SCRATCH"',
        "25 minutes: one network, few images, once",
        tier="full",
    ),
    Rule(
        r"PYTHONPATH=workflow/scripts python -m bench\.top_k .*",
        "PYTHONPATH=workflow/scripts python -m bench.top_k --help",
        "of CIFAR-10, for hours: its options",
    ),
    Rule(
        r"python -m bench\.large_data .*",
        "python -m bench.large_data --help",
        "ten minutes of two cores: its options",
    ),
    Rule(
        r"make bench BENCH=.*(distillation|methods|grid|study|precision).*",
        "{} --dry-run",
        "as above; test_bench.py has each section",
    ),
    Rule(
        r"pip install (-r envs/requirements-timm\.txt|onnxruntime numpy pillow)",
        "python -m {} --dry-run --no-deps --no-index",
        "installed already, at exactly these versions, or pip says what is missing; nothing is downloaded",
    ),
    # Where Snakemake's plugin for SLURM is: `make test-slurm` installs it.
    Rule(
        r"pip install -r envs/requirements-slurm\.txt",
        "python -m {} --dry-run --no-deps --no-index",
        "installed already, at exactly these versions, or pip says what is missing",
        tier="slurm",
    ),
    Rule(r"snakemake --workflow-profile .* --dry-run --quiet rules", "{}", "unchanged", tier="slurm"),
    Rule(
        r"snakemake --workflow-profile profiles/slurm --configfile config/cifar10\.yaml",
        DRY,
        f"{NO_GPU}; test_slurm.py runs studies by this profile on a real SLURM",
        tier="slurm",
    ),
    # The live view and the exports.
    Rule(
        r"make watch( STUDY=(digits|cifar10)| WAIT=--wait)?",
        "timeout 60 {}",
        "unchanged; without a terminal it ends",
    ),
    Rule(r"python workflow/scripts/watch\.py results/digits --once", "{}", "unchanged"),
    Rule(
        r"make board( STUDY=digits)?",
        BOARD,
        "a server that stays: until it says where it is",
    ),
    Rule(
        r"make board STUDY=cifar10",
        f"mkdir -p results/cifar10 && cp -r results/digits/teachers results/cifar10 && {{ {BOARD}; }}",
        "as above, on results of the default study",
    ),
    Rule(
        r"snakemake (--configfile config/mine\.yaml )?--cores 4 (export|results/\S+/README\.md)",
        "{}",
        "unchanged",
    ),
    Rule(r"python workflow/scripts/predict\.py .*|python - <<'PY' .*", "{}", "unchanged"),
    Rule(
        r"python -m onnxruntime\.tools\.convert_onnx_models_to_ort results/digits/export/\S+",
        "{}",
        "unchanged",
    ),
    Rule(
        r"PYTHON=python3\.12 make run",
        'PYTHON=python3 VENV="$VENV" make run',
        "the Python and the environment that are here",
    ),
    Rule(
        r"python -m docsite\.drawings\.soft_targets results/digits",
        "{} --help",
        "test_soft_targets.py draws; the study here is another one",
    ),
    Rule(
        r"PYTHONPATH=workflow/scripts:tests/support python tests/support/parity\.py --table",
        "PYTHONPATH=workflow/scripts:tests/support python -c 'import parity'",
        "a minute; test_parity.py compares the same numbers",
    ),
    Rule(r"python -m docsite\.tour", "python -c 'import docsite.tour'", "test_tour.py runs the notebook"),
)


def documents() -> list[Path]:
    """All that are read: those of the root and of config/, and every page of docs/."""
    named = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config" / "README.md"]
    return [*named, *sorted((ROOT / "docs").rglob("*.md"))]


def commands(document: Path) -> Iterator[str]:
    """The commands of a document, in their order, without their comments."""
    text = document.read_text(encoding="utf-8")
    end = 0
    for block in _BLOCK.finditer(text):
        yield from _inline(text[end : block.start()])
        if block[2] in ("sh", "bash", "console"):
            for match in _ONE.finditer(block[3]):
                if match[0].lstrip().startswith("#"):
                    continue
                yield match["here"] or re.sub(r"\s+#.*$", "", match["line"], flags=re.MULTILINE).removeprefix(
                    "$ "
                )
        end = block.end()
    yield from _inline(text[end:])


def _inline(text: str) -> Iterator[str]:
    yield from (" ".join(code.split()) for code in _INLINE.findall(text))


def rule_of(command: str) -> Rule:
    """The one rule for a command; an error names a command that has none, or several."""
    one_line = re.sub(r"\s+", " ", command.replace("\\\n", " "))
    matches = [rule for rule in RULES if re.fullmatch(rule.command, one_line)]
    assert len(matches) == 1, f"{len(matches)} rules of tests/support/commands.py for {command!r}"
    return matches[0]


def to_run(command: str, *tiers: str) -> str:
    """What a test of these tiers runs for a command; nothing if it is another tier's."""
    rule = rule_of(command)
    return rule.runs.replace("{}", command) if rule.tier in tiers else ""
