"""A study's results held against the documented ones."""

import pytest
from docsite import check

PAGE = """\
# Results

| role     | network | teacher | method | test accuracy, last |           gain |  time |
| -------- | ------- | ------- | ------ | ------------------: | -------------: | ----: |
| teacher  | big     | –       | –      |               95.27 |              – | 4.7 s |
| baseline | small   | –       | –      |        92.04 ± 1.66 |              – | 1.8 s |
| student  | small   | big     | kd     |        93.22 ± 0.47 | +1.18 ± 2.39   | 1.9 s |

- devices: AMD EPYC
- commits: 0123
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder of results, and beside it docs/results with the page of it."""
    folder = tmp_path / "results" / "digits"
    folder.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "digits.md").write_text(PAGE)
    (tmp_path / "docs" / "bench.md").write_text("# No table of networks\n\n| what | time |\n")
    return folder


def run(study, text, capsys):
    if text is not None:
        (study / "table.md").write_text(text)
    status = check.main(study, study.parents[1] / "docs")
    return status, *capsys.readouterr()


def test_equal_rows_are_counted_whatever_they_took(study, capsys):
    status, out, err = run(study, PAGE.replace("4.7 s", "1 min 02 s").replace("0123", "4567"), capsys)
    assert (status, err) == (0, "")
    assert out == "3 of 3 rows equal docs/results/digits.md (all columns but the time)\n"


def test_links_and_widths_of_columns_make_no_difference(study, capsys):
    text = PAGE.replace("| kd     |", "| [kd](methods.md#kd) |")
    assert run(study, text, capsys)[0] == 0


def test_a_row_that_differs_is_named_with_both_values(study, capsys):
    text = PAGE.replace("93.22 ± 0.47", "93.97 ± 0.68").replace("+1.18", "+2.09").replace("0123", "4567")
    status, out, _ = run(study, text, capsys)
    assert status == 1
    assert "2 of 3 rows equal" in out
    row = "  student small big kd: test accuracy, last 93.97 ± 0.68 (documented: 93.22 ± 0.47); also gain\n"
    assert row in out
    assert "  here: commits: 4567\n" in out
    assert "  docs/results/digits.md: commits: 0123\n" in out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "| kd     |",
            "| dkd    |",
            ["small big kd: only in docs/results", "small big dkd: only in this study"],
        ),
        ("test accuracy, last", "accuracy", ["test accuracy, last no column (documented: 95.27)"]),
    ],
    ids=["a row", "a column"],
)
def test_what_only_one_of_them_has_is_a_difference(study, capsys, old, new, said):
    status, out, _ = run(study, PAGE.replace(old, new), capsys)
    assert status == 1
    assert all(text in out for text in said)


def test_many_differences_are_counted(study, capsys):
    rows = "".join(f"| student | net{number} | big | kd | 1 | 2 | 3 |\n" for number in range(15))
    _, out, _ = run(study, PAGE.replace("\n- devices", f"{rows}\n- devices"), capsys)
    assert "3 of 18 rows equal" in out
    assert out.count("only in this study") == check.MOST
    assert "  and 5 more rows\n" in out


def test_a_study_without_results_or_documented_ones_is_one_line(study, capsys):
    status, _, err = run(study, None, capsys)
    assert status == 1
    assert err == f"error: no file {study / 'table.md'}; run the study first\n"
    status, _, err = run(study.with_name("mine"), None, capsys)
    assert err == "error: no file docs/results/mine.md; results are documented of digits\n"
    status, _, err = run(study, "# nothing\n", capsys)
    assert status == 1
    assert "has no table with the columns role, network" in err


def test_the_committed_pages_can_be_read():
    """All of the documented studies: the page of a study has its table under these names."""
    counts = {path.stem: len(check.rows_of(path.read_text())) for path in check.DOCUMENTED.glob("*.md")}
    assert counts["digits"] == 21
    assert counts["zoo"] > 100
    assert counts["bench"] == 0
