"""The pure rules of restarting, one sentence each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors._supervision import restart as rules

CRASH = ("Crash", "ValueError")
ORDERLY = ("normal", "shutdown", ("shutdown", "deploy"))
ABNORMAL = (CRASH, "killed", "noproc", "kill", ("normal", "not"), None)


@pytest.mark.parametrize("reason", ORDERLY + ABNORMAL)
def test_a_permanent_child_restarts_whatever_the_reason(reason: object) -> None:
    assert rules.restarts("permanent", reason)


@pytest.mark.parametrize("reason", ORDERLY + ABNORMAL)
def test_a_temporary_child_never_restarts(reason: object) -> None:
    assert not rules.restarts("temporary", reason)


@pytest.mark.parametrize("reason", ORDERLY)
def test_a_transient_child_that_ended_in_order_stays_down(reason: object) -> None:
    assert not rules.restarts("transient", reason)
    assert not rules.reported("transient", reason)


@pytest.mark.parametrize("reason", ABNORMAL)
def test_a_transient_child_that_ended_abnormally_restarts(reason: object) -> None:
    assert rules.restarts("transient", reason)
    assert rules.reported("transient", reason)


@pytest.mark.parametrize("reason", ORDERLY + ABNORMAL)
def test_every_end_of_a_permanent_child_is_reported(reason: object) -> None:
    assert rules.reported("permanent", reason)


def test_only_abnormal_ends_of_temporary_children_are_reported() -> None:
    assert not rules.reported("temporary", "normal")
    assert rules.reported("temporary", CRASH)


def test_a_static_transient_child_keeps_its_spec_and_a_dynamic_one_does_not() -> None:
    assert rules.kept_when_ended("transient", dynamic=False)
    assert not rules.kept_when_ended("transient", dynamic=True)
    assert not rules.kept_when_ended("temporary", dynamic=False)


def test_a_stopped_child_keeps_its_spec_unless_it_is_temporary() -> None:
    assert rules.kept_when_stopped("permanent")
    assert rules.kept_when_stopped("transient")
    assert not rules.kept_when_stopped("temporary")


def test_one_for_one_touches_the_failed_child_alone() -> None:
    assert rules.group("one_for_one", ["a", "b", "c"], "b") == ["b"]


def test_one_for_all_touches_every_child_in_start_order() -> None:
    assert rules.group("one_for_all", ["a", "b", "c"], "b") == ["a", "b", "c"]


def test_rest_for_one_touches_the_failed_child_and_later_ones() -> None:
    assert rules.group("rest_for_one", ["a", "b", "c"], "b") == ["b", "c"]


def test_rest_for_one_is_one_for_all_for_the_first_and_one_for_one_for_the_last() -> (
    None
):
    ids = ["a", "b", "c"]

    assert rules.group("rest_for_one", ids, "a") == rules.group("one_for_all", ids, "a")
    assert rules.group("rest_for_one", ids, "c") == rules.group("one_for_one", ids, "c")


def test_the_last_child_started_is_the_first_stopped() -> None:
    assert rules.stop_order(["a", "b", "c"]) == ["c", "b", "a"]


def test_a_budget_of_nothing_gives_up_at_the_first_attempt() -> None:
    assert rules.spend([], 10.0, 0, 5.0) == ([10.0], False)


def test_a_budget_of_n_allows_n_attempts_in_one_window() -> None:
    history: list[float] = []
    verdicts = []

    for _ in range(4):
        history, allowed = rules.spend(history, 10.0, 3, 5.0)
        verdicts.append(allowed)

    assert verdicts == [True, True, True, False]


def test_an_attempt_exactly_as_old_as_the_window_still_counts() -> None:
    _, allowed = rules.spend([10.0], 15.0, 1, 5.0)

    assert not allowed


def test_an_attempt_older_than_the_window_is_forgotten() -> None:
    history, allowed = rules.spend([10.0], 15.000001, 1, 5.0)

    assert allowed
    assert history == [15.000001]


@given(
    gaps=st.lists(st.floats(0, 10, allow_nan=False), max_size=30),
    max_restarts=st.integers(0, 5),
    max_seconds=st.floats(0.01, 20),
)
def test_a_budget_is_spent_exactly_when_a_window_holds_too_many(
    gaps: list[float], max_restarts: int, max_seconds: float
) -> None:
    moments: list[float] = []
    history: list[float] = []
    now = 0.0

    for gap in gaps:
        now += gap
        moments.append(now)
        history, allowed = rules.spend(history, now, max_restarts, max_seconds)

        within = sum(now - moment <= max_seconds for moment in moments)
        assert allowed == (within <= max_restarts)


def test_only_a_significant_child_ends_its_supervisor() -> None:
    assert not rules.ends_supervisor(
        "any_significant", significant=False, significant_left=0
    )


def test_never_means_never() -> None:
    assert not rules.ends_supervisor("never", significant=True, significant_left=0)


def test_any_significant_child_ends_the_supervisor() -> None:
    assert rules.ends_supervisor(
        "any_significant", significant=True, significant_left=2
    )


def test_all_significant_waits_for_the_last() -> None:
    assert not rules.ends_supervisor(
        "all_significant", significant=True, significant_left=1
    )
    assert rules.ends_supervisor(
        "all_significant", significant=True, significant_left=0
    )


def test_shutdown_is_a_good_end_for_a_child_that_was_given_time() -> None:
    assert rules.stopped_well("permanent", 5.0, "shutdown")
    assert rules.stopped_well("permanent", "infinity", "shutdown")


def test_a_permanent_child_that_ends_normally_when_stopped_is_reported() -> None:
    assert not rules.stopped_well("permanent", 5.0, "normal")
    assert not rules.stopped_well("permanent", 5.0, ("shutdown", "deploy"))
    assert rules.stopped_well("transient", 5.0, "normal")
    assert rules.stopped_well("temporary", 5.0, ("shutdown", "deploy"))


def test_a_child_killed_after_its_time_is_reported() -> None:
    assert not rules.stopped_well("transient", 5.0, "killed")


def test_killed_is_the_expected_end_of_a_child_with_shutdown_kill() -> None:
    assert rules.stopped_well("permanent", "kill", "killed")
    assert not rules.stopped_well("permanent", "kill", CRASH)
