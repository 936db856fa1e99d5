"""The first screen of the report: the facts, the result in numbers, the cards, and what to check."""

import json
import re

import pytest
from fake_results import study_of, write_results
from fake_runs import fake_pairs, fake_run

import build_report
from kd.report.study.configuration import timing_of
from kd.report.study.first.cards import cards
from kd.report.study.first.checks import checks, few_seeds, seeds_needed, weak_teachers
from kd.report.study.first.lead import facts, lead
from kd.report.study.pairs import by_accuracy, pairs_of
from kd.results.ranking import rank

MINUS = "\N{MINUS SIGN}"
# Of three seeds a gain g, g ± 0.1 has s = 0.1, and the half-width 4.3027 · 0.1 / √3 = 0.25.
SURE = [2.0, 2.1, 1.9]
UNSURE = [1.0, -1.0, 0.9]  # mean 0.30, s = 1.1269, half-width 4.3027 · 1.1269 / √3 = 2.80


def plain(text):
    return re.sub(r"<[^>]*>", "", str(text)).replace("\N{NO-BREAK SPACE}", " ")


def lead_of(folder, runs):
    study, table = study_of(folder, runs)
    return [plain(line) for line in lead(by_accuracy(pairs_of(table, study)), table, rank(table, study.runs))]


def checks_of(folder, runs, *, unresolved=True):
    study, table = study_of(folder, runs)
    return [plain(line) for line in checks(by_accuracy(pairs_of(table, study)), unresolved, study)]


LEADS = {
    "a significant gain of the only pair": (
        fake_pairs([SURE]),
        "Distillation from t0 by kd improved cnn by +2.0 points (95 % CI [1.8, 2.2]), from 80.0 % to 82.0 % test"
        " accuracy. The teacher reaches 95.0 %.",
    ),
    "a gain that may be chance": (
        fake_pairs([UNSURE]),
        f"Distillation from t0 by kd changed the accuracy of cnn by +0.3 points (95 % CI [{MINUS}2.5, 3.1], which"
        " contains 0), from 80.0 % to 80.3 % test accuracy. The teacher reaches 95.0 %.",
    ),
    "a loss": (
        fake_pairs([[-gain for gain in SURE]]),
        f"Distillation from t0 by kd lowered the accuracy of cnn by {MINUS}2.0 points (95 % CI [{MINUS}2.2,"
        f" {MINUS}1.8]), from 80.0 % to 78.0 % test accuracy. The teacher reaches 95.0 %.",
    ),
    "one seed": (
        fake_pairs([[2.0], [1.0]], seeds=1),
        "Distillation by kd changed the accuracy of cnn by +1.5 points on average (one seed, so no confidence"
        " interval), from 80.0 % to 81.5 % test accuracy.",
    ),
    # Over the teachers: 1.5, 0.55, 1.55; mean 1.2, s = 0.5635, half-width 4.3027 · 0.5635 / √3 = 1.40.
    "several pairs": (
        fake_pairs([SURE, [1.0, -1.0, 1.2]]),
        f"Distillation by kd changed the accuracy of cnn by +1.2 points on average (95 % CI [{MINUS}0.2, 2.6],"
        " which contains 0), from 80.0 % to 81.2 % test accuracy.",
    ),
    "several methods": (
        fake_pairs([SURE], [[1.8, 2.1, 1.8]], [[0.0, 0.1, -0.1]], methods=("kd", "at", "dkd")),
        "The best of 3 methods, kd, improved cnn by +2.0 points on average (95 % CI [1.8, 2.2]), from 80.0 % to"
        " 82.0 % test accuracy. Not significantly worse: at.",
    ),
    "a clear winner": (
        fake_pairs([SURE], [[0.0, 0.1, -0.1]], methods=("kd", "at")),
        "The best of 2 methods, kd, improved cnn by +2.0 points on average (95 % CI [1.8, 2.2]), from 80.0 % to"
        " 82.0 % test accuracy. All others are significantly worse.",
    ),
    "nothing distilled": (
        [fake_run("teacher", "a", test_accuracy=90.0), fake_run("alone", "b", test_accuracy=80.0)],
        "No student was distilled in this study. Highest test accuracy: a (teacher), 90.00 %.",
    ),
}


@pytest.mark.parametrize(("runs", "text"), LEADS.values(), ids=LEADS)
def test_the_result_has_the_accuracies_behind_it(runs, text, tmp_path):
    assert " ".join(lead_of(tmp_path, runs)) == text


def test_the_facts_say_what_ran_when_and_where(tmp_path):
    runs = fake_pairs([SURE])
    times = [f"2026-11-27T10:{minute:02d}:00Z" for minute in (10, 20, 21, 22, 40, 41, 42)]
    runs = [run | {"finished": time, "seconds": 300.0} for run, time in zip(runs, times, strict=True)]
    study, _ = study_of(tmp_path, runs)
    timing = timing_of(study.runs)
    # 10:05 to 10:10, 10:15 to 10:22 and 10:35 to 10:42 are 19 minutes; seven times five are 35.
    assert (timing.wall, timing.compute) == (19 * 60, 35 * 60)
    assert (
        timing.lines["date"] == "first training started 2026-11-27 10:05 UTC, last ended 2026-11-27 10:42 UTC"
    )
    assert plain(facts(study, timing)) == (
        "7 runs: 1 teacher, 1 student, method kd, 3 seeds · 2026-11-27, 19 min 00 s on NVIDIA H100"
        " · commit 01234567 · config.yaml"
    )


def test_records_without_a_time_still_say_how_long_it_took(tmp_path):
    study, _ = study_of(tmp_path, fake_pairs([SURE]))
    timing = timing_of(study.runs)
    assert timing.when == "1 h 28 min of training"  # seven times 754.4 s
    assert list(timing.lines) == ["compute time"]


def card_texts(folder, runs):
    study, table = study_of(folder, runs)
    made = cards(by_accuracy(pairs_of(table, study)), table, study)
    return {card.title: (card.value, plain(card.whose), card.notes) for card in made}


def test_the_cards_name_the_most_accurate_student_the_largest_gain_and_the_compression(tmp_path):
    made = card_texts(tmp_path, fake_pairs([SURE, UNSURE]))
    value, whose, notes = made["Most accurate student"]
    assert (value, whose) == ("82.00 %", "cnn ← t0")
    # Latencies of t0, t1 and cnn are 0.025, 0.075 and 0.125 ms; the file of weights has 7,000 bytes.
    assert notes == ["baseline 80.00 %, distilled (sd 0.10)", "122,570 parameters, 7.0 kB, 0.125 ms (ONNX)"]
    value, whose, notes = made["Largest gain"]
    assert (value, whose, notes) == (
        "+2.00 points",
        "cnn ← t0",
        ["95 % CI [1.75, 2.25]", "optimistic: the largest of 2"],
    )
    value, whose, notes = made["Compression"]
    assert (value, whose) == ("8.2× smaller", "cnn for t0")  # 1,000,000 / 122,570
    assert notes == ["122,570 of 1.000 M parameters", "86.3 % of its accuracy, 5.0× slower (ONNX)"]


def test_a_baseline_that_is_better_is_the_most_accurate_student_and_a_loss_no_gain(tmp_path):
    made = card_texts(tmp_path, fake_pairs([[-gain for gain in SURE]]))
    assert made["Most accurate student"][:2] == ("80.00 %", "cnn (baseline)")
    assert made["Most accurate student"][2] == ["no distilled student is better: cnn ← t0 78.00 %"]
    assert made["Change of accuracy"][0] == f"{MINUS}2.00 points"
    assert card_texts(tmp_path / "none", [fake_run(), fake_run("alone", "cnn")]) == {}


def test_a_weak_teacher_is_named_once_with_the_baselines_it_is_below(tmp_path):
    runs = fake_pairs([SURE, UNSURE])
    runs[0]["test_accuracy"] = 79.0
    study, table = study_of(tmp_path, runs)
    pairs = pairs_of(table, study)
    assert weak_teachers(pairs) == [
        "Teacher t0 (79.00 %) is less accurate than the baseline of cnn (80.00 %)."
    ]
    assert weak_teachers(pairs[1:]) == []


def with_class_gains(folder, gains, images=100):
    """The first screen's checks of one pair, whose students gain so much in the class "7"."""
    runs = fake_pairs([[2.0] * len(gains)], seeds=len(gains))
    files = write_results(folder / "study", runs)
    path = next(path for path in files["diagnoses"] if "distilled" in str(path))
    diagnosis = json.loads(path.read_text()) | {"classes": ["7"]}
    for run, gain in zip(diagnosis["runs"], gains, strict=True):
        run |= {"class_gain": [gain], "confusion": [[images]]}
    path.write_text(json.dumps(diagnosis))
    build_report.main(**files)
    page = files["report"].read_text(encoding="utf-8")
    return plain(page.split('<div class="card checks">')[1].split("</div>")[0])


def test_a_class_that_loses_significantly_is_named(tmp_path):
    text = with_class_gains(tmp_path, [-6.0, -6.1, -5.9])
    assert f"cnn ← t0 loses accuracy on class 7: {MINUS}6.0 [{MINUS}6.2, {MINUS}5.8] points." in text
    assert "loses accuracy" not in with_class_gains(tmp_path / "unsure", [-6.0, 1.0, -1.0])
    assert f"class 7: {MINUS}6.0 points" in with_class_gains(tmp_path / "one", [-6.0])
    assert "loses accuracy" not in with_class_gains(tmp_path / "little", [-4.0])
    assert "loses accuracy" not in with_class_gains(tmp_path / "few", [-6.0, -6.1, -5.9], images=9)


def test_too_few_seeds_come_with_the_number_that_would_do(tmp_path):
    study, table = study_of(tmp_path, fake_pairs([SURE, UNSURE]))
    pairs = pairs_of(table, study)
    # Differences 1.0, 3.1, 1.0 have s = 1.2124: 7.849 · 1.47 + 1.921 = 13.46.
    assert seeds_needed(pairs) == 14
    assert few_seeds(pairs, True) == (
        "3 seeds are too few to rank. About 14 would resolve a difference of 1 point"
        " (80 % power, one paired comparison)."
    )
    assert few_seeds(pairs, False) == ""
    assert few_seeds(pairs[:1], False) == ""


def test_one_seed_has_no_ranking(tmp_path):
    (line,) = checks_of(tmp_path, fake_pairs([[2.0]], seeds=1))
    assert line.startswith("One seed: no confidence interval and no ranking.")


def test_what_trainings_have_said_of_their_methods_is_listed(tmp_path):
    runs, alarm = fake_pairs([SURE, SURE]), "loss term kd is 0 in epoch 3"
    for run in runs:
        if run["role"] == "distilled" and run["seed"] == 1:
            run["alarms"] = [alarm, "another"]
    lines = checks_of(tmp_path, runs)
    assert f"cnn from t0, kd: {alarm} (seed 1), and the like of 1 more pairs." in lines
    assert not any(
        "alarm" in line or "loss term" in line for line in checks_of(tmp_path / "none", fake_pairs([SURE]))
    )


def test_a_teacher_that_is_never_right_has_no_accuracy_to_keep(tmp_path):
    runs = fake_pairs([SURE])
    made = card_texts(
        tmp_path, [run | {"test_accuracy": 0.0} if run["role"] == "teacher" else run for run in runs]
    )
    assert not [note for note in made["Compression"][-1] if "accuracy" in note]
