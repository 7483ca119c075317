"""Beats say something about a clock only when they have not waited."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport._core.skew import LOOKS, Skew

BEAT = 1.0


def test_a_clock_ahead_is_known_by_its_first_beat() -> None:
    assert Skew().heard(3.0, 100.0, BEAT) == 3.0


def test_a_clock_behind_needs_several_looks() -> None:
    skew = Skew()

    said = [skew.heard(-3.0, 100.0 + n, BEAT) for n in range(LOOKS)]

    assert said == [None] * (LOOKS - 1) + [-3.0]


def test_beats_that_waited_for_a_paused_process_say_nothing() -> None:
    skew = Skew()
    for n in range(3):
        skew.heard(-0.01, 100.0 + n, BEAT)

    # Ten seconds later all that came meanwhile is read at once.
    said = [skew.heard(-9.0 + n, 112.0 + n / 1000, BEAT) for n in range(8)]

    assert [ahead for ahead in said if ahead is not None] == []
    # The next ones are in time; had each been a look, they alone would have counted.
    assert [skew.heard(-0.01, 114.0 + n, BEAT) for n in range(LOOKS)][-1] == -0.01


@pytest.mark.parametrize("start", [1.0, 100.0])
def test_of_those_that_waited_together_the_freshest_counts(start: float) -> None:
    skew = Skew()
    for late in (-9.0, -8.0, -2.0):
        skew.heard(late, start, BEAT)

    said = [skew.heard(-5.0, start + n, BEAT) for n in range(1, LOOKS)]

    assert said[-1] == -2.0


def test_a_clock_that_is_set_back_is_found_in_spite_of_a_pause() -> None:
    skew = Skew()
    for n in range(LOOKS):
        skew.heard(0.0, 100.0 + n, BEAT)
    skew.heard(-69.0, 110.0, BEAT)
    skew.heard(-60.0, 110.0, BEAT)

    said = [skew.heard(-60.0, 110.0 + n, BEAT) for n in range(1, LOOKS)]

    assert said[-1] == -60.0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.1, 30.0), min_size=1, max_size=20))
def test_pauses_of_any_length_never_make_a_right_clock_seem_a_beat_wrong(
    pauses: list[float],
) -> None:
    skew, sent, now = Skew(), 0.0, 0.0
    for pause in pauses:
        now += pause
        while sent + BEAT <= now:
            sent += BEAT
            ahead = skew.heard(sent - now, now, BEAT)
            assert ahead is None or ahead > -BEAT
