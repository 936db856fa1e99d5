"""A job's fingerprint changes when its code does, and only then."""

import ast

import pytest

from kd.code import fingerprint as subject
from kd.code import normal_form


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """train.py -> kd.training.engine -> kd.data.views; kd.monitor.tensorboard shows; kd.models.{a,b} are imported by name only."""
    files = {
        "train.py": (
            "from kd.training.engine import fit\nfrom kd.monitor.tensorboard import show\nimport numpy\n\n"
            'def main():\n    """Doc."""\n    show(fit())\n'
        ),
        "kd/__init__.py": "",
        "kd/training/engine.py": "def fit():\n    from kd.data import views  # late\n    return views.take()\n",
        "kd/data/views.py": "def take():\n    return 1\n",
        "kd/monitor/__init__.py": "",
        "kd/monitor/tensorboard.py": "from kd.looks import line\n\ndef show(what):\n    line(what, 'title')\n",
        "kd/looks.py": "def line(what, title):\n    return what\n",
        "kd/models/a.py": "from kd.models.shared import x\n",
        "kd/models/b.py": "y = 1\n",
        "kd/models/shared.py": "x = 1\n",
        "plot.py": "z = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(subject, "SCRIPTS", tmp_path)
    monkeypatch.setattr(normal_form, "FORMS", tmp_path / "forms")
    forget()
    yield tmp_path
    forget()


def forget():
    """What a process has read once it does not read again."""
    for function in (subject._read, subject._find, subject.fingerprint):
        function.cache_clear()


def of_a(tree):
    forget()
    return subject.fingerprint("train.py", ("kd.models.a",))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.py", "show(fit())", "show(fit() or 0)"),
        ("kd/training/engine.py", "views.take()", "views.take() + 1"),
        ("kd/data/views.py", "return 1", "return 2"),
        ("kd/models/a.py", "import x", "import x\nw = 1"),
        ("kd/models/shared.py", "x = 1", "x = 2"),
    ],
)
def test_an_edit_of_what_the_job_runs_counts(tree, file, old, new):
    before = of_a(tree)
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    assert of_a(tree) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.py", '"""Doc."""', '"""Another\n\n    text."""'),
        ("kd/training/engine.py", "# late", "# a comment"),
        ("kd/data/views.py", "    return 1", "\n\n    # why\n    return   1"),
        ("kd/models/b.py", "y = 1", "y = 2"),
        ("plot.py", "z = 1", "z = 2"),
        ("kd/monitor/__init__.py", "", "w = 1"),
        ("kd/monitor/tensorboard.py", "'title'", "'another title'"),
        ("kd/looks.py", "return what", "return str(what)"),  # which only what shows imports
    ],
)
def test_comments_docstrings_layout_what_shows_and_other_jobs_code_do_not(tree, file, old, new):
    before = of_a(tree)
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    assert of_a(tree) == before


TRICKY = '''"""Module."""
import os  # why


class A:
    "one" "two"

    def f(self, x: int = 3) -> str:
        r"""Doc
        of two lines."""
        y = (1,
             2)  # a comment
        return f"{x!r:>{y[0]}} {{#}} {f'{x}'}" + "# no comment"
'''


def test_every_version_of_python_gives_the_same_normal_form():
    """Written down by hand: f-strings are one token, as before Python 3.12."""
    assert normal_form.normal_form(TRICKY, ast.parse(TRICKY)).split(" ") == [
        *("import", "os", "\n", "class", "A", ":", "\n", "{", "def", "f", "(", "self", ",", "x", ":", "int"),
        *("=", "3", ")", "->", "str", ":", "\n", "{", "y", "=", "(", "1", ",", "2", ")", "\n", "return"),
        *('f"{x!r:>{y[0]}}', "{{#}}", "{f'{x}'}\"", "+", '"#', "no", 'comment"', "\n", "}", "}"),
    ]


@pytest.mark.parametrize(
    "line", ["from .shared import x\n", "from . import shared\n", "from ..models import shared\n"]
)
def test_relative_imports_are_followed(tree, line):
    (tree / "kd" / "models" / "a.py").write_text(line)
    before = of_a(tree)
    (tree / "kd" / "models" / "shared.py").write_text("x = 2\n")
    assert of_a(tree) != before


def test_what_a_package_runs_when_it_is_imported_counts(tree):
    before = of_a(tree)
    (tree / "kd" / "__init__.py").write_text("import os\n")
    assert of_a(tree) != before


def test_another_architecture_is_another_fingerprint(tree):
    assert of_a(tree) != subject.fingerprint("train.py", ("kd.models.b",))


def test_of_a_text_every_character_counts(tree):
    (tree / "page.css").write_text("a {}")
    before = subject.fingerprint("plot.py", texts=("page.css",))
    assert before != subject.fingerprint("plot.py")
    (tree / "page.css").write_text("a { }")
    forget()
    assert subject.fingerprint("plot.py", texts=("page.css",)) != before


def test_a_missing_script_is_an_error(tree):
    with pytest.raises(FileNotFoundError):
        subject.fingerprint("gone.py")


def read_by(monkeypatch, *job):
    """The names of the files that are in a job's fingerprint, on the real code."""
    forget()
    seen = []
    original = subject._read
    monkeypatch.setattr(
        subject,
        "_read",
        lambda name: seen.append(name) or original(name),
    )
    subject.fingerprint(*job)
    return set(seen)


def test_storing_targets_does_not_read_the_engine(monkeypatch):
    """An edit of the engine trains networks again, but computes no table of an unchanged teacher again."""
    seen = read_by(monkeypatch, "cache_targets.py")
    assert {"cache_targets.py", "kd/evaluation/inference.py", "kd/teachers/targets.py"} <= seen
    assert (
        not {
            "kd/training/engine.py",
            "kd/training/step.py",
            "kd/training/state.py",
            "kd/training/checkpoints.py",
        }
        & seen
    )


@pytest.mark.parametrize(
    "job", [("train.py", ("kd.models.vgg", "kd.methods.cross_entropy")), ("cache_targets.py",)], ids=str
)
def test_a_job_does_not_read_how_it_is_looked_on_at(monkeypatch, job):
    seen = read_by(monkeypatch, *job)
    assert "kd/io/files.py" in seen
    assert not [name for name in seen if "monitor" in name]


def test_what_shapes_results_asks_nothing_of_what_shows_them():
    """Only scripts and commands may, for what they import of kd.monitor is left out of every fingerprint."""
    for path in (subject.SCRIPTS / "kd").rglob("*.py"):
        if not {"monitor", "commands"} & set(path.relative_to(subject.SCRIPTS).parts):
            package = path.relative_to(subject.SCRIPTS).parent.parts
            imported = normal_form.imported_names(ast.parse(path.read_text()), package)
            assert not [name for name in imported if name.startswith("kd.monitor")], path


def test_a_training_of_one_architecture_does_not_read_the_others(monkeypatch):
    """Only its own model and method files are in a training's fingerprint."""
    seen = read_by(monkeypatch, "train.py", ("kd.models.vgg", "kd.methods.cross_entropy"))
    assert {"train.py", "kd/training/engine.py", "kd/models/vgg.py", "kd/models/layers/staged.py"} <= seen
    assert "kd/methods/cross_entropy.py" in seen
    assert (
        not {"kd/models/resnet.py", "kd/methods/kd.py", "kd/config/study/study.py", "kd/datasets/digits.py"}
        & seen
    )


def test_a_form_that_is_kept_is_that_of_the_content(tree):
    before = of_a(tree)
    kept = list((tree / "forms").glob("*.json"))
    assert len(kept) >= 5
    assert of_a(tree) == before
    assert sorted((tree / "forms").iterdir()) == sorted(kept), (
        "nothing was parsed again, nothing half-made is left"
    )
    engine = tree / "kd/training/engine.py"
    engine.write_text(engine.read_text().replace("views.take()", "views.kate()"))  # as many characters
    assert of_a(tree) != before


@pytest.mark.parametrize("content", ["", "[", "[1]", "{}", "null", '["a", 3]'])
def test_a_kept_form_that_is_not_whole_is_made_again(tree, content):
    before = of_a(tree)
    for path in (tree / "forms").glob("*.json"):
        path.write_text(content)
    assert of_a(tree) == before


def test_forms_that_cannot_be_kept_change_nothing(tree, monkeypatch):
    before = of_a(tree)
    (tree / "file").touch()
    monkeypatch.setattr(normal_form, "FORMS", tree / "file" / "forms")
    assert of_a(tree) == before


def test_what_a_data_set_says_of_itself_is_configuration_and_no_code(tree):
    """Its licence, in any form, but for what its functions use."""
    text = 'LICENCE = (\n    "free"  # (\n)\nPUBLISHED = {"mean": (1,)}\nFILES = {"a": "1"}\n\ndef load():\n    return FILES\n'
    path = tree / "kd/datasets/mine.py"
    path.parent.mkdir()

    def of(text):
        path.write_text(text)
        forget()
        return subject.fingerprint("train.py", ("kd.datasets.mine",))

    before = of(text)
    assert of(text.replace("free", "unknown").replace("(1,)", "(2,)")) == before
    assert of(text[text.index("FILES") :]) == before
    assert of(text.replace('"1"', '"2"')) != before
    assert of("x, LICENCE = 1, 2\n" + text) != before
    (tree / "kd/models/b.py").write_text("LICENCE = 1\n")
    forget()
    elsewhere = subject.fingerprint("train.py", ("kd.models.b",))
    (tree / "kd/models/b.py").write_text("LICENCE = 2\n")
    forget()
    assert subject.fingerprint("train.py", ("kd.models.b",)) != elsewhere


def test_no_data_set_reads_what_its_fingerprint_leaves_out():
    for path in (subject.SCRIPTS / "kd/datasets").glob("*.py"):
        read = {
            node.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        assert not read & normal_form.CONFIGURED, path
