"""Plug-ins are found by reading them; one new file is all it takes."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from kd import registry
from kd.errors import UserError
from kd.networks import factory


def test_what_is_there():
    assert {"resnet18", "preact_resnet18", "googlenet", "densenet", "vgg16", "mobilenet", "cnn"} <= set(
        registry.architectures()
    )
    assert {"kd", "cross_entropy"} <= set(registry.methods())
    assert {"digits", "cifar10", "tiny_imagenet", "mini_open_images"} <= set(registry.datasets())


@pytest.mark.parametrize("kind", ["architectures", "libraries", "methods", "datasets"])
def test_what_the_source_says_is_what_python_sees(kind):
    """The options read from the source are the keyword-only arguments of the imported thing."""
    import inspect

    for entry in getattr(registry, kind)().values():
        if kind == "libraries" and find_spec(entry.name) is None:
            continue  # not installed
        functions = [entry.load()]
        if entry.gathers:
            functions.append(import_module(entry.module).gather)
        keywords = {
            name: argument.default
            for function in functions
            for name, argument in inspect.signature(function).parameters.items()
            if argument.kind is argument.KEYWORD_ONLY
        }
        assert keywords.keys() == entry.options.model_fields.keys(), entry.name
        for name, default in keywords.items():
            if default is not inspect.Parameter.empty:
                assert entry.options.model_fields[name].default == default


def test_constants_are_read_without_importing():
    data = registry.datasets()["cifar10"].constants
    assert (data["PAD"], data["FLIP"]) == (4, True)
    assert set(data["FILES"]) == {"cifar-10-binary.tar.gz"}
    assert registry.methods()["kd"].constants["NEEDS"] == ("logits",)
    for entry in registry.methods().values():  # a name that is no option would be a KeyError in config.py
        assert set(entry.constants.get("ONE_ABOVE_ZERO", ())) <= set(entry.options.model_fields)


def test_methods_that_use_labels_themselves_say_so():
    """Of a mixed image there are two; batch.cross_entropy knows both."""
    folder = Path(registry.__file__).parent / "methods"
    for name, entry in registry.methods().items():
        uses = "batch.labels" in (folder / f"{name}.py").read_text(encoding="utf-8")
        assert ("ONE_LABEL" in entry.constants) == uses, name


@pytest.fixture
def other_code(tmp_path, monkeypatch):
    """An empty zoo."""
    for folder in ("models", "methods", "datasets"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(registry, "HERE", tmp_path)
    finders = (registry.architectures, registry.libraries, registry.methods, registry.datasets)
    for finder in finders:
        finder.cache_clear()
    yield tmp_path
    for finder in finders:
        finder.cache_clear()


def test_an_architecture_is_one_function_in_one_file(other_code):
    (other_code / "models" / "mine.py").write_text(
        "def _helper(): ...\n"
        "def my_net(in_channels: int, num_classes: int, *, depth: Count, width: Width = 0.5): raise SystemExit\n"
    )
    entries = registry.architectures()
    assert list(entries) == ["my_net"]
    assert entries["my_net"].module == "kd.models.mine"
    assert entries["my_net"].options.model_validate({"depth": 3}).model_dump() == {"depth": 3, "width": 0.5}
    assert "kd.models.mine" not in sys.modules


def test_a_name_that_left_the_code_is_an_error_that_says_so(other_code):
    with pytest.raises(UserError, match="there is no architecture 'resnet18'; allowed: "):
        factory.build_network("resnet18", {}, 3, 10)


@pytest.mark.parametrize(
    ("find", "name", "file"),
    [
        (registry.find_method, "mine", "methods/mine.py"),
        (registry.find_dataset, "mine", "datasets/mine.py"),
        (registry.find_architecture, "mine", "models/mine.py"),
        (registry.find_architecture, "other_net", "models/mine.py"),
    ],
)
def test_who_knows_the_name_parses_one_file(other_code, find, name, file):
    """All others hold what Python cannot parse."""
    for folder in ("models", "methods", "datasets"):
        for other in ("aaa", "zzz"):
            (other_code / folder / f"{other}.py").write_text("def broken(:\n")
    (other_code / file).write_text(
        "class Method:\n    def __init__(self, *, depth: Count = 3): ...\n"
        "def load(*, depth: Count = 3): ...\n"
        "def mine(*, depth: Count = 3): ...\n"
        "def other_net(*, depth: Count = 3): ...\n"
    )
    entry = find(name)
    assert (entry.module, entry.options().depth) == (f"kd.{file[:-3].replace('/', '.')}", 3)


def test_looking_for_one_agrees_with_listing_all():
    for every, find in (
        (registry.architectures, registry.find_architecture),
        (registry.libraries, registry.find_library),
        (registry.methods, registry.find_method),
        (registry.datasets, registry.find_dataset),
    ):
        for name, entry in every().items():
            one = find(name)
            assert (one.name, one.module, one.target, one.constants) == (
                entry.name,
                entry.module,
                entry.target,
                entry.constants,
            )
            assert one.options.model_json_schema() == entry.options.model_json_schema()
    assert registry.method_names() == list(registry.methods())
    for find, what in ((registry.find_method, "method"), (registry.find_dataset, "data set")):
        for name in ("../methods/kd", "_idx", "", None, 3, ["kd"]):
            with pytest.raises(UserError, match=rf"^there is no {what} "):
                find(name)


def test_annotations_reach_nothing_but_the_option_types(other_code):
    (other_code / "models" / "evil.py").write_text("def net(*, x: __import__('os') = 1): ...\n")
    with pytest.raises(
        UserError, match=r"net: its option x is declared as __import__\('os'\), which must be"
    ):
        registry.architectures()


def test_the_page_of_data_sets_names_each():
    """With what it knows: how far crops reach, whether it is mirrored, and its statistics."""
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert rows.keys() == registry.datasets().keys()
    for name, entry in registry.datasets().items():
        known = entry.constants
        assert f"| {known['PAD']}, {'yes' if known['FLIP'] else 'no'} |" in rows[name]
        if published := known.get("PUBLISHED"):
            mean, std = (", ".join(f"{value:.4f}" for value in published[kind]) for kind in ("mean", "std"))
            assert f"| {mean}; {std} |" in rows[name]


def test_the_page_of_methods_names_each():
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()
    assert [name for name in registry.methods() if f"`{name}`" not in page] == []
