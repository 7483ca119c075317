"""Callbacks of a scope: one for each occurrence, whatever happens to the others."""

import logging
import threading
from asyncio import CancelledError
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from actors import AnyRef, NodeDown, kill
from group import InvalidArgumentError, Scope, StoppedError
from tests.group.people import PATIENCE, end_of, listeners, together
from tests.group.scopes import scopes, settle
from tests.waiting import eventually

Call = tuple[str, str, AnyRef, object]


class Diary:
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def listen(self, scope: Scope, *names: str) -> None:
        for name in names:
            scope.on_join(name, self.note("join"))
            scope.on_leave(name, self.note("leave"))

    def note(self, kind: str) -> Callable[[str, AnyRef, object], None]:
        def noted(group: str, ref: AnyRef, reason: object) -> None:
            self.calls.append((kind, group, ref, reason))

        return noted

    def await_calls(self, count: int) -> list[Call]:
        eventually(lambda: len(self.calls) >= count, PATIENCE, what=f"{count} calls")
        calls, self.calls = self.calls, []
        assert len(calls) == count, calls
        return calls

    def await_balance(self, count: int) -> None:
        """Wait for so many calls, half of them joins and half leaves."""
        eventually(lambda: len(self.calls) >= count, PATIENCE, what=f"{count} calls")
        kinds = Counter(kind for kind, *_ in self.calls)
        assert kinds == {"join": count // 2, "leave": count // 2}


def test_there_are_as_many_leaves_as_joins() -> None:
    diary = Diary()
    with Scope.start("jobs") as scope, listeners() as (one,):
        diary.listen(scope, "g")

        scope.join("g", actor=one, count=3)
        assert diary.await_calls(3) == 3 * [("join", "g", one, "join_local")]
        scope.leave("g", actor=one)
        assert diary.await_calls(1) == [("leave", "g", one, "leave_local")]
        scope.leave(actor=one)
        assert diary.await_calls(2) == 2 * [("leave", "g", one, "leave_local")]


def test_the_end_of_an_actor_is_told_by_the_names_of_its_groups() -> None:
    diary = Diary()
    with Scope.start("jobs") as scope, listeners() as (one,):
        scope.join_counts({"c": 1, "a": 2, "b": 1}, actor=one)
        diary.listen(scope, "a", "b", "c")

        end_of(one)

        calls = diary.await_calls(4)
        assert [name for _, name, _, _ in calls] == ["a", "a", "b", "c"]
        assert {reason for *_, reason in calls} == {"normal"}


def test_a_callback_goes_by_the_exact_name() -> None:
    diary = Diary()
    with Scope.start("jobs") as scope, listeners() as (one,):
        diary.listen(scope, "p*", "pq")

        scope.join("p*", actor=one)
        scope.join("pr", actor=one)
        scope.join("pq", actor=one)

        assert [name for _, name, _, _ in diary.await_calls(2)] == ["p*", "pq"]


def test_what_other_nodes_do_is_told_as_theirs() -> None:
    diary = Diary()
    with scopes("a", "b") as (a, b), listeners() as (one,):
        diary.listen(a, "g")

        b.join("g", actor=one, count=2)
        (_, _, ref, why), _ = diary.await_calls(2)
        assert (ref, why) == (one, "join_remote")
        b.leave("g", actor=one)
        assert diary.await_calls(1)[0][3] == "leave_remote"
        b.stop()
        reason = diary.await_calls(1)[0][3]
        assert isinstance(reason, NodeDown)
        assert reason.node == "b"


def test_the_newest_callback_is_called_first_and_one_taken_back_never() -> None:
    order: list[int] = []
    done = threading.Event()
    with Scope.start("jobs") as scope, listeners() as (one,):
        scope.on_join("g", lambda *_: done.set())
        handles = [
            scope.on_join("g", lambda *_, n=n: order.append(n)) for n in range(4)
        ]

        handles[2].remove()
        scope.join("g", actor=one)

        assert done.wait(PATIENCE)
        assert order == [3, 1, 0]


def test_the_same_callback_twice_is_called_twice() -> None:
    diary = Diary()
    with Scope.start("jobs") as scope, listeners() as (one,):
        diary.listen(scope, "g", "g")
        scope.on_join("g", diary.note("join")).remove()

        scope.join("g", actor=one)

        diary.await_calls(2)


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, CancelledError, GeneratorExit]
)
def test_a_callback_that_raises_hurts_no_other(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()

    def broken(*_: object) -> None:
        raise error("as planned")

    with (
        caplog.at_level(logging.WARNING, logger="group"),
        Scope.start("jobs") as scope,
        listeners() as (one,),
    ):
        scope.on_join("g", diary.note("join"))
        scope.on_join("g", broken)

        scope.join("g", actor=one, count=2)

        diary.await_calls(2)
    assert "callback" in caplog.text


def test_a_callback_that_blocks_does_not_block_the_scope() -> None:
    gate, diary = threading.Event(), Diary()
    with Scope.start("jobs") as scope, listeners() as (one,):
        scope.on_join("g", lambda *_: gate.wait(PATIENCE))
        diary.listen(scope, "h")

        scope.join("g", actor=one)
        scope.join("h", actor=one)

        assert scope.which_groups() == ["g", "h"]
        assert diary.calls == []
        gate.set()
        diary.await_calls(1)


def test_who_lags_is_told_differences_and_still_as_many_leaves_as_joins() -> None:
    gate, diary = threading.Event(), Diary()
    with Scope.start("jobs") as scope, listeners(2) as (one, other):
        scope.on_join("first", lambda *_: gate.wait(PATIENCE))
        diary.listen(scope, "g", "h")
        scope.join("first", actor=one)
        assert scope._told is not None
        scope._told.backlog._most = 5

        for _ in range(20):
            scope.join("g", actor=one)
            scope.leave("g", actor=one)
        scope.join("g", actor=one, count=2)
        scope.join("h", actor=other)
        gate.set()

        eventually(lambda: balance(diary) == {"g": 2, "h": 1}, what="all is told")
        scope.leave(actor=one)
        eventually(lambda: balance(diary) == {"h": 1}, what="the end is told")
        assert len(diary.calls) < 40


@pytest.mark.crashes("Caller", by="killed")
def test_callbacks_outlive_the_actor_that_calls_them() -> None:
    diary = Diary()
    with Scope.start("jobs") as scope, listeners(2) as (one, other):
        diary.listen(scope, "g")
        scope.join("g", actor=one, count=2)
        eventually(lambda: balance(diary) == {"g": 2}, what="joins are told")
        assert scope._told is not None
        caller = scope._told.backlog.ref
        assert caller is not None

        kill(caller)
        scope.join("g", actor=other)
        scope.leave("g", actor=one)

        eventually(lambda: balance(diary) == {"g": 2}, what="the balance is right")
        told = scope._told
        eventually(lambda: told.backlog.ref is not caller, what="another")
        scope.leave("g", actor=other)
        eventually(lambda: balance(diary) == {"g": 1}, what="the next one tells")


def balance(diary: Diary) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for kind, group, *_ in list(diary.calls):
        counted[group] += 1 if kind == "join" else -1
    return +counted


def test_callers_of_many_threads_leave_joins_and_leaves_in_balance() -> None:
    diary = Diary()
    with scopes("a", "b") as (a, b), listeners(4) as refs:
        for scope in (a, b):
            diary.listen(scope, "g", "h")

        def work(n: int) -> None:
            scope = (a, b)[n % 2]
            for _ in range(20):
                scope.join_counts({"g": 1 + n, "h": 1}, actor=refs[n])
                scope.leave("g", actor=refs[n])
            scope.leave(actor=refs[n])

        assert together(4, work) == [None] * 4
        settle(a, b)

        joins = 2 * sum(20 * (2 + n) for n in range(4))
        diary.await_balance(2 * joins)


def test_a_callback_can_stop_its_scope() -> None:
    with Scope.start("jobs") as scope, listeners() as (one,):
        tree, diary = scope._group.tree, Diary()

        def stop(*_: object) -> None:
            scope.stop()
            diary.note("join")("g", one, None)

        scope.on_join("g", stop)
        scope.join("g", actor=one)

        diary.await_calls(1)
        eventually(lambda: not tree.is_alive(), PATIENCE, what="the tree has ended")
        with pytest.raises(StoppedError):
            scope.join("g", actor=one)


def test_what_cannot_be_called_is_refused() -> None:
    with Scope.start("jobs") as scope:
        loose: Any = scope
        with pytest.raises(InvalidArgumentError):
            loose.on_join("g", None)
