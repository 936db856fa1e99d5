"""Threads that run a network at once: the order of what they give, and how they end."""

import threading

import pytest

from kd.evaluation.side_by_side import side_by_side


def test_results_come_in_the_order_of_the_parts_and_the_first_error_is_raised():
    later = threading.Event()

    def letters(part):
        if part == "ab":
            assert later.wait(10)  # the first part ends last
        later.set()
        yield from part

    assert side_by_side(letters, ["ab", "cd", ""]) == ["a", "b", "c", "d"]

    def failing(part):
        yield part
        if part:
            raise ValueError(part)

    with pytest.raises(ValueError, match="first"):
        side_by_side(failing, ["", "first", "second"])


def test_after_an_error_the_other_threads_end_soon():
    failed, counted = threading.Event(), []

    def endless(part):
        if part == "fails":
            failed.set()
            raise ValueError(part)
        failed.wait(10)
        while True:
            counted.append(1)
            yield part

    with pytest.raises(ValueError, match="fails"):
        side_by_side(endless, ["endless", "fails"])
    assert counted
