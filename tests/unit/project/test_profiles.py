"""The profiles, as far as they can be checked without running them."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
PROFILES = ROOT / "profiles"


def test_the_profile_for_clusters_repeats_the_default_one():
    default, slurm = (
        yaml.safe_load((PROFILES / name / "config.yaml").read_text()) for name in ("default", "slurm")
    )
    # Of this machine alone: a cluster has `jobs`, and assigns GPUs itself.
    assert {default.pop("cores"), *default.pop("resources")} == {"all", "gpu=1"}
    assert default.items() <= slurm.items()


def test_the_profile_for_clusters_leaves_gpus_to_the_rules_and_names_each_that_takes_one():
    rules = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    taking = set()
    for block in re.split(r"(?m)^(?=use rule |rule )", rules):
        if "**on_gpu(" in block:
            taking.add(re.match(r"(?:use rule \w+ as|rule) (\w+)", block)[1])
    assert len(taking) >= 6
    asked = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-resources"]
    assert asked.keys() == taking
    assert not [name for name, resources in asked.items() if {"gpu", "gres", "tasks"} & resources.keys()]
