"""wait_for, wait_for_member, get_or_start, settle: races, ends and time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from actors import Timeout, mailbox, on_down
from group import (
    Entry,
    Group,
    InvalidArgumentError,
    InvalidMetaError,
    NotLocalError,
    ShardTimeoutError,
    StoppedError,
)
from group._tree.runner import Runner
from tests.group.people import (
    PATIENCE,
    AnyRef,
    Listener,
    groups,
    listeners,
    settle,
    together,
)
from tests.waiting import eventually


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


def test_waiting_for_what_is_there_takes_no_time(g: Group) -> None:
    with mailbox() as me:
        g.register("k", {"v": 1})
        g.join("room")

        assert g.wait_for("k", timeout=0) == Entry(me.ref, {"v": 1})
        assert g.wait_for_member("room", timeout=0)[0].ref is me.ref


def test_waiting_in_vain_says_for_what(g: Group) -> None:
    with mailbox():
        g.join("room")
        with pytest.raises(Timeout) as unregistered:
            g.wait_for("k", timeout=0.01)
        with pytest.raises(Timeout) as too_few:
            g.wait_for_member("room", count=2, timeout=0.01)
        with pytest.raises(Timeout, match="group 'hall' has 0 members after"):
            g.wait_for_member("hall", timeout=0)
        see = "linked? (see nodes(), and node.troubles() for why one is not)"
        assert str(unregistered.value) == (
            f"nobody has registered 'k' in 0.01 s; is the node that does so {see}"
        )
        assert str(too_few.value) == (
            "group 'room' has 1 member after 0.01 s, not 2; "
            f"are the nodes of the others {see}"
        )
        assert not any(t.subscriptions.any("") for t in g._instance.store.tables)


@pytest.mark.parametrize("pattern", ["room/1", "room/"])
def test_waiters_are_woken_by_what_they_wait_for(g: Group, pattern: str) -> None:
    with listeners(3) as refs:

        def join(index: int) -> None:
            for each in refs:
                g.join(
                    "room/1" if pattern == "room/1" else f"room/{id(each)}", actor=each
                )

        def wait() -> list[Entry]:
            # Longer than `together` waits: it must be woken, not run out of time.
            return g.wait_for_member(pattern, count=3, timeout=10 * PATIENCE)

        found = together(4, lambda n: wait() if n else join(n))

        for members in found[1:]:
            assert isinstance(members, list)
            assert {e.ref for e in members} == set(refs)


def test_many_registrations_and_waits_meet(g: Group) -> None:
    def wait_and_register(key: str, index: int, one: AnyRef) -> object:
        if index:
            return g.wait_for(key, timeout=PATIENCE).ref
        g.register(key, actor=one)
        return None

    with listeners() as (one,):
        for number in range(50):
            key = f"k/{number}"
            work = partial(wait_and_register, key, one=one)
            assert together(2, work) == [None, one]


def test_waiting_for_what_another_node_registers() -> None:
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        found = together(
            2,
            lambda n: (
                gb.wait_for("k", timeout=PATIENCE) if n else ga.register("k", actor=one)
            ),
        )
        assert isinstance(found[1], Entry)
        assert found[1].ref == one


def test_a_hundred_callers_start_one_owner(g: Group) -> None:
    started: list[AnyRef] = []
    ends: list[object] = []

    def start() -> AnyRef:
        ref = Listener.start()
        on_down(ref, ends.append)
        started.append(ref)
        return ref

    found = together(100, lambda _: g.get_or_start("k", start, meta={"v": 1}))

    owner = g.whereis("k")
    assert owner is not None
    assert {entry.ref for entry in found if isinstance(entry, Entry)} == {owner}
    assert all(entry == Entry(owner, {"v": 1}) for entry in found)
    eventually(lambda: len(ends) == len(started) - 1, PATIENCE, what="losers ended")
    assert set(ends) <= {"shutdown"}
    assert owner.is_alive()
    owner.stop()


def test_a_known_owner_starts_nobody(g: Group) -> None:
    with mailbox() as me:
        g.register("k", {"v": 1})

        assert g.get_or_start("k", lambda: pytest.fail("started")) == Entry(
            me.ref, {"v": 1}
        )


def test_an_actor_that_cannot_be_registered_is_stopped(g: Group) -> None:
    ends: list[object] = []

    def start() -> AnyRef:
        ref = Listener.start()
        on_down(ref, ends.append)
        return ref

    with pytest.raises(InvalidMetaError):
        g.get_or_start("k", start, meta={"v": {1, 2}})

    eventually(lambda: ends == ["shutdown"], PATIENCE, what="stopped")


def test_a_factory_that_fails_is_heard(g: Group) -> None:
    def fail() -> AnyRef:
        raise LookupError("no such user")

    with pytest.raises(LookupError, match="no such user"):
        g.get_or_start("k", fail)
    assert g.keys() == []


def test_a_factory_must_return_an_actor_of_this_node(g: Group) -> None:
    loose: Any = g
    with pytest.raises(TypeError, match=r"factory\(\) returned 5, which is no"):
        loose.get_or_start("k", lambda: 5)
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        ga.register("one", actor=one)
        settle(ga)
        far = gb.whereis("one")
        assert far is not None
        with pytest.raises(NotLocalError):
            gb.get_or_start("k", lambda: far)
        assert one.is_alive()


@pytest.mark.parametrize("count", [-1, True, "2", 1.0, None])
def test_a_wrong_count_is_refused(g: Group, count: object) -> None:
    loose: Any = g
    with pytest.raises(InvalidArgumentError, match="count must be an integer"):
        loose.wait_for_member("room", count=count, timeout=0)


def test_a_loser_of_the_race_gets_the_winner_of_another_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        ga.register("k", {"v": 1}, actor=one)
        settle(ga)
        ends: list[object] = []

        def start() -> AnyRef:
            ref = Listener.start()
            on_down(ref, ends.append)
            return ref

        # As if the key had come between the look and the registration.
        monkeypatch.setattr(gb, "lookup", lambda *_args, **_kwargs: None)
        entry = gb.get_or_start("k", start)

        assert entry == Entry(one, {"v": 1})
        eventually(lambda: ends == ["shutdown"], PATIENCE, what="stopped")


def test_settle_alone_is_done_at_once(g: Group) -> None:
    g.settle(timeout=1)


def test_after_settle_the_peers_have_everything() -> None:
    with groups("a", "b", "c") as started, listeners() as (one,):
        ga, gb, gc = started
        for number in range(200):
            ga.register(f"k/{number}", actor=one)

        ga.settle(PATIENCE)

        assert gb.registry_count() == gc.registry_count() == 200


@contextmanager
def held(runner: Runner) -> Iterator[None]:
    """Keep a shard from doing anything."""
    runner._turn.acquire()
    try:
        yield
    finally:
        runner._turn.release()
        runner.kick()


def test_settle_says_when_a_peer_does_not_answer() -> None:
    with groups("a", "b", shards=1) as (ga, gb):
        with (
            held(gb._instance.runners[0]),
            pytest.raises(ShardTimeoutError, match=r"did not answer in 0\.1 s"),
        ):
            ga.settle(timeout=0.1)

        ga.settle(PATIENCE)
        assert ga._instance.fences._waiting == {}


def test_settle_ends_with_its_group() -> None:
    with groups("a", "b", shards=1) as (ga, gb), held(gb._instance.runners[0]):

        def stop() -> None:
            eventually(lambda: ga._instance.fences._waiting, PATIENCE, what="it waits")
            ga.stop()

        outcome, _ = together(2, lambda n: stop() if n else ga.settle(10 * PATIENCE))

        assert isinstance(outcome, StoppedError)


def test_settle_goes_on_when_the_peer_is_lost() -> None:
    with groups("a", "b", shards=1) as (ga, gb), held(gb._instance.runners[0]):
        results = together(
            2, lambda n: ga.settle(PATIENCE) if n else gb.node.disconnect("a")
        )

        assert results == [None, None]
