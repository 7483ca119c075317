"""What every view of a group promises, on the node that writes and on another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from actors import mailbox
from group import Entry, Event, Group, KeyTakenError
from tests.group.people import (
    PATIENCE,
    AnyRef,
    end_of,
    groups,
    heard_by,
    listeners,
    settle,
    told,
)
from tests.waiting import eventually


@dataclass
class Sides:
    """Where is written, where is read, and in which cluster."""

    writer: Group
    reader: Group
    cluster: str | None

    def see(self) -> None:
        """Let the reader see what was written."""
        settle(self.writer)


@contextmanager
def here() -> Iterator[Sides]:
    """The node that writes reads."""
    with Group.start("app", log=False) as g:
        yield Sides(g, g, None)


@contextmanager
def here_in_a_cluster() -> Iterator[Sides]:
    """As here, in a subcluster."""
    with Group.start("app", log=False) as g:
        g.connect("red")
        yield Sides(g, g, "red")


@contextmanager
def elsewhere() -> Iterator[Sides]:
    """Another node reads."""
    with groups("a", "b") as (ga, gb):
        yield Sides(ga, gb, None)


@contextmanager
def elsewhere_in_a_cluster() -> Iterator[Sides]:
    """Another node of a subcluster reads."""
    with groups("a", "b") as (ga, gb):
        ga.connect("red")
        gb.connect("red")
        settle(ga, gb)
        yield Sides(ga, gb, "red")


PLACES = {
    "here": here,
    "here in a cluster": here_in_a_cluster,
    "elsewhere": elsewhere,
    "elsewhere in a cluster": elsewhere_in_a_cluster,
}


@pytest.fixture(params=sorted(PLACES))
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    with PLACES[request.param]() as found:
        yield found


@pytest.fixture
def one() -> Iterator[AnyRef]:
    with listeners() as (ref,):
        yield ref


def test_lookup_gives_ref_and_meta(sides: Sides, one: AnyRef) -> None:
    meta = {"text": "é", "bytes": b"\0", "list": [1, [2.5, None]], "deep": {"a": {}}}
    sides.writer.register("user/1", meta, actor=one, cluster=sides.cluster)
    sides.see()

    found = sides.reader.lookup("user/1", cluster=sides.cluster)

    assert found == Entry(one, meta)
    assert found is not None
    assert found.meta["list"] == (1, (2.5, None))
    deep: Any = found.meta["deep"]
    with pytest.raises(TypeError):
        deep["a"]["b"] = 1
    assert sides.reader.lookup("user/2", cluster=sides.cluster) is None
    other = None if sides.cluster else "blue"
    assert sides.reader.lookup("user/1", cluster=other) is None


def test_a_ref_that_is_found_can_be_used(sides: Sides, one: AnyRef) -> None:
    sides.writer.register("k", actor=one, cluster=sides.cluster)
    sides.see()

    ref = sides.reader.whereis("k", cluster=sides.cluster)

    assert ref is not None
    assert ref.ask("hello", timeout=PATIENCE) == 1
    assert heard_by(one) == ["hello"]
    assert ref == one
    assert hash(ref) == hash(one)
    assert {one: 1}[ref] == 1
    assert ref.is_alive()


def test_members_counts_and_keys_agree(sides: Sides, one: AnyRef) -> None:
    with listeners(4) as refs:
        for index, ref in enumerate(refs):
            sides.writer.join("room/1", {"n": index}, actor=ref, cluster=sides.cluster)
        sides.writer.join("room/2", {"n": 9}, actor=one, cluster=sides.cluster)
        sides.writer.register("room/2", actor=one, cluster=sides.cluster)
        sides.see()
        reader, place = sides.reader, sides.cluster

        members = reader.members("room/1", cluster=place)
        assert [(e.ref, e.meta["n"]) for e in members] == [
            (ref, index) for index, ref in enumerate(refs)
        ]
        assert reader.member_count("room/1", cluster=place) == 4
        assert reader.member_count("room/", cluster=place) == 5
        assert len(reader.members("room/", cluster=place, limit=3)) == 3
        assert reader.registry_count(cluster=place) == 1
        assert reader.keys("room/", cluster=place) == ["room/1", "room/2"]
        entries = list(reader.entries(cluster=place))
        assert [(r.kind, r.cluster, r.key) for r in entries] == [
            ("registered", place, "room/2"),
            *[("member", place, "room/1")] * 4,
            ("member", place, "room/2"),
        ]
        own = reader is sides.writer
        assert len(reader.local_members("room/", cluster=place)) == (5 if own else 0)
        assert len(reader.local_entries()) == (6 if own else 0)


def test_events_tell_every_change(sides: Sides, one: AnyRef) -> None:
    writer, place = sides.writer, sides.cluster
    with mailbox() as me:
        sides.reader.monitor("k", cluster=place)
        writer.register("k", {"v": 1}, actor=one, cluster=place)
        writer.register("k", {"v": 2}, actor=one, cluster=place)
        writer.register("k", {"v": 2}, actor=one, cluster=place)
        writer.join("k", actor=one, cluster=place)
        writer.unregister("k", cluster=place)
        writer.leave("k", actor=one, cluster=place)
        writer.join("k", actor=one, cluster=place)
        end_of(one)

        events: list[Event] = []
        while len(events) < 7:
            events += told(me)

    seen = [(e.type, e.meta.get("v"), e.previous_meta, e.reason) for e in events]
    assert seen == [
        ("registered", 1, None, None),
        ("registered", 2, {"v": 1}, None),
        ("joined", None, None, None),
        ("unregistered", 2, None, "unregister"),
        ("left", None, None, "leave"),
        ("joined", None, None, None),
        ("left", None, None, "normal"),
    ]
    assert {(e.group, e.cluster, e.key, e.ref) for e in events} == {
        ("app", place, "k", one)
    }


def test_the_end_of_an_actor_frees_its_keys(sides: Sides, one: AnyRef) -> None:
    writer, reader, place = sides.writer, sides.reader, sides.cluster
    for number in range(20):
        writer.register(f"k/{number}", actor=one, cluster=place)
        writer.join(f"r/{number}", actor=one, cluster=place)
    sides.see()
    assert len(reader.keys(cluster=place)) == 40

    end_of(one)

    eventually(lambda: not reader.keys(cluster=place), PATIENCE, what="free")
    with listeners() as (other,):
        writer.register("k/1", actor=other, cluster=place)
        sides.see()
        assert reader.whereis("k/1", cluster=place) == other


def test_a_key_has_one_owner(sides: Sides, one: AnyRef) -> None:
    sides.writer.register("k", {"v": 1}, actor=one, cluster=sides.cluster)
    sides.see()

    with listeners() as (other,), pytest.raises(KeyTakenError) as caught:
        sides.reader.register("k", actor=other, cluster=sides.cluster)

    assert caught.value.ref == one
    assert caught.value.node == sides.writer.node.name


def test_messages_reach_owner_and_members(sides: Sides, one: AnyRef) -> None:
    with listeners() as (other,):
        sides.writer.register("k", actor=one, cluster=sides.cluster)
        sides.writer.join("k", actor=other, cluster=sides.cluster)
        sides.writer.join("k", actor=one, cluster=sides.cluster)
        sides.see()

        assert sides.reader.dispatch("k", "hello", cluster=sides.cluster) == 2

        eventually(lambda: heard_by(one) == heard_by(other) == ["hello"], PATIENCE)


def test_waiting_ends_with_what_is_waited_for(sides: Sides, one: AnyRef) -> None:
    sides.writer.register("k", {"v": 1}, actor=one, cluster=sides.cluster)
    sides.writer.join("room", actor=one, cluster=sides.cluster)

    found = sides.reader.wait_for("k", cluster=sides.cluster, timeout=PATIENCE)
    members = sides.reader.wait_for_member(
        "room", cluster=sides.cluster, timeout=PATIENCE
    )

    assert found == Entry(one, {"v": 1})
    assert members == [Entry(one, {})]


def test_a_snapshot_describes_the_view(sides: Sides, one: AnyRef) -> None:
    for number in range(10):
        sides.writer.register(f"k/{number}", actor=one, cluster=sides.cluster)
    sides.see()

    with sides.reader.events("k/", cluster=sides.cluster, snapshot=True) as stream:
        events = [stream.get(timeout=PATIENCE) for _ in range(10)]

    assert {event.key for event in events if isinstance(event, Event)} == {
        f"k/{number}" for number in range(10)
    }
