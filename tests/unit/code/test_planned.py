"""Code that is not what the study was planned with is noticed, whenever it was another."""

import os
import sys
import time

import psutil
import pytest

from kd.code import fingerprint, normal_form, planned
from kd.code.planned import LoadedCode, announce_code
from kd.errors import UserError

PLUGIN = "kd_test_tree/methods/plugin.py"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """train.py, which has imported one module; a template beside that; and one that is not imported yet."""
    files = {
        "train.py": "x = 1\n",
        "kd_test_tree/__init__.py": "",
        "kd_test_tree/methods/__init__.py": "",
        PLUGIN: '"""Doc."""\ny = 1  # why\n',
        "kd_test_tree/methods/page.css": "a {}",
        "kd_test_tree/late.py": "z = 1\n",
        "kd_test_tree/other/page.css": "b {}",
        "kd/monitor/view.py": "v = 1\n",
    }
    scripts = tmp_path / "scripts"
    for name, text in files.items():
        (scripts / name).parent.mkdir(parents=True, exist_ok=True)
        (scripts / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for module in (fingerprint, planned):
        monkeypatch.setattr(module, "SCRIPTS", scripts)
    monkeypatch.setattr(normal_form, "FORMS", tmp_path / "forms")
    monkeypatch.setenv(planned.VARIABLE, "")
    monkeypatch.syspath_prepend(scripts)
    import kd_test_tree.methods.plugin  # noqa: F401 (it is loaded)

    fingerprint._read.cache_clear()
    fingerprint._read(PLUGIN)  # as planning a job that runs it does
    announce_code()
    yield scripts
    fingerprint._read.cache_clear()
    for name in [name for name in sys.modules if name.startswith("kd_test_tree")]:
        del sys.modules[name]


def edit(path, text):
    path.write_text(text)


def began(code, ago):
    """As if the process had begun so many seconds ago; a test's has long."""
    code._began = time.time() - ago
    return code


def refused(code):
    with pytest.raises(UserError) as caught:
        code.check("train.py")
    return str(caught.value)


def test_as_planned_nothing_is_said(tree):
    LoadedCode().check("train.py")


def test_without_a_plan_nothing_is_compared(tree, monkeypatch):
    monkeypatch.delenv(planned.VARIABLE)
    edit(tree / "train.py", "x = 2\n")
    LoadedCode().check("train.py")


@pytest.mark.parametrize(
    "name", ["train.py", PLUGIN, "kd_test_tree/methods/page.css", "kd_test_tree/__init__.py"]
)
def test_another_content_is_named(tree, name):
    edit(tree / name, "w = 2\n")
    assert refused(LoadedCode()) == f"{tree / name}: has changed since the study was read; run again"


@pytest.mark.parametrize(
    "name", ["kd/monitor/view.py", "kd_test_tree/late.py", "kd_test_tree/other/page.css"]
)
def test_what_is_not_loaded_or_only_shows_may_change(tree, name):
    edit(tree / name, "w = 2\n")
    LoadedCode().check("train.py")


def test_comments_and_docstrings_may_change(tree):
    edit(tree / PLUGIN, '"""Another."""\n\ny = 1  # because\n')
    LoadedCode().check("train.py")


def test_a_file_that_is_gone_is_named(tree):
    (tree / PLUGIN).unlink()
    assert PLUGIN in refused(LoadedCode())


def test_a_file_that_is_as_planned_again_was_another_when_this_process_read_it(tree):
    """`git checkout other; git checkout -`, with the same times."""
    before = (tree / PLUGIN).stat()
    edit(tree / PLUGIN, "y = 2\n")
    edit(tree / PLUGIN, '"""Doc."""\ny = 1  # why\n')
    os.utime(tree / PLUGIN, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert PLUGIN in refused(began(LoadedCode(), ago=60))
    # A process that begins afterwards reads the right one.
    began(LoadedCode(), ago=-60).check("train.py")


def test_what_was_loaded_may_change_afterwards_and_what_is_loaded_later_may_not(tree):
    """A long training does not end because of an edit that it does not see."""
    code = LoadedCode()
    code.check("train.py")
    edit(tree / PLUGIN, "y = 2\n")
    code.check("train.py")
    edit(tree / "kd_test_tree/late.py", "z = 2\n")
    import kd_test_tree.late  # noqa: F401 (it is loaded)

    assert "kd_test_tree/late.py" in refused(code)


def test_a_listing_is_announced_once_for_one_state(tree):
    listings = list(planned.PLANS.glob("*.json"))
    announce_code()
    assert list(planned.PLANS.glob("*.json")) == listings
    edit(tree / "train.py", "x = 2\n")
    announce_code()
    assert len(list(planned.PLANS.glob("*.json"))) == len(listings) + 1
    LoadedCode().check("train.py")


def test_the_process_began_when_the_system_says():
    assert LoadedCode()._began == pytest.approx(psutil.Process().create_time())
