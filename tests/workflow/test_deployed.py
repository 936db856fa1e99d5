"""Deployed as a module, as the Snakemake workflow catalog proposes it: one clear line, since that cannot work."""

import subprocess
import sys
from pathlib import Path

from checkout import Checkout

# What snakedeploy writes, with a repository on the disk in the place of one on GitHub.
MODULE = """\
configfile: "config/config.yaml"

module kd_workflow:
    snakefile: "git+file://{folder}/workflow/Snakefile@HEAD"
    config: config

use rule * from kd_workflow
"""


def _deploy(checkout: Checkout, folder: Path) -> None:
    author = ["-c", "user.name=a reader", "-c", "user.email=reader@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "as it is"]):
        # In a folder of its repository, because Snakemake looks for a repository only above a file's folder's.
        subprocess.run(["git", *arguments], cwd=checkout.folder.parent, check=True, capture_output=True)
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow" / "Snakefile").write_text(MODULE.format(folder=checkout.folder))
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text((checkout.folder / "study.yaml").read_text())


def test_one_line_says_that_it_is_run_from_a_clone(fresh: Checkout, tmp_path: Path):
    folder = tmp_path / "deployed"
    _deploy(fresh, folder)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**fresh.environment(), "HOME": str(tmp_path)},
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "This workflow is run from a clone" in output, output
    assert "git clone" in output
    assert "Traceback" not in output
    assert "TypeError" not in output
    assert not (folder / "results").exists()
