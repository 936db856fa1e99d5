"""What the Snakemake workflow catalog asks of a repository with standardized usage."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]


def test_the_files_that_it_looks_for_are_there():
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "workflow" / "Snakefile").is_file()
    assert (ROOT / "config" / "README.md").is_file()
    assert list((ROOT / "rules").glob("*.smk"))


def test_its_settings_are_true_of_this_workflow():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage["software-stack-deployment"]) <= {"conda", "apptainer", "apptainer+conda", "report"}
    assert usage["software-stack-deployment"]["conda"] is True
    for file in (ROOT / "rules").glob("*.smk"):
        text = file.read_text()
        inherited = text.count("use rule ")
        assert text.count("\n    script:") <= text.count("\n    conda:") + inherited, file.name
    assert usage["report"] is usage["software-stack-deployment"]["report"] is True
    assert 'report: "workflow/report/workflow.rst"' in (ROOT / "Snakefile").read_text()


def test_it_says_that_a_clone_is_needed():
    """The catalog shows these two beside a command of snakedeploy's, which does not serve here."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert "from a clone" in usage["mandatory-flags"]["desc"]
    assert "from a clone" in "".join((ROOT / "config" / "README.md").read_text().splitlines(True)[:5])
