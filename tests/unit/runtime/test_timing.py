"""How long calls take, by a clock that the calls themselves turn on."""

import pytest

from kd.runtime import timing


class Clock:
    """Seconds that pass only where a call says so."""

    def __init__(self) -> None:
        self.now, self.turns = 0.0, []

    def call(self, name, *seconds):
        """A call that takes these seconds in turn, and the last of them from then on."""
        left = list(seconds)

        def called():
            self.turns.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return called


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def test_short_calls_are_timed_in_bursts_and_all_take_their_turn(clock):
    timings = timing.milliseconds({"short": clock.call("short", 0.002), "long": clock.call("long", 0.5)})
    assert timings["short"] == {"median": 2, "low": 2, "high": 2}
    assert timings["long"] == {"median": 500, "low": 500, "high": 500}
    # Two calls of each to see how long they are; then 10 ms of the short one, and one before that is not timed.
    turn = ["short"] * 6 + ["long"]
    assert clock.turns == ["short"] * 2 + ["long"] * 2 + turn * timing.REPETITIONS


def test_the_first_call_sets_things_up_and_does_not_count(clock):
    assert timing.milliseconds({"a": clock.call("a", 9, 0.1)})["a"] == {
        "median": 100,
        "low": 100,
        "high": 100,
    }


def test_a_disturbance_of_a_few_turns_is_outside_the_quartiles(clock):
    slow = clock.call("a", 0.1, 0.1, *[0.1] * 4, *[7] * 3, 0.1)  # 3 of 15 repetitions
    assert timing.milliseconds({"a": slow})["a"]["high"] == 100


def test_quartiles_by_hand():
    assert timing.summary([4, 1, 3, 2]) == {"median": 2.5, "low": 1.75, "high": 3.25}
    assert timing.summary([1, 2, 3, 4, 50]) == {"median": 3, "low": 2, "high": 4}
