"""The profiles, as far as they can be checked without running them."""

from pathlib import Path

import yaml

PROFILES = Path(__file__).parents[2] / "profiles"


def test_the_profile_for_clusters_repeats_the_default_one():
    default, slurm = (
        yaml.safe_load((PROFILES / name / "config.yaml").read_text()) for name in ("default", "slurm")
    )
    assert default.items() <= slurm.items()
