"""Monitors: who is told what, once, before the caller is answered, until the end."""

import threading
import time
from collections.abc import Iterator

import pytest

from actors import Mailbox, kill, mailbox, whereis
from group import ALL, Event, Group, Lagged, StoppedError
from group._verbs.watching import REQUEST_TIMEOUT
from tests.group.people import (
    PATIENCE,
    AnyRef,
    Plain,
    end_of,
    event_of,
    heard_by,
    listeners,
    together,
    told,
)
from tests.waiting import eventually


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


def keys_told(g: Group, me: Mailbox) -> list[str]:
    """What has been told up to now; an event that all monitor marks the end."""
    g.monitor("the/end")
    g.join("the/end")
    g.leave("the/end")
    g.demonitor("the/end")
    keys: list[str] = []
    while keys[-2:] != ["the/end"] * 2:
        keys += [event.key for event in told(me)]
    return keys[:-2]


def write(g: Group, key: str) -> None:
    g.join(key)
    g.leave(key)


def test_patterns_are_keys_prefixes_and_all(g: Group) -> None:
    with mailbox() as me:
        for pattern, hits in (
            ("a/b", ["a/b"]),
            ("a/", ["a/b", "a/b/c", "a//x"]),
            ("a/b/", ["a/b/c"]),
            ("a//", ["a//x"]),
            (ALL, ["a/b", "a/b/c", "ab/c", "a//x", "a"]),
            ("b", []),
        ):
            g.monitor(pattern)
            for key in ("a/b", "a/b/c", "ab/c", "a//x", "a"):
                write(g, key)
            g.demonitor(pattern)

            seen = [key for key in keys_told(g, me) if key != "the/end"]
            assert sorted(seen) == sorted(2 * hits), pattern


def test_overlapping_and_repeated_patterns_give_one_copy(g: Group) -> None:
    with mailbox() as me:
        for pattern in ("a/b", "a/", ALL, "a/", ALL, "a/b"):
            g.monitor(pattern)

        write(g, "a/b")

        assert keys_told(g, me)[:3] == ["a/b", "a/b"]


def test_demonitor_takes_back_exactly_one_pattern(g: Group) -> None:
    with mailbox() as me:
        g.monitor("a/")
        g.monitor("a/b")
        g.demonitor("a/b")
        g.demonitor("a/b")
        g.demonitor("never/monitored")

        write(g, "a/b")
        assert keys_told(g, me) == ["a/b", "a/b"]

        g.demonitor("a/")
        write(g, "a/b")
        assert keys_told(g, me) == []


def test_a_monitor_sees_one_cluster(g: Group) -> None:
    with mailbox() as me, g.connect("red") as red, g.connect("blue") as blue:
        red.monitor(ALL)
        blue.join("k")
        g.join("k")
        red.join("k")

        event = event_of(me)

        assert (event.cluster, event.key) == ("red", "k")
        g.monitor("k")
        g.leave("k")
        assert event_of(me).cluster is None


def test_a_cluster_can_be_monitored_before_it_is_joined(g: Group) -> None:
    with mailbox() as me:
        g.monitor("k", cluster="red")

        with g.connect("red") as red:
            red.register("k")

        assert [event_of(me).reason for _ in "12"] == [None, "cluster_disconnect"]


def test_monitors_are_told_before_the_caller_is_answered(g: Group) -> None:
    with mailbox() as me:
        g.monitor(ALL)
        for number in range(20):
            g.register(f"k/{number}")
            # Nothing to wait for: it is there.
            (event,) = me.receive(timeout=0)
            assert event.key == f"k/{number}"
            g.unregister(f"k/{number}")
            me.receive(timeout=0)


def test_a_monitor_that_dies_is_forgotten(g: Group) -> None:
    with listeners() as (one,), mailbox():
        g.monitor("a/", actor=one)
        g.monitor(ALL, actor=one, cluster="red")
        assert len(g._instance.store.monitors) == 1
        assert g.explain("a/b").monitors == 1

        end_of(one)

        eventually(lambda: not g._instance.store.monitors, PATIENCE, what="forgotten")

        def unsubscribed() -> bool:
            tables = g._instance.store.tables
            return not any(each.subscriptions.any("") for each in tables)

        eventually(unsubscribed, PATIENCE, what="unsubscribed")
        write(g, "a/b")


def test_a_plain_actor_can_monitor(g: Group) -> None:
    plain = Plain.start()
    with mailbox():
        g.monitor("k", actor=plain)

        g.register("k")

        assert [[e.key for e in batch] for batch in heard_by(plain)] == [["k"]]
        plain.stop()
        eventually(lambda: not g._instance.store.monitors, PATIENCE, what="forgotten")


def test_one_actor_can_monitor_and_own_and_be_member(g: Group) -> None:
    with listeners() as (one,):
        g.monitor("k", actor=one)
        g.register("k", actor=one)
        g.join("k", actor=one)
        g.demonitor("k", actor=one)
        g.leave("k", actor=one)

        assert g.whereis("k") is one
        end_of(one)
        eventually(lambda: not g.keys(), PATIENCE, what="cleaned up")


def test_a_slow_monitor_is_told_what_it_missed_and_begins_again() -> None:
    with (
        Group.start("app", log=False, shards=2, max_events=5) as g,
        mailbox() as me,
        listeners() as (one,),
    ):
        g.monitor("k/", actor=me.ref)
        for number in range(20):
            g.register(f"k/{number}", actor=one)
        for number in range(20):
            g.register(f"k/{number}", {"again": True}, actor=one)

        first = [event_of(me).key for _ in range(5)]
        lagged = me.receive(timeout=PATIENCE)
        assert first == [f"k/{number}" for number in range(5)]
        assert lagged == Lagged(35)
        rows: dict[str, object] = {}
        while len(rows) < 20:
            rows |= {event.key: event.meta["again"] for event in told(me)}
        assert set(rows.values()) == {True}

        g.unregister("k/3")
        assert event_of(me).type == "unregistered"


@pytest.mark.crashes("MonitorRegistry", by="killed")
def test_a_registry_that_is_killed_forgets_nobody(g: Group) -> None:
    with listeners() as (one,), mailbox() as me:
        g.monitor("k", actor=one)
        g.monitor("k")
        for _ in range(2):
            replace_registry(g)

        end_of(one)

        eventually(lambda: len(g._instance.store.monitors) == 1, PATIENCE, what="one")
        g.monitor("other")
        g.register("k")
        g.register("other")
        assert [event_of(me).key, event_of(me).key] == ["k", "other"]


@pytest.mark.crashes("MonitorRegistry", by="killed")
def test_calls_wait_for_a_registry_that_is_restarted(g: Group) -> None:
    with mailbox() as me:
        kill(current_registry(g))
        g.monitor("k")
        g.register("k")
        assert event_of(me).key == "k"


def replace_registry(g: Group) -> None:
    old = current_registry(g)
    kill(old)

    def replaced() -> bool:
        return whereis(g._instance.registry_name) not in (None, old)

    eventually(replaced, PATIENCE, what="a new registry")


def test_nobody_waits_for_a_registry_of_a_group_that_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    g = Group.start("app", log=False)
    with mailbox() as me:
        g._instance.registry_name = "nobody/is/called/this"
        waits, await_restart = threading.Event(), g._instance.await_restart

        def noted() -> None:
            waits.set()
            await_restart()

        monkeypatch.setattr(g._instance, "await_restart", noted)
        began = time.monotonic()

        def stop() -> None:
            waits.wait(PATIENCE)
            g.stop()

        results = together(2, lambda n: stop() if n else g.monitor("k", actor=me.ref))

    assert isinstance(results[0], StoppedError)
    assert time.monotonic() - began < REQUEST_TIMEOUT / 2


def current_registry(g: Group) -> AnyRef:
    ref = whereis(g._instance.registry_name)
    assert ref is not None
    return ref


def test_events_are_values() -> None:
    with Group.start("app", log=False) as g, mailbox() as me:
        g.monitor("k")
        g.register("k", {"v": 1})

        events = told(me)

        assert (len(events), events.group) == (1, "app")
        event = events[0]
        assert isinstance(event, Event)
        match event:
            case Event(type="registered", key=key, meta=meta):
                assert (key, dict(meta)) == ("k", {"v": 1})
            case _:
                pytest.fail("events can be matched by type")
        for field in ("key", "meta"):
            with pytest.raises(AttributeError):
                setattr(event, field, None)
