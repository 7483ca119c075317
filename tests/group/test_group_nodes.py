"""Groups on two and three nodes of one interpreter: what one writes all see."""

import logging
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Unpack

import pytest

from actors import ActorDeadError, NodeDown, mailbox, on_down
from group import (
    Event,
    EventStream,
    Group,
    GroupError,
    InvalidMetaError,
    KeyTakenError,
    Lagged,
    NotLocalError,
    NotOwnerError,
    RegistryConflict,
)
from group._group import GroupOptions
from tests.group.people import (
    PATIENCE,
    AnyRef,
    Plain,
    await_meeting,
    end_of,
    event_of,
    groups,
    listeners,
    settle,
    told,
)
from tests.transport.strangers import frozen
from tests.waiting import eventually
from transport import Node


@pytest.fixture
def two() -> Iterator[list[Group]]:
    with groups("a", "b") as started:
        yield started


def names(group: Group, room: str) -> list[str]:
    return sorted(str(entry.meta["name"]) for entry in group.members(room))


def test_what_one_node_writes_the_other_sees(two: list[Group]) -> None:
    ga, gb = two
    with listeners(2) as (one, other):
        ga.register("user/1", {"name": "alice", "deep": {"list": [1]}}, actor=one)
        ga.join("room", {"name": "alice"}, actor=one)
        gb.join("room", {"name": "bob"}, actor=other)
        settle(ga, gb)

        found = gb.lookup("user/1")
        assert found is not None
        assert found.meta == {"name": "alice", "deep": {"list": (1,)}}
        assert found.ref == one
        assert found.ref is not one
        assert found.ref.ask("hello", timeout=PATIENCE) == 1
        assert names(ga, "room") == names(gb, "room") == ["alice", "bob"]
        assert [e.ref for e in gb.local_members("room")] == [other]
        assert (gb.registry_count(), gb.local_registry_count()) == (1, 0)
        assert (ga.registry_count(), ga.local_registry_count()) == (1, 1)
        assert (gb.member_count("room"), gb.local_member_count("room")) == (2, 1)
        assert [(r.kind, r.key, r.ref) for r in gb.local_entries()] == [
            ("member", "room", other)
        ]
        assert [r.key for r in gb.entries(local=True)] == ["room"]
        assert sorted(r.key for r in gb.entries()) == ["room", "room", "user/1"]

        end_of(one)
        eventually(lambda: gb.keys() == ["room"], PATIENCE, what="death arrives")
        # By another shard, which may be later.
        eventually(lambda: names(gb, "room") == ["bob"], PATIENCE, what="there, too")


def test_refs_in_meta_come_home_as_local_refs(two: list[Group]) -> None:
    ga, gb = two
    with listeners(2) as (one, other):
        gb.register("other", {"me": other}, actor=other)
        settle(gb)
        seen = ga.whereis("other")
        ga.register("one", {"friend": seen, "me": one}, actor=one)
        settle(ga)

        found = gb.lookup("one")
        assert found is not None
        assert found.meta["friend"] is other
        assert found.meta["me"] == one
        assert found.meta["me"] is not one
        mine = ga.lookup("one")
        assert mine is not None
        assert mine.meta["me"] is one


def test_a_name_is_no_actor_of_a_meta(two: list[Group]) -> None:
    ga, gb = two
    named = gb.node.actor("a", "printer")
    with listeners() as (one,):
        with pytest.raises(InvalidMetaError, match=r"at \$\.printer: NamedActorRef"):
            ga.register("k", {"printer": named}, actor=one)
        with pytest.raises(TypeError, match="is a name, not one actor"):
            ga.register("k", actor=named)
        assert ga.keys() == []


def test_a_remote_owner_cannot_be_written_about_here(two: list[Group]) -> None:
    ga, gb = two
    with listeners(2) as (one, other):
        ga.register("k", {"v": 1}, actor=one)
        settle(ga)

        with pytest.raises(KeyTakenError) as caught:
            gb.register("k", actor=other)
        assert (caught.value.node, caught.value.meta) == ("a", {"v": 1})
        assert caught.value.ref == one
        assert "<Listener on a> since 0" in str(caught.value)
        with pytest.raises(
            NotOwnerError, match="'k' is registered by an actor of node"
        ):
            gb.unregister("k")


def test_an_actor_belongs_to_the_node_it_was_first_used_with(two: list[Group]) -> None:
    ga, gb = two
    with listeners() as (one,), mailbox() as me:
        ga.register("k", actor=one)
        ga.monitor("k", actor=me.ref)
        settle(ga)
        far = gb.whereis("k")
        assert far is not None

        text = "Listener is an actor of node a, not of b; use the group that runs on a"
        for ref in (one, far):
            for call in (gb.register, gb.join, gb.leave, gb.monitor, gb.demonitor):
                with pytest.raises(NotLocalError, match=text):
                    call("other", actor=ref)
        for call in (gb.join, gb.monitor):
            with pytest.raises(NotLocalError):
                call("other")
        assert gb.keys() == ["k"]


def test_the_first_use_can_be_that_of_a_monitor(two: list[Group]) -> None:
    ga, gb = two
    with mailbox():
        gb.monitor("k")
        with pytest.raises(NotLocalError, match="use the group that runs on b"):
            ga.register("k")
        gb.register("k")


def test_remote_events_come_in_order_and_tell_why(two: list[Group]) -> None:
    ga, gb = two
    with listeners() as (one,), mailbox() as me:
        gb.monitor("k")
        ga.register("k", {"v": 1}, actor=one)
        ga.register("k", {"v": 2}, actor=one)
        ga.unregister("k")
        ga.join("k", {"v": 3}, actor=one)
        ga.join("k", {"v": 4}, actor=one)
        ga.leave("k", actor=one)
        ga.register("k", actor=one)
        settle(ga)
        one.stop()

        seen: list[tuple[object, ...]] = []
        while len(seen) < 8:
            for e in told(me):
                assert e.ref == one
                seen.append((e.type, e.meta.get("v"), e.previous_meta, e.reason))
        assert seen == [
            ("registered", 1, None, None),
            ("registered", 2, {"v": 1}, None),
            ("unregistered", 2, None, "unregister"),
            ("joined", 3, None, None),
            ("joined", 4, {"v": 3}, None),
            ("left", 4, None, "leave"),
            ("registered", None, None, None),
            ("unregistered", None, None, "normal"),
        ]


def test_a_lost_node_is_purged_with_its_name_as_the_reason() -> None:
    with (
        groups("a", "b", heartbeat=0.1, shards=1) as (ga, gb),
        listeners() as (one,),
        mailbox() as me,
    ):
        ga.register("k", actor=one)
        ga.join("room", actor=one)
        settle(ga)
        gb.monitor("k")
        gb.monitor("room")

        ga.node.stop()

        events = told(me)
        assert [e.type for e in events] == ["unregistered", "left"]
        reason = events[0].reason
        assert isinstance(reason, NodeDown)
        assert reason.node == "a"
        assert events[1].reason == reason
        assert gb.keys() == []
        assert gb.nodes() == []


def test_a_group_that_stops_on_one_node_is_purged_elsewhere(two: list[Group]) -> None:
    ga, gb = two
    with listeners() as (one,), mailbox() as me:
        ga.register("k", actor=one)
        settle(ga)
        gb.monitor("k")

        ga.stop()

        reason = event_of(me).reason
        assert reason == NodeDown("a", "group stopped")
        assert gb.nodes() == []
        assert one.is_alive()
        with Group.start("app", node=ga.node, log=False) as again:
            await_meeting(again, gb)
            again.register("k", actor=one)
            again.settle(PATIENCE)
            assert gb.whereis("k") == one


def test_a_late_joiner_catches_up_in_every_cluster() -> None:
    count = 500
    with groups("a") as (ga,), listeners() as (one,):
        ga.connect("red")
        for number in range(count):
            ga.register(f"k/{number}", {"n": number}, actor=one)
            ga.join(f"k/{number}", {"n": number}, actor=one, cluster="red")

        with (
            Node.start("late", join=[ga.node.address]) as node,
            Group.start("app", node=node, log=False) as late,
        ):
            late.connect("red")
            await_meeting(ga, late)
            eventually(lambda: ga.nodes("red") == ["a", "late"], PATIENCE)
            ga.settle(PATIENCE)

            assert late.registry_count() == count
            assert late.member_count("k/", cluster="red") == count
            assert {e.meta["n"] for e in late.members("k/", cluster="red")} == set(
                range(count)
            )
            assert late.member_count("k/") == 0
            assert late.nodes("red") == ["a", "late"]


def test_different_numbers_of_shards_do_not_meet_and_both_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "with 8 shards, we have 4; shards= must be equal on all nodes"
    with (
        Node.start("a") as a,
        Node.start("b", join=[a.address]) as b,
        Group.start("app", node=a, shards=8, log=False) as ga,
        Group.start("app", node=b, shards=4, log=False) as gb,
        Group.start("other", node=a, log=False) as oa,
        Group.start("other", node=b, log=False) as ob,
        listeners() as (one,),
    ):
        await_meeting(oa, ob)

        eventually(lambda: text in caplog.text, PATIENCE, what="b's words")
        other = "with 4 shards, we have 8; shards= must be equal on all nodes"
        eventually(lambda: other in caplog.text, PATIENCE, what="a's words")
        ga.register("k", actor=one)
        assert ga.nodes() == gb.nodes() == []
        assert (ga.keys(), gb.keys()) == (["k"], [])
        ga.settle(PATIENCE)


class ByLength:
    """Ranks the longer name higher."""

    rank_id = "length"

    def __call__(
        self, key: str, meta: Mapping[str, object], node: str, stamp: int
    ) -> object:
        return len(str(meta["name"]))


@contextmanager
def strangers(**options: Unpack[GroupOptions]) -> Iterator[list[Group]]:
    """Groups on two nodes that have not met; `join` lets them."""
    with (
        Node.start("a") as a,
        Node.start("b") as b,
        Group.start("app", node=a, **options) as ga,
        Group.start("app", node=b, **options) as gb,
    ):
        yield [ga, gb]


def join(ga: Group, gb: Group) -> None:
    gb.node.join(ga.node.address)
    await_meeting(ga, gb)


def cut(ga: Group, gb: Group) -> bool:
    """Take the link away, also one that was just being dialled."""
    ga.node.disconnect("b")
    gb.node.disconnect("a")
    return not (ga.nodes() or gb.nodes())


def reasons(*refs: AnyRef) -> list[object]:
    """Where the exit reasons of these actors will be."""
    found: list[object] = [None for _ in refs]
    for index, ref in enumerate(refs):
        on_down(ref, partial(found.__setitem__, index))
    return found


def test_of_two_owners_the_newer_stays_and_the_other_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        strangers(log=False) as (ga, gb),
        listeners(2) as (older, newer),
        mailbox() as here,
    ):
        ga.register("k", {"name": "older"}, actor=older)
        ga.register("mine", actor=older)
        ga.join("room", actor=older)
        gb.register("k", {"name": "newer"}, actor=newer)
        gb.join("room", actor=newer)
        ga.monitor("k", actor=here.ref)
        ends = reasons(older, newer)

        join(ga, gb)

        eventually(lambda: ends[0], PATIENCE, what="the loser has ended")
        assert ends == [RegistryConflict("k", newer, {"name": "newer"}), None]
        eventually(lambda: ga.keys() == ["k", "room"], PATIENCE, what="rows are gone")
        settle(ga, gb)
        for g in (ga, gb):
            assert g.whereis("k") == newer
            assert [e.ref for e in g.members("room")] == [newer]
            assert g.keys() == ["k", "room"]
        assert newer.is_alive()
        # One owner has taken the other's place in one turn, and so in one message.
        assert [(e.type, e.ref == newer, e.reason) for e in told(here)] == [
            ("unregistered", False, "conflict"),
            ("registered", True, None),
        ]
        assert "registry_conflict" in caplog.text
        # The line is of the loser's node, and names the winner's.
        assert f" node={ga.node.name} " in caplog.text
        assert f" winner_node={gb.node.name}" in caplog.text


def test_a_third_node_hears_of_the_conflict() -> None:
    with (
        strangers(log=False) as (ga, gb),
        listeners(2) as (older, newer),
        mailbox() as here,
        Node.start("c", join=[ga.node.address]) as c,
        Group.start("app", node=c, log=False) as gc,
    ):
        await_meeting(ga, gc)
        ga.register("k", actor=older)
        ga.settle(PATIENCE)
        gc.monitor("k", actor=here.ref)
        gb.register("k", actor=newer)

        gb.node.join(ga.node.address)
        await_meeting(ga, gb, gc)

        events = [*told(here)]
        while len(events) < 2:
            events += told(here)
        assert [(e.type, e.reason) for e in events] == [
            ("unregistered", "conflict"),
            ("registered", None),
        ]
        eventually(lambda: gc.whereis("k") == newer, PATIENCE, what="c agrees")


def test_a_rank_decides_before_time_does() -> None:
    with (
        strangers(log=False, conflict_rank=ByLength()) as (ga, gb),
        listeners(2) as (older, newer),
    ):
        ga.register("k", {"name": "the longer"}, actor=older)
        gb.register("k", {"name": "newer"}, actor=newer)
        ends = reasons(older, newer)

        join(ga, gb)

        eventually(lambda: ends[1], PATIENCE, what="the loser has ended")
        assert ends == [None, RegistryConflict("k", older, {"name": "the longer"})]
        eventually(lambda: gb.whereis("k") == older, PATIENCE, what="b agrees")
        assert ga.whereis("k") == older


def test_a_rank_that_fails_ranks_lowest() -> None:
    with (
        strangers(log=False, conflict_rank=ByLength()) as (ga, gb),
        listeners(2) as (older, newer),
    ):
        ga.register("k", {"name": ""}, actor=older)
        gb.register("k", {"no": "name"}, actor=newer)
        ends = reasons(older, newer)

        join(ga, gb)

        eventually(lambda: ends[1], PATIENCE, what="the loser has ended")
        assert ends[0] is None
        eventually(lambda: gb.whereis("k") == older, PATIENCE, what="b agrees")


def test_different_ranks_do_not_meet(caplog: pytest.LogCaptureFixture) -> None:
    with (
        Node.start("a") as a,
        Node.start("b", join=[a.address]) as b,
        Group.start("app", node=a, log=False, conflict_rank=ByLength()) as ga,
        Group.start("app", node=b, log=False) as gb,
    ):
        text = "with rank 'length', we have 'newest'; it must be equal on all nodes"
        eventually(lambda: text in caplog.text, PATIENCE, what="words")
        assert ga.nodes() == gb.nodes() == []


def test_a_plain_actor_that_loses_is_ended_too() -> None:
    with strangers(log=False) as (ga, gb), listeners() as (newer,):
        plain = Plain.start()
        ga.register("k", actor=plain)
        ends = reasons(plain)
        gb.register("k", actor=newer)

        join(ga, gb)

        eventually(lambda: ends[0], PATIENCE, what="the loser has ended")
        assert isinstance(ends[0], RegistryConflict)
        assert not plain.is_alive()


def test_a_mailbox_that_loses_ends() -> None:
    with strangers(log=False) as (ga, gb), listeners() as (newer,), mailbox() as me:
        ga.register("k")
        ends = reasons(me.ref)
        gb.register("k", actor=newer)

        join(ga, gb)

        eventually(lambda: ends[0], PATIENCE, what="the loser has ended")
        with pytest.raises(ActorDeadError):
            me.receive(timeout=PATIENCE)
        eventually(lambda: ga.whereis("k") == newer, PATIENCE, what="a agrees")


def test_a_cut_that_heals_leaves_one_owner_of_each_key() -> None:
    keys = 40
    with groups("a", "b", heartbeat=0.1) as (ga, gb), listeners(2 * keys) as refs:
        eventually(lambda: cut(ga, gb), PATIENCE, what="cut")
        for number in range(keys):
            first, second = (ga, gb) if number % 2 else (gb, ga)
            first.register(f"k/{number}", {"at": "old"}, actor=refs[2 * number])
            second.register(f"k/{number}", {"at": "new"}, actor=refs[2 * number + 1])

        join(ga, gb)

        eventually(
            lambda: sum(ref.is_alive() for ref in refs) == keys,
            PATIENCE,
            what="one of two lives",
        )

        def agreed() -> bool:
            settle(ga, gb)
            owners = [[g.whereis(f"k/{n}") for n in range(keys)] for g in (ga, gb)]
            return owners[0] == owners[1] and all(
                ref is not None and ref.is_alive() for ref in owners[0]
            )

        eventually(agreed, PATIENCE, what="both agree")
        assert ga.registry_count() == gb.registry_count() == keys


def test_events_replayed_give_the_view_on_every_node(seed: int) -> None:
    choose = random.Random(seed)
    with groups("a", "b", "c", shards=2) as started, listeners(6) as refs:
        homes = {ref: started[index % 3] for index, ref in enumerate(refs)}
        streams = [g.events(snapshot=True) for g in started]
        for _ in range(150):
            ref = choose.choice(refs)
            # An actor that has lost a conflict, or a key that another has, is refused.
            with suppress(GroupError):
                write_something(homes[ref], ref, choose)

        def in_step() -> bool:
            settle(*started)
            views = [view_of(g) for g in started]
            return views[0] == views[1] == views[2]

        eventually(in_step, PATIENCE, what="views are equal")
        for g, stream in zip(started, streams, strict=True):
            with stream:
                replayed: dict[object, object] = {}

                def caught_up(
                    g: Group = g,
                    stream: EventStream = stream,
                    replayed: dict[object, object] = replayed,
                ) -> bool:
                    while stream.waiting:
                        replay(stream.get(timeout=0), replayed)
                    return replayed == view_of(g)

                eventually(caught_up, PATIENCE, what="replay equals view")


def write_something(g: Group, ref: AnyRef, choose: random.Random) -> None:
    key, meta = f"k/{choose.randrange(5)}", {"n": choose.randrange(3)}
    match choose.randrange(4):
        case 0:
            g.register(key, meta, actor=ref)
        case 1:
            g.unregister(key)
        case 2:
            g.join(key, meta, actor=ref)
        case _:
            g.leave(key, actor=ref)


def view_of(g: Group) -> dict[object, object]:
    return {
        (r.kind, r.key, r.ref if r.kind == "member" else None): (r.ref, dict(r.meta))
        for r in g.entries()
    }


def replay(event: Event | Lagged, rows: dict[object, object]) -> None:
    assert isinstance(event, Event)
    member = event.type in ("joined", "left")
    row = (
        "member" if member else "registered",
        event.key,
        event.ref if member else None,
    )
    if event.type in ("registered", "joined"):
        if event.previous_meta is not None:
            assert rows[row] == (event.ref, dict(event.previous_meta))
        else:
            assert row not in rows
        rows[row] = (event.ref, dict(event.meta))
    else:
        assert rows.pop(row) == (event.ref, dict(event.meta))


def newcomer(seed: Node) -> Node:
    return Node.start("new", join=seed.address, lease=5.0, grace=1.0)


def test_a_newcomer_takes_no_key_from_its_owner() -> None:
    """Neither of the node that it joins, nor of one that this node tells it of."""
    with groups("a", "b") as (ga, gb), listeners(3) as (one, two, late):
        for number in range(50):
            ga.register(f"of/a/{number}", actor=one)
            gb.register(f"of/b/{number}", actor=two)
        for number in range(10):
            with newcomer(ga.node) as node, Group.start("app", node=node) as g:
                for key, owner in ((f"of/a/{number}", one), (f"of/b/{number}", two)):
                    with pytest.raises(KeyTakenError):
                        g.register(key, actor=late)
                    assert g.get_or_start(key, lambda: late).ref == owner


def test_a_start_that_gets_no_rows_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("group._verbs.catching_up.CATCH_UP", 0.3)
    with (
        groups("a") as (ga,),
        newcomer(ga.node) as node,
        caplog.at_level(logging.WARNING, "group"),
        frozen(ga.node),
        Group.start("app", node=node),
    ):
        pass
    (said,) = [r.getMessage() for r in caplog.records if "without_rows" in r.msg]
    assert "peers=a words=no answer in 0.3 s; what is claimed here now" in said


def test_a_start_waits_for_a_peer_whose_link_breaks_meanwhile() -> None:
    """It has an owner's rows, and is back in a moment."""
    with (
        groups("a") as (ga,),
        listeners(2) as (one, late),
        newcomer(ga.node) as node,
        ThreadPoolExecutor(1) as pool,
    ):
        ga.register("k", actor=one)
        with frozen(ga.node):
            starting = pool.submit(Group.start, "app", node=node)
            link = eventually(lambda: node._engine.link_to(ga.node.id), PATIENCE)
            assert link is not None
            eventually(lambda: node._engine.pings._waiting, PATIENCE, what="it asks")
            link._raw.shutdown(2)
            eventually(lambda: [p.state for p in node.peers()] == ["suspect"], PATIENCE)
            eventually(
                lambda: not node._engine.pings._waiting, PATIENCE, what="it sees"
            )
        with starting.result(PATIENCE) as gb, pytest.raises(KeyTakenError):
            gb.register("k", actor=late)
