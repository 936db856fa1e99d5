"""The report: every number has its source, every link leads somewhere, and no name can break the page."""

import json
import math
import re
from urllib.parse import unquote

import pandas as pd
import pytest
from fake_results import CARD, write_results
from fake_runs import fake_run, fake_study
from html_page import Page

import build_report
from kd.errors import UserError
from kd.report.reliability import reliability
from kd.report.study.answer import answer
from kd.report.study.drawings import curve
from kd.results.latency import milliseconds
from kd.results.ranking import rank
from kd.results.table import summarise

EVIL = '</script><script>alert("1")</script>{{ 7 }}&amp;'
MINUS = "\N{MINUS SIGN}"


def build(folder, runs=None, *, study=None, **options):
    """The page of these runs in `folder`."""
    files = write_results(folder, runs, **options)
    build_report.main(**files | ({"study": study} if study else {}))
    return Page(files["report"].read_text(encoding="utf-8"))


def pairs(*gains, seeds=3, methods=("kd",)):
    """Runs of a student whose baseline has 80 % and whose gains are these, for each teacher and method in turn."""
    runs = [fake_run("alone", "cnn", seed, test_accuracy=80.0) for seed in range(seeds)]
    runs += [fake_run("teacher", f"t{k}", test_accuracy=95.0) for k in range(len(gains[0]))]
    for method, of_teachers in zip(methods, gains, strict=True):
        for k, of_seeds in enumerate(of_teachers):
            for seed, gain in enumerate(of_seeds):
                changes = {"teacher": f"t{k}", "method": method, "test_accuracy": 80 + gain}
                runs.append(fake_run("distilled", "cnn", seed, **changes))
    return runs


def answer_of(runs):
    table = summarise(runs)
    return ["".join(piece.text for piece in sentence) for sentence in answer(table, rank(table, runs))]


# Of three seeds a gain g, g ± 0.1 has s = 0.1, and the half-width 4.3027 · 0.1 / √3 = 0.25.
SURE = [2.0, 2.1, 1.9]
UNSURE = [1.0, -1.0, 0.9]  # mean 0.30, s = 1.1269, half-width 4.3027 · 1.1269 / √3 = 2.80


def test_the_answer_names_the_pair_and_says_that_a_maximum_flatters():
    first, second = answer_of(pairs([SURE, UNSURE]))
    assert first == (
        "Largest gain: +2.00 ± 0.25 percentage points of test accuracy, cnn from t0 by kd"
        " (95\N{NO-BREAK SPACE}% CI, 3 seeds). As the largest of 2 noisy estimates it is likely to be too high."
    )
    # Over the teachers: 1.5, 0.55, 1.4; mean 1.15, s = 0.5220, half-width 4.3027 · 0.5220 / √3 = 1.30.
    assert second == "Average gain of kd over 2 pairs: +1.15 ± 1.30 (the interval contains 0)."


def test_an_answer_without_a_significant_gain():
    first, _ = answer_of(pairs([UNSURE, UNSURE]))
    assert first.startswith("Largest gain: +0.30 ± 2.80 percentage points")
    assert first.endswith("No gain is significant: the interval contains 0.")


def test_a_larger_gain_that_is_not_significant_is_not_called_so():
    """One of the pairs does have an interval above 0, but it is not the one with the largest gain."""
    first, _ = answer_of(pairs([[0.3, 0.31, 0.29], [5.0, -3.0, 4.0]]))
    assert first.startswith("Largest gain: +2.00 ± ")
    assert first.endswith("seeds). The interval contains 0.")


def test_an_answer_of_a_single_pair_has_the_accuracies_behind_it():
    first, second = answer_of(pairs([SURE]))
    assert first.startswith("Gain: +2.00 ± 0.25 percentage points")
    assert "largest" not in first
    assert second == "Test accuracy: distilled 82.00 %, baseline 80.00 %, teacher 95.00 %."
    runs = [run for run in pairs([SURE]) if run["role"] != "teacher"]
    assert answer_of(runs)[1] == "Test accuracy: distilled 82.00 %, baseline 80.00 %."


def test_an_answer_where_all_lose():
    first, _ = answer_of(pairs([[-gain for gain in UNSURE]] * 2))
    assert first.startswith(f"Largest gain: {MINUS}0.30 ± 2.80")
    assert first.endswith("No gain is significant: the interval contains 0.")
    losses = [[-gain for gain in SURE], [-gain - 1 for gain in SURE]]
    first, second = answer_of(pairs(losses))
    assert first.startswith(f"Largest gain: {MINUS}2.00 ± 0.25 percentage")
    assert first.endswith("No student gained: the interval is below 0.")
    assert second == f"Average gain of kd over 2 pairs: {MINUS}2.50 ± 0.25 (the interval is below 0)."


def test_an_answer_from_one_seed_has_no_interval():
    first, second = answer_of(pairs([[2.0], [1.0]], seeds=1))
    assert "±" not in first + second
    assert first.endswith("(one seed). A single seed has no interval, so this may be chance.")
    assert second == "Average gain of kd over 2 pairs: +1.50 (one seed, no interval)."
    _, second = answer_of(pairs([[2.0]], [[1.0]], seeds=1, methods=("kd", "at")))
    assert second.endswith("From one seed no difference is significant.")


def test_an_answer_on_several_methods_says_which_do_not_differ_significantly():
    # Means 2.00, 1.90 and 0.00; to the first 0.2, 0.0 and 0.1, which is 0.1 ± 0.25, and 2.0 each time.
    methods = [[SURE], [[1.8, 2.1, 1.8]], [[0.0, 0.1, -0.1]]]
    _, second = answer_of(pairs(*methods, methods=("kd", "at", "dkd")))
    assert second == (
        "Highest average gain of 3 methods: kd, +2.00 ± 0.25 (the interval is above 0)."
        " Not significantly lower: at. Others with an interval above 0: at."
    )
    many = [[SURE]] * 7
    _, second = answer_of(pairs(*many, methods=tuple("abcdefg")))
    assert second.endswith(" Not significantly lower: 6 others. Others with an interval above 0: 6.")
    _, second = answer_of(pairs([SURE], [[0.0, 0.1, -0.1]], methods=("kd", "at")))
    assert second.endswith(" All others are significantly lower.")


def test_an_answer_without_distilled_students():
    first, second = answer_of(
        [fake_run("teacher", "a", test_accuracy=90.0), fake_run("alone", "b", test_accuracy=80.0)]
    )
    assert first.startswith("No student was distilled")
    assert second == "Highest test accuracy: a (teacher), 90.00 %."


STUDIES = {
    "whole": (fake_study(teachers=2, methods=("kd", "at")), {}),
    "smallest": (fake_study(teachers=1, students=1, seeds=1, epochs=1), {}),
    "not diagnosed": (fake_study(teachers=2), {"diagnosed": False, "figures": ()}),
    "teacher alone": ([fake_run()], {}),
    "student alone": ([fake_run("alone", "cnn")], {}),
    "without a teacher": (
        [*pairs([SURE]), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")],
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


def numbers_without_source(source):
    """The table cells with a digit and no link in them; words, such as a name, are no numbers."""
    cells = re.findall(r"<td(?![^>]*words)[^>]*>(.*?)</td>", source, re.DOTALL)
    return [cell for cell in cells if re.search(r"\d", re.sub(r"<[^>]*>", "", cell)) and "<a" not in cell]


def test_every_number_in_a_table_leads_to_its_file(tmp_path):
    page = build(tmp_path / "study", fake_study(teachers=2, methods=("kd", "at")))
    assert page.source.count("<td") > 100
    assert numbers_without_source(page.source) == []
    values = re.findall(r"<dd>(.*?)</dd>", page.source, re.DOTALL)
    assert len(values) > 100
    assert all("<a" in value for value in values)


def test_numbers_lead_to_the_very_file(tmp_path):
    page = build(tmp_path / "study", pairs([SURE]))
    flat = " ".join(page.source.split())
    assert '<a class="from" href="teachers/t0/metrics.json">95.00 %</a>' in flat
    assert '<a class="from" href="table.csv">82.00 ± 0.10</a>' in flat
    assert '<a class="from" href="distilled/t0/cnn/kd/1/metrics.json">82.10 %</a>' in flat
    gain = flat.split('href="distilled/t0/cnn/kd/1/metrics.json">+2.10 points, from</a>')[1]
    assert gain.startswith(' <a class="from" href="alone/cnn/1/metrics.json">80.00 %</a>')
    assert '<a class="from" href="distilled/t0/cnn/kd/diagnosis.json">0.1875 nats</a>' in flat
    assert '<a class="from" href="latency.json">0.250</a>' in flat
    assert 'href="distilled/t0/cnn/kd/diagnosis.html"' in flat
    assert "snakemake --cores 4 " in flat
    assert "study/export/t0/cnn/kd/README.md</code>" in flat


def test_rows_stand_by_their_gain_and_an_unknown_latency_is_a_dash(tmp_path):
    folder = tmp_path / "study"
    files = write_results(folder, pairs([UNSURE, SURE]))
    latency = json.loads(files["latency"].read_text())
    del latency["networks"]["cnn"]
    files["latency"].write_text(json.dumps(latency))
    build_report.main(**files)
    body = (
        Page(files["report"].read_text(encoding="utf-8"))
        .source.split('id="ranking"')[1]
        .split("<tbody>")[1]
        .split("</tbody>")[0]
    )
    rows = [re.sub(r"<[^>]*>", " ", row).split() for row in body.split("</tr>")[:-1]]
    assert [row[:8] for row in rows] == [
        ["cnn", "kd", "from", "t1", "t1", "kd", "▲", "+2.00"],
        ["cnn", "kd", "from", "t0", "t0", "kd", "+0.30", f"{MINUS}2.50"],
    ]
    assert all("–" in row for row in rows)
    assert "+1.75 to +2.25" in " ".join(rows[0])


def test_the_time_of_a_network_by_its_role():
    networks = {"a": {"pytorch_ms": {"median": 2.5}}, "b": {"pytorch_ms": None}}
    networks["teachers/a"] = {"pytorch_ms": {"median": 7.5}}
    known = {"networks": networks}
    assert milliseconds(known, "distilled student", "a") == milliseconds(known, "alone", "a") == 2.5
    assert milliseconds(known, "teacher", "a") == 7.5
    unknown = [("teacher", "b"), ("teacher", "c"), ("alone", "b")]
    assert all(math.isnan(milliseconds(known, *one)) for one in unknown)


def test_without_a_diagnosis_nothing_of_it_is_shown(tmp_path):
    page = build(tmp_path / "study", pairs([SURE]), diagnosed=False, figures=("gain",))
    for word in ("Brier", "diagnosis.", "Most frequent mistakes", "Reliability diagram", "predicted as"):
        assert word not in page.source.split("<body>")[1].split("<script>")[0]


def test_no_name_can_break_the_page(tmp_path):
    alone = fake_run("alone", EVIL, loss_function=EVIL, device=EVIL, commit=EVIL)
    distilled = fake_run("distilled", EVIL, teacher=EVIL, method=EVIL, versions={EVIL: EVIL})
    runs = [fake_run("teacher", EVIL, loss_function=EVIL), alone, distilled]
    page = build(tmp_path / "study", runs, study=EVIL, card={**CARD, "classes": [EVIL], "licence": EVIL})
    plain = build(tmp_path / "plain", pairs([[1.0]], seeds=1))
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


def test_figures_are_within_the_page_with_the_captions_that_they_carry(tmp_path):
    files = write_results(tmp_path / "study", figures=("gain", "sweeps/tuned", "accuracy_parameters"))
    files["figures"][0].write_text(ABOUT)
    narrow = files["figures"][0].parent / "narrow/gain.svg"
    narrow.parent.mkdir()
    narrow.write_text(ABOUT)
    build_report.main(**files)
    source = files["report"].read_text(encoding="utf-8")
    assert re.findall(r"<h3>(.*?)</h3>", source)[:3] == ["A &amp; b", "Tuned", "Accuracy parameters"]
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


@pytest.mark.parametrize("broken", ["metrics", "histories", "diagnoses"])
def test_a_file_that_is_not_whole_is_named(broken, tmp_path):
    files = write_results(tmp_path / "study")
    files[broken][0].write_text('{"half')
    with pytest.raises(UserError, match=re.escape(str(files[broken][0]))):
        build_report.main(**files)
    assert not files["report"].exists()


def test_a_curve_goes_from_corner_to_corner():
    """Axes from 40 to 270 across and from 138 up to 10: epochs 1, 2, 5 are 0, 1/4 and 4/4 of the way."""
    drawn = curve(pd.DataFrame({"epoch": [1, 2, 5], "validation_accuracy": [10.0, 90.0, 50.0]}))
    assert 'points="40.0,138.0 97.5,10.0 270.0,74.0"' in drawn
    assert "from 10.00 % after epoch 1 to 50.00 % after epoch 5; at best 90.00 %" in drawn


@pytest.mark.parametrize("accuracies", [[50.0], [50.0, 50.0], [float("nan"), 50.0]])
def test_a_level_curve_is_drawn_half_way_up(accuracies):
    drawn = curve(pd.DataFrame({"epoch": range(1, len(accuracies) + 1), "validation_accuracy": accuracies}))
    points = re.search(r'points="([^"]*)"', drawn).group(1).split()
    assert {point.split(",")[1] for point in points} == {"74.0"}
    assert ">49.5<" in drawn
    assert ">50.5<" in drawn
    assert "at best 50.00 %" in drawn


def test_a_curve_of_many_epochs_keeps_its_ends_and_stays_small():
    drawn = curve(
        pd.DataFrame({"epoch": range(1, 1001), "validation_accuracy": [k / 10 for k in range(1000)]})
    )
    points = re.search(r'points="([^"]*)"', drawn).group(1).split()
    assert len(points) == 80
    assert (points[0], points[-1]) == ("40.0,138.0", "270.0,10.0")


def test_bars_of_reliability_stand_on_their_confidence():
    """Half of the answers from 0.8 to 0.9 are right: from 40 + 0.8 · 230 = 224 on, 64 of 128 high."""
    empty = {"low": 0.0, "high": 0.8, "count": 0, "confidence": None, "accuracy": None}
    drawn = reliability(
        [empty, {"low": 0.8, "high": 0.9, "count": 14, "confidence": 0.85, "accuracy": 0.5}], 2.5
    )
    assert drawn.count('class="right"') == 1
    assert 'x="224.5" y="74" width="22" height="64"' in drawn
    assert "expected calibration error 2.50 %" in drawn
    assert "14 images, confidence 85.0%, accuracy 50.0%" in drawn
