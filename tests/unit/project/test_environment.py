"""The two forms of the environment say the same, and pin everything."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[3] / "envs"


def pins(name):
    lines = [line.split("#")[0].strip() for line in (ENVS / name).read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("-r")]


def test_conda_and_pip_pin_the_same_versions():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert pip == pins("requirements.txt")


def test_every_requirement_is_an_exact_version():
    for name in (
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-docs.txt",
        "requirements-slurm.txt",
        "requirements-timm.txt",
    ):
        for pin in pins(name):
            assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin), pin


def test_the_ranges_of_the_project_admit_the_pins():
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    ranges = {(r := Requirement(text)).name: r.specifier for text in project["dependencies"]}
    pinned = dict(pin.split("==") for pin in pins("requirements.txt"))
    assert ranges.keys() == pinned.keys()
    for name, version in pinned.items():
        assert version in ranges[name], name
