"""Stamps follow causes, and the wall clock when they can."""

from hypothesis import given
from hypothesis import strategies as st

from group._core.hlc import MAX_SKEW_MS, Clock

walls = st.integers(0, 2**40)


def test_a_stamp_is_the_wall_clock_when_that_has_moved_on() -> None:
    clock = Clock()

    assert clock.stamp(5) == 5 << 16
    assert clock.stamp(6) == 6 << 16


def test_stamps_of_one_millisecond_are_counted() -> None:
    clock = Clock()
    first = clock.stamp(5)

    assert clock.stamp(5) == first + 1
    assert clock.stamp(4) == first + 2


def test_a_stamp_of_a_peer_pulls_the_clock_along() -> None:
    clock = Clock()

    assert clock.see((10 << 16) + 3, wall_ms=5)

    assert clock.stamp(5) == (10 << 16) + 4


def test_an_old_stamp_changes_nothing() -> None:
    clock = Clock()
    clock.stamp(10)

    assert clock.see(3 << 16, wall_ms=10)

    assert clock.last == 10 << 16


def test_a_stamp_from_a_clock_that_runs_wild_is_not_followed() -> None:
    clock = Clock()

    assert not clock.see((MAX_SKEW_MS + 1) << 16, wall_ms=0)
    assert clock.last == 0
    assert clock.see(MAX_SKEW_MS << 16, wall_ms=0)


@given(st.lists(walls))
def test_stamps_only_grow_whatever_the_wall_clock_does(times: list[int]) -> None:
    clock = Clock()

    stamps = [clock.stamp(wall) for wall in times]

    assert stamps == sorted(set(stamps))


@given(st.lists(st.tuples(st.booleans(), walls), max_size=20))
def test_what_was_made_after_seeing_a_stamp_is_greater(
    steps: list[tuple[bool, int]],
) -> None:
    one, two = Clock(), Clock()

    for from_one, wall in steps:
        sender, receiver = (one, two) if from_one else (two, one)
        sent = sender.stamp(wall)
        if receiver.see(sent, wall):
            assert receiver.stamp(wall) > sent


@given(walls, walls)
def test_a_stamp_is_never_before_its_own_wall_clock(before: int, wall: int) -> None:
    clock = Clock()
    clock.stamp(before)

    assert clock.stamp(wall) >> 16 >= wall
