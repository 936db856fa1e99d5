"""What a change around the data runs again, and what it leaves alone."""

import pytest

SCRIPTS = "workflow/scripts"
REPORT = {"build_report": {""}}
TABLE = {"build_table": {""}, "draw_plots": {""}, **REPORT}
CARD = {"describe_data": {""}, "measure_latency": {""}, **TABLE}  # latency is of an image of its shape


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("kd/datasets/digits.py", "states none", "is silent", CARD),
        ("kd/data/card.py", '"not stated"', '"unknown"', CARD),
        ("kd/plots/samples.py", "GAP = 4", "GAP = 5", {"draw_samples": {""}, **REPORT}),
    ],
)
def test_what_the_card_and_the_picture_say_trains_nothing(finished, file, old, new, again):
    finished.edit(f"{SCRIPTS}/{file}", old, new)
    assert finished.pending() == again


def test_a_picture_or_card_that_was_deleted_is_made_again_and_nothing_is_trained(finished):
    (finished.folder / "results/tiny/data/samples.png").unlink()
    assert finished.pending() == {"draw_samples": {""}, **REPORT}
    (finished.folder / "results/tiny/data/summary.json").unlink()
    assert finished.pending() == {"draw_samples": {""}, **CARD}
