"""A log line that repeats is shown once, and counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from delivrd.serve.repeats import Repeats


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_line_is_shown_at_once_and_the_others_are_counted():
    clock = Clock()
    repeats = Repeats(clock, 10)
    assert repeats.shown("a", "one") == ["one"]
    assert [repeats.shown("a", "two") for _ in range(1000)] == [[]] * 1000
    assert repeats.shown("b", "other") == ["other"]
    clock.now = 10
    assert repeats.shown("a", "three") == ["two (1000 more like this)", "three"]
    assert repeats.shown("a", "four") == []
    assert repeats.rest() == ["four (1 more like this)"]
    assert repeats.rest() == []


def test_a_count_is_told_by_the_next_line_of_any_kind():
    clock = Clock()
    repeats = Repeats(clock, 10)
    for _ in range(3):
        repeats.shown("a", "one")
    clock.now = 11
    assert repeats.shown("b", "other") == ["one (2 more like this)", "other"]


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 20)), max_size=500))
def test_no_line_is_lost_from_the_counts_and_no_kind_is_shown_twice_in_an_interval(coming):
    clock = Clock()
    repeats = Repeats(clock, 10)
    shown = []
    for kind, wait in coming:
        clock.now += wait / 100
        shown += repeats.shown(kind, f"line {kind}")
    shown += repeats.rest()
    counted = sum(int(line.partition("(")[2].partition(" ")[0]) for line in shown if "(" in line)
    assert counted + sum("(" not in line for line in shown) == len(coming)
