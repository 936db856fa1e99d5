"""Clones and results that lie where nobody expects them."""

from checkout import Checkout, copy_code

DATA = "results/tiny/data/dataset.safetensors"


def message(checkout, *arguments, config="study.yaml"):
    """The one line in which Snakemake refuses, without a traceback and before any job."""
    done = checkout.snakemake(*arguments, config=config)
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    assert "Traceback" not in output
    assert "rule prepare_data:" not in output
    lines = output.splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("WorkflowError")) + 1]


def test_results_that_are_no_folder_are_refused_before_any_job(fresh):
    results = fresh.folder / "results"
    results.symlink_to("/not/mounted")
    assert message(fresh, "-n").startswith("results: this link leads to /not/mounted, where there is nothing")
    results.unlink()
    for name in ("data", "logs"):
        (results / "tiny").mkdir(parents=True, exist_ok=True)
        (results / "tiny" / name).touch()
        assert (
            message(fresh, DATA)
            == f"results/tiny/{name}: a folder is needed here, and this is none; move it away"
        )
        (results / "tiny" / name).unlink()


def test_the_default_study_runs_in_another_folder_that_has_no_config(fresh):
    """The advice where the clone cannot be written to; a config in that folder goes first."""
    (fresh.folder / "elsewhere").mkdir()
    done = fresh.snakemake("--dry-run", "--quiet", "--directory", "elsewhere", config=None)
    assert done.returncode == 0, done.stderr
    assert not (fresh.folder / "results").exists()


def test_braces_in_the_path_of_a_clone(tmp_path):
    checkout = Checkout(tmp_path / "b[1]{x}")
    copy_code(checkout.folder)
    checkout.configure()
    assert message(checkout, "-n").startswith(
        "The path of this clone has braces, in which Snakemake sees wildcards;"
    )
