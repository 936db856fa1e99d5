"""The report: every number has its source, every link leads somewhere, and no name can break the page."""

import json
import math
import re
from urllib.parse import unquote

import pytest
from fake_results import CARD, write_results
from fake_runs import fake_pairs, fake_run, fake_study
from html_page import Page

import build_report
from kd.errors import UserError
from kd.results.latency import ONNX, milliseconds
from kd.results.published.columns import with_published
from kd.results.table_csv import read_table, write_table

EVIL = '</script><script>alert("1")</script>{{ 7 }}&amp;'
MINUS = "\N{MINUS SIGN}"
SURE, UNSURE = [2.0, 2.1, 1.9], [1.0, -1.0, 0.9]  # gains of three seeds: 2 ± 0.25, 0.3 ± 2.8


def build(folder, runs=None, *, study=None, **options):
    """The page of these runs in `folder`."""
    files = write_results(folder, runs, **options)
    build_report.main(**files | ({"study": study} if study else {}))
    return Page(files["report"].read_text(encoding="utf-8"))


STUDIES = {
    "whole": (fake_study(teachers=2, methods=("kd", "at")), {}),
    "smallest": (fake_study(teachers=1, students=1, seeds=1, epochs=1), {}),
    "not diagnosed": (fake_study(teachers=2), {"diagnosed": False, "figures": ()}),
    "teacher alone": ([fake_run()], {}),
    "student alone": ([fake_run("alone", "cnn")], {}),
    "without a teacher": (
        [*fake_pairs([SURE]), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")],
        {},
    ),
}


@pytest.mark.parametrize(("runs", "options"), STUDIES.values(), ids=STUDIES)
def test_every_link_leads_to_a_file_or_a_place_in_the_page(runs, options, tmp_path):
    page = build(tmp_path / "study", runs, **options)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert unquote(link[1:]) in page.ids
        elif not link.startswith("data:image/"):
            assert (tmp_path / "study" / unquote(link)).exists(), link
    assert not re.search(r"\bnan\b|&lt;NA|None\b(?! of)", page.text)


def test_a_row_has_one_link_and_a_number_none(tmp_path):
    page = build(tmp_path / "study", fake_study(teachers=2, methods=("kd", "at")))
    rows = re.findall(r"<tr.*?</tr>", page.source.split("<main>")[1], re.DOTALL)
    assert len(rows) > 60
    assert max(row.count("<a ") for row in rows) == 1
    assert not re.search(r"<td[^>]*>\s*<a ", page.source)


def test_a_row_links_to_its_error_analysis_or_to_the_files_of_its_numbers(tmp_path):
    page = build(tmp_path / "study", fake_pairs([SURE]))
    ranking, runs, full = (page.source.split(f'id="{place}"')[1] for place in ("table", "runs", "full-table"))
    assert 'href="distilled/t0/cnn/kd/diagnosis.html">cnn</a>' in ranking.split("</table>")[0]
    assert 'id="distilled/t0/cnn/kd"' in runs.split("</table>")[0]
    assert 'href="alone/cnn/diagnosis.html">cnn</a>' in runs.split("</table>")[0]
    full = full.split("</table>")[0]
    assert 'href="teachers/t0/metrics.json">t0</a>' in full  # one run
    assert 'href="distilled/t0/cnn/kd">cnn</a>' in full  # the folder of several
    assert 'href="table.csv">all</a>' in full


def test_the_next_step_exports_with_the_config_that_is_kept(tmp_path):
    page = build(tmp_path / "study", fake_pairs([SURE]))
    folder = (tmp_path / "study").as_posix()
    assert (
        f"<code>snakemake --cores 4 {folder}/export/t0/cnn/kd/README.md --configfile {folder}/config.yaml</code>"
        in page.source
    )


def cells_of(source, place):
    body = source.split(f'id="{place}"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("</tr>")[:-1]]


def test_rows_stand_by_their_accuracy_and_an_unknown_latency_is_a_dash(tmp_path):
    files = write_results(tmp_path / "study", fake_pairs([UNSURE, SURE]))
    latency = json.loads(files["latency"].read_text())
    del latency["networks"]["cnn"]
    files["latency"].write_text(json.dumps(latency))
    build_report.main(**files)
    first, second = cells_of(files["report"].read_text(encoding="utf-8"), "table")
    assert first[1:] == [
        *(
            "t1",
            "kd",
            "82.00 (sd 0.10)",
            "80.00 (sd 0.00)",
            "▲ +2.00",
            "[1.75, 2.25]",
            "95.00",
            "93.20",
            "3.21",
        ),
        *("122,570", "7.0 kB", "–"),
    ]
    assert second[1:7] == ["t0", "kd", "80.30 (sd 1.13)", "80.00 (sd 0.00)", "+0.30", f"[{MINUS}2.50, 3.10]"]


@pytest.mark.full
def test_without_latency_by_onnx_that_of_pytorch_is_shown(tmp_path):
    files = write_results(tmp_path / "study", fake_pairs([SURE]))
    assert "ONNX latency, ms" in build(tmp_path / "with", fake_pairs([SURE])).source
    latency = json.loads(files["latency"].read_text())
    for network in latency["networks"].values():
        network["onnxruntime_ms"] = None
    files["latency"].write_text(json.dumps(latency))
    build_report.main(**files)
    page = files["report"].read_text(encoding="utf-8")
    assert "PyTorch latency, ms" in page
    assert "ONNX" not in page.split("<main>")[1].split("</main>")[0]


def test_every_run_is_in_the_matrix_of_networks_and_seeds_with_its_gain(tmp_path):
    page = build(tmp_path / "study", fake_pairs([SURE]))
    body = page.source.split('class="runs">')[1].split("</table>")[0]
    rows = [re.sub(r"<[^>]*>", " ", row).split() for row in body.split("</tr>")]
    assert rows[0] == ["network", "mean", "seed", "0", "seed", "1", "seed", "2"]
    assert ["t0", "95.00", "–", "–", "–"] in rows
    assert ["cnn", "80.00", "(sd", "0.00)", "80.00", "80.00", "80.00"] in rows
    distilled = "cnn from t0 by kd 82.00 (sd 0.10) 82.00 +2.00 82.10 +2.10 81.90 +1.90"
    assert distilled.split() in rows


def test_the_configuration_says_first_what_differs_from_the_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_COMMAND", "snakemake --cores 2 --config 'seeds=[0]'")
    page = build(tmp_path / "study", fake_pairs([SURE]))
    part = page.source.split('id="configuration"')[1].split("</section>")[0]
    assert part.index("What differs from the defaults") < part.index("Hyperparameters")
    assert re.search(r'recipe.lr</th><td class="words">0.05</td><td class="words">0.1</td>', part)
    assert "<td><b>0.05</b></td><td>0.9</td>" in part  # bold: not the default
    assert "temperature 4" in part
    assert "snakemake --cores 2 --config &#39;seeds=[0]&#39;" in part
    assert "# As it was given." in part
    assert re.search(r'href="config.yaml" download', part)


def test_a_kept_config_that_is_not_whole_is_named(tmp_path):
    files = write_results(tmp_path / "study")
    for text in ("a: [", "- a list"):
        files["resolved"].write_text(text)
        with pytest.raises(UserError, match=r"config\.resolved\.yaml"):
            build_report.main(**files)


def test_the_time_of_a_network_by_its_role():
    networks = {"a": {"pytorch_ms": {"median": 2.5}}, "b": {"pytorch_ms": None}}
    networks["teachers/a"] = {"pytorch_ms": {"median": 7.5}}
    networks["a"]["onnxruntime_ms"] = {"median": 0.5}
    known = {"networks": networks}
    assert milliseconds(known, "alone", "a", runtime=ONNX) == 0.5
    assert math.isnan(milliseconds(known, "teacher", "a", runtime=ONNX))
    assert milliseconds(known, "distilled student", "a") == milliseconds(known, "alone", "a") == 2.5
    assert milliseconds(known, "teacher", "a") == 7.5
    unknown = [("teacher", "b"), ("teacher", "c"), ("alone", "b")]
    assert all(math.isnan(milliseconds(known, *one)) for one in unknown)


def test_without_a_diagnosis_nothing_of_it_is_shown(tmp_path):
    page = build(tmp_path / "study", fake_pairs([SURE]), diagnosed=False, figures=("gain",))
    body = page.source.split("<body>")[1].split("<script>")[0]
    assert "diagnosis.html" not in body
    assert "error analysis of" not in body


@pytest.mark.full
def test_no_name_can_break_the_page(tmp_path):
    alone = fake_run("alone", EVIL, loss_function=EVIL, device=EVIL, commit=EVIL)
    distilled = fake_run("distilled", EVIL, teacher=EVIL, method=EVIL, versions={EVIL: EVIL})
    runs = [fake_run("teacher", EVIL, loss_function=EVIL), alone, distilled]
    page = build(tmp_path / "study", runs, study=EVIL, card={**CARD, "classes": [EVIL], "licence": EVIL})
    plain = build(tmp_path / "plain", fake_pairs([[1.0]], seeds=1))
    assert page.tags.count("script") == plain.tags.count("script") == 1
    assert page.tags.count("table") == plain.tags.count("table")
    assert page.text.count(EVIL) >= 15


def test_no_name_can_turn_a_line_of_the_page(tmp_path):
    build(tmp_path / "study", card={**CARD, "classes": ["a\u202eb\x1b[31mc"]})
    text = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert "ab[31mc" in text
    assert not {"\u202e", "\x1b"} & set(text)


def test_the_page_holds_all_it_shows_and_forbids_itself_requests(tmp_path):
    page = build(tmp_path / "study")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.source).group(1)
    assert policy.startswith(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-"
    )
    assert not {"link", "iframe", "object", "embed"} & set(page.tags)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert not [link for link in page.links if re.match(r"(?:[a-z]+:)?//", link)]


ABOUT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2"><metadata
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:RDF>
  <dc:title>A &amp; b</dc:title><dc:description>Less &lt; {} words.</dc:description></rdf:RDF></metadata></svg>"""


def test_published_accuracies_have_columns_and_their_sources_are_named(tmp_path):
    files = write_results(tmp_path / "study", fake_pairs([SURE, UNSURE]))
    row = {"role": "distilled student", "name": "cnn", "teacher": "t0", "method": "kd"}
    cells = [row | {"accuracy": 83.5, "source": "A <b>paper</b>"}]
    write_table(files["table"], with_published(read_table(files["table"]), cells))
    build_report.main(**files)
    page = Page(files["report"].read_text(encoding="utf-8"))
    assert "1 is above." in page.text
    assert "Published by: A <b>paper</b>." in page.text
    assert "stand below ours. Difference to published: our mean minus the published accuracy" in page.text
    ranked = page.source.split('id="table"')[1].split("</table>")[0]
    assert "<td>\N{EN DASH}</td>" not in ranked.split("83.50")[0]
    cells = ranked.split("83.50</td>")[1].split("</td>")[:2]
    assert [re.sub("<[^>]*>", "", cell) for cell in cells] == [
        f"{MINUS}1.50 [{MINUS}1.75, {MINUS}1.25]",
        "no",
    ]


def test_figures_are_within_the_page_with_the_captions_that_they_carry(tmp_path):
    files = write_results(tmp_path / "study", figures=("gain", "sweeps/tuned", "accuracy_parameters"))
    files["figures"][0].write_text(ABOUT)
    narrow = files["figures"][0].parent / "narrow/gain.svg"
    narrow.parent.mkdir()
    narrow.write_text(ABOUT)
    build_report.main(**files)
    source = files["report"].read_text(encoding="utf-8")
    figures = source.split('id="figures"')[1].split("</section>")[0]
    assert re.findall(r"<h3>(.*?)</h3>", figures) == ["A &amp; b", "Tuned", "Accuracy parameters"]
    # What its marks mean is that of Snakemake's own report, folded.
    assert "for method tuned" in figures
    assert "{{" not in source
    assert "Less &lt; {} words." in source
    assert source.count("data:image/svg+xml;base64,") == 4
    (media,) = re.findall(r'<source media="([^"]*)" srcset="data:image/svg', source)
    assert media == "screen and (max-width: 40rem)"


def test_data_and_origin_are_shown(tmp_path):
    page = build(tmp_path / "study")
    assert (
        'src="data:image/png;base64,iVBORyBhIHBpY3R1cmU=" alt="Some training images of each class"'
        in page.source
    )
    for line in ("data set: mine", "classes: 2 (labels 0 to 1): ant, bee", "licence: unknown: nobody knows"):
        assert f"<li>{line}</li>" in page.source
    assert "devices: NVIDIA H100" in page.text


def test_the_same_study_gives_the_same_bytes(tmp_path):
    files = write_results(tmp_path / "study")
    build_report.main(**files)
    before = files["report"].read_bytes()
    build_report.main(**files)
    assert files["report"].read_bytes() == before


@pytest.mark.parametrize("broken", ["metrics", "diagnoses"])
def test_a_file_that_is_not_whole_is_named(broken, tmp_path):
    files = write_results(tmp_path / "study")
    files[broken][0].write_text('{"half')
    with pytest.raises(UserError, match=re.escape(str(files[broken][0]))):
        build_report.main(**files)
    assert not files["report"].exists()


def test_more_metrics_have_a_row_for_each_network_that_links_to_its_analysis(tmp_path):
    page = build(tmp_path / "study", fake_pairs([SURE]))
    table = page.source.split('id="more"')[1].split("</table>")[0]
    rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>", table.split("</thead>")[1], re.DOTALL)
    assert len(rows) == 3
    assert 'href="distilled/t0/cnn/kd/diagnosis.html">cnn</a>' in rows[2]
    assert '<td class="words">kd from t0</td>' in rows[2]
    assert '<td data-value="95.5">95.50 (sd 0.00)</td>' in rows[2]  # the balanced accuracy that is made up
    assert "1.38 (sd 0.00)" in rows[2]
    bare = build(tmp_path / "other", fake_pairs([SURE]), diagnosed=False)
    assert 'id="more"' not in bare.source
