"""Classifiers of torchvision and timm are found by their names, in a config and without importing a library."""

import subprocess
import sys
from pathlib import Path

import pytest
from library_networks import build, student
from small_config import complaints, config
from torchvision import models

from kd import registry
from kd.config.load import load_study
from kd.errors import UserError
from kd.models.libraries.names import names

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


def test_the_names_are_those_of_the_library():
    assert names("torchvision") == set(models.list_models(module=models))


def test_a_classifier_of_a_library_in_a_config():
    study = load_study(config(**student("torchvision/resnet18", stem="cifar", lr=0.01)))
    network = study.students["small"]
    assert (network.architecture, network.recipe.lr) == ("torchvision/resnet18", 0.01)
    assert network.options == {"pretrained": False, "input_size": None, "stem": "cifar"}
    assert registry.find_architecture("torchvision/resnet18").module == "kd.models.torchvision"


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        (
            "torchvision/resnt18",
            {},
            "architecture: torchvision has no classifier 'resnt18'; did you mean 'resnet18'?",
        ),
        (
            "torchvison/resnet18",
            {},
            "architecture: there is no library 'torchvison'; did you mean 'torchvision'?; allowed: timm, torchvision",
        ),
        # Neither detectors nor what stands beside the classifiers in the same files.
        ("torchvision/fcn_resnet50", {}, "architecture: torchvision has no classifier 'fcn_resnet50'"),
        ("torchvision/BasicBlock", {}, "architecture: torchvision has no classifier 'BasicBlock'"),
        ("torchvision/", {}, "architecture: a name holds letters, digits"),
        ("torchvision/../x", {}, "architecture: a name holds letters, digits"),
        ("torchvision/resnet18", {"width": 0.5}, "width: unknown key; allowed: architecture, "),
        ("torchvision/resnet18", {"stem": "tiny"}, "stem: should be 'own' or 'cifar' (it is 'tiny')"),
        ("torchvision/resnet18", {"input_size": 4}, "input_size: should be greater than or equal to 8"),
        ("torchvision/resnet18", {"pretrained": "some"}, "pretrained: should be a valid boolean"),
    ],
)
def test_a_mistake_in_a_name_or_option(name, options, line):
    (complaint,) = complaints(**student(name, **options))
    assert complaint.startswith(f"students.small.{line}")


def test_a_library_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    line = "timm/resnet18: timm is not installed; pip install -r envs/requirements-timm.txt"
    assert complaints(**student("timm/resnet18")) == [f"students.small.architecture: {line}"]
    with pytest.raises(UserError, match="timm is not installed"):  # in a job's own environment
        build("timm/resnet18")


def test_a_name_is_checked_without_importing_the_library():
    code = (
        "import sys; from kd.models.libraries.names import known_architecture; known_architecture('torchvision/resnet18');"
        "sys.exit(any(name in sys.modules for name in ('torch', 'torchvision')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True)


def test_another_library_is_one_more_file(tmp_path, monkeypatch):
    """Its names, options and module are read from it, and from the package that it is called after."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "email.py").write_text(
        'NAMES = {"mime/*.py": (r"(?m)^class (MIME\\w+)",)}\nINSTALL = "x"\n'
        "def library(name, in_channels, num_classes, *, depth: Count = 3): raise SystemExit\n"
    )
    monkeypatch.setattr(registry, "HERE", tmp_path)
    finders = registry.architectures, registry.libraries, names
    for finder in finders:
        finder.cache_clear()
    try:
        assert registry.architectures() == {}
        assert "MIMEText" in names("email")
        architecture = registry.find_architecture("email/MIMEText")
        assert (architecture.module, architecture.inside) == ("kd.models.email", ("MIMEText",))
        assert architecture.options().depth == 3
    finally:
        monkeypatch.undo()
        for finder in finders:
            finder.cache_clear()
