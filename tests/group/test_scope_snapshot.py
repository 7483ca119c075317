"""Snapshots of a scope: they never change, answer all questions, and cost nobody."""

import threading
from contextlib import ExitStack
from typing import Any

import pytest

from actors import Mailbox, kill, mailbox
from group import (
    InvalidArgumentError,
    NoProcessError,
    NoSuchGroupError,
    Scope,
    ScopeSnapshot,
)
from group._core.choosing import How
from group._tree.runner import Runner
from tests.group.people import PATIENCE, end_of, listeners, together
from tests.group.scopes import scopes, settle
from tests.waiting import eventually

HOWS: tuple[How, ...] = ("closest", "furthest", "random", "oldest", "newest")


def test_a_snapshot_answers_as_the_scope_did() -> None:
    with scopes("a", "b") as (a, b), listeners(2) as (mine, theirs):
        a.join_counts({"g": 2, "p/*": 1}, actor=mine)
        b.join("g", actor=theirs)
        settle(a, b)
        was = a.members("g")

        shot = a.snapshot()
        a.leave(actor=mine)
        end_of(theirs)
        eventually(lambda: not a.which_groups(), what="all are gone")

        assert shot.members("g") == was
        assert shot.members("g", where="remote") == ("g", (theirs,))
        assert shot.pick("p/x", "random") == ("p/*", mine)
        assert shot.pick("g", "closest").ref == mine
        assert shot.pick("g", "furthest").ref == theirs
        assert shot.join_count("g") == 3
        assert shot.join_count("g", mine) == 2
        assert shot.which_groups() == ["g", "p/*"]
        assert shot.which_groups_counts(mine) == {"g": 2, "p/*": 1}
        assert shot.whereis_name(("global", "p/x")) == mine
        assert (len(shot), repr(shot)) == (2, "<ScopeSnapshot of 'jobs': 2 groups>")
        with pytest.raises(NoSuchGroupError):
            shot.members("p/*")
        with pytest.raises(NoProcessError):
            shot.pick("p/x", "random", exclude=mine)


def test_reading_takes_no_lock_and_sends_no_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scopes("a", "b") as (a, b), listeners(2) as (mine, theirs):
        a.join_counts({"g": 2, "p/*": 1}, actor=mine)
        b.join("g", actor=theirs)
        settle(a, b)
        instance = a._instance
        me, sent = threading.get_ident(), list[str]()

        def note(*_: object) -> None:
            if threading.get_ident() == me:
                sent.append("message")

        assert instance.channel is not None
        with ExitStack() as stack, monkeypatch.context() as patch:
            patch.setattr(instance.channel, "send", note)
            patch.setattr(Runner, "enqueue", note)
            # Who took any of these would wait for ever.
            stack.enter_context(instance.directory._lock)
            stack.enter_context(instance.runners[0]._turn)
            stack.enter_context(a._lock)
            for reader in (a, a.snapshot()):
                assert len(reader.members("g").refs) == 3
                assert reader.members("p/x").refs == (mine,)
                assert reader.which_groups(mine) == ["g", "p/*"]
                assert reader.join_count("g") == 3
                for how in HOWS:
                    assert reader.pick("g", how, exclude=mine).ref == theirs
        assert sent == []


def test_no_batch_is_in_a_snapshot_by_half() -> None:
    ended = threading.Event()
    with Scope.start("jobs") as scope, listeners() as (one,):
        groups = {f"g{number}": 1 for number in range(20)}
        halves: list[ScopeSnapshot] = []

        def work(n: int) -> None:
            if n == 0:
                for _ in range(150):
                    scope.join_counts(groups, actor=one)
                    scope.leave_counts(groups, actor=one)
                ended.set()
            while not ended.is_set():
                shot = scope.snapshot()
                if len(shot) not in (0, 20):
                    halves.append(shot)

        assert together(3, work) == [None] * 3
        assert halves == []


def test_a_snapshot_of_a_scope_that_never_rests_is_made_in_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Scope.start("jobs") as scope, listeners() as (one,):
        scope.join("g", actor=one)
        monkeypatch.setattr(scope, "_copied", lambda: None)

        assert scope.snapshot().members("g") == ("g", (one,))


def test_snapshots_come_regularly_until_they_are_called_off() -> None:
    with Scope.start("jobs") as scope, mailbox() as me, listeners() as (one,):
        handle = scope.snapshot_every(0.01)
        scope.join("g", actor=one)

        def seen() -> bool:
            shot = me.receive(timeout=PATIENCE)
            assert isinstance(shot, ScopeSnapshot)
            return shot.which_groups() == ["g"]

        eventually(seen, PATIENCE, what="a snapshot with the group")
        handle.remove()
        # One may be on its way; then there are no more.
        eventually(lambda: nothing_comes(me), PATIENCE, what="silence")


def nothing_comes(me: Mailbox) -> bool:
    try:
        me.receive(timeout=0.2)
    except TimeoutError:
        return True
    return False


def test_snapshots_for_an_actor_end_with_it() -> None:
    with Scope.start("jobs") as scope, listeners(2) as (one, other):
        scope.snapshot_every(0.01, actor=one)
        scope.snapshot_every(0.01, actor=other)

        end_of(one)

        heard = other.proxy().heard
        eventually(lambda: len(heard.get(timeout=PATIENCE)) > 3, what="more")


@pytest.mark.crashes("Regular", by="killed")
def test_snapshots_go_on_when_the_actor_that_sends_them_is_killed() -> None:
    with Scope.start("jobs") as scope, mailbox() as me:
        scope.snapshot_every(0.02, actor=me.ref)
        me.receive(timeout=PATIENCE)
        (sender,) = [
            each.ref
            for each in scope._group.tree.which_children()
            if each.id == "snapshots"
        ]
        assert sender is not None

        kill(sender)
        for _ in range(3):
            me.receive(timeout=PATIENCE)

        assert not sender.is_alive()


def test_snapshots_that_were_called_off_are_forgotten() -> None:
    with Scope.start("jobs") as scope, listeners() as (one,):
        for _ in range(20):
            scope.snapshot_every(1000, actor=one).remove()

        assert scope._plan is not None
        assert len(scope._plan._all) == 1


@pytest.mark.parametrize("seconds", [0, -1, True, float("inf"), None, "1"])
def test_a_wrong_interval_is_refused(seconds: object) -> None:
    with Scope.start("jobs") as scope, listeners() as (one,):
        loose: Any = scope
        with pytest.raises(InvalidArgumentError):
            loose.snapshot_every(seconds, actor=one)
