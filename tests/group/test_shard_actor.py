"""Shards that crash or are killed: callers wait a moment, and nothing is lost."""

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from actors import Mailbox, SupervisorRef, kill, mailbox, whereis
from group import Event, Events, Group, NotRegisteredError, ShardTimeoutError
from group._core.local import Local
from group._core.outbound import Outbound
from group._core.shard import Shard
from group._core.tables import Tables
from group._tree.effects import Effects
from tests.group.people import (
    PATIENCE,
    AnyRef,
    end_of,
    groups,
    heard_by,
    listeners,
    settle,
    together,
    told,
)
from tests.waiting import eventually


class PlannedError(Exception):
    """Thrown into a shard by a test."""


class Sabotage:
    """Makes a method of all shards that are started now raise, when it is told to."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.left = self.crashes = 0
        self.after = True
        self.only: list[object] = []
        method = getattr(owner, name)

        def broken(me: object, *args: object, **kwargs: object) -> object:
            if not self.after:
                self._fail(me, name)
            result = method(me, *args, **kwargs)
            self._fail(me, name)
            return result

        patch.setattr(owner, name, broken)

    def arm(
        self, times: int = 1, *, after: bool = True, of: Group | None = None
    ) -> None:
        """Let it fail some times, after its work is done or before.

        If a group is given, only in the shards that it has now.
        """
        self.only = [] if of is None else [r._core for r in of._instance.runners]
        self.left, self.after = times, after

    def _fail(self, me: object, name: str) -> None:
        if self.left and (not self.only or me in self.only):
            self.left -= 1
            self.crashes += 1
            raise PlannedError(name)


Plan = Callable[[type, str], Sabotage]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Plan:
    """Plan the failure of a method, before the group starts."""
    caplog.set_level(logging.CRITICAL, "actors")
    return partial(Sabotage, monkeypatch)


def shard_actor(g: Group, index: int = 0) -> AnyRef:
    def named() -> AnyRef | None:
        return whereis(g._instance.shard_name(index))

    ref = eventually(named, PATIENCE, what="shard is up")
    assert ref is not None
    return ref


def lives(g: Group) -> list[int]:
    return [runner.begun for runner in g._instance.runners]


def events_of(me: Mailbox, count: int) -> list[Event]:
    events: list[Event] = []
    while len(events) < count:
        events += told(me)
    return events


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (Local, "register", True),
        (Local, "register", False),
        (Local, "_put", True),
        # Nothing can fail between a change of the view and the note of it.
        (Tables, "_changed", True),
        (Outbound, "moved", True),
        (Outbound, "moved", False),
        (Shard, "_tell", False),
    ],
)
def test_a_write_whose_turn_crashes_the_shard_is_done_all_the_same(
    plan: Plan, owner: type, name: str, *, after: bool
) -> None:
    sabotage = plan(owner, name)
    with Group.start("app", shards=1, log=False) as g, mailbox() as me:
        g.monitor("k")
        sabotage.arm(after=after)

        g.register("k", {"v": 1})

        assert sabotage.crashes == 1
        assert lives(g) == [2]
        found = g.lookup("k")
        assert found is not None
        assert (found.ref, found.meta) == (me.ref, {"v": 1})
        (event,) = told(me)
        assert (event.type, event.meta) == ("registered", {"v": 1})
        g.unregister("k")
        assert told(me)[0].type == "unregistered"


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize(
    "times",
    [1, pytest.param(2, marks=pytest.mark.crashes("Shards", by="PlannedError"))],
)
def test_an_effect_that_crashes_the_shard_takes_no_other_with_it(
    plan: Plan, times: int
) -> None:
    sabotage = plan(Effects, "perform")
    with Group.start("app", shards=1, log=False) as g, mailbox() as me:
        g.monitor("k")
        # The first effect is to watch the new owner.
        sabotage.arm(times, after=False)

        g.register("k", {"v": 1})

        assert sabotage.crashes == times
        assert [(e.type, e.key) for e in told(me)] == [("registered", "k")]
        assert g.whereis("k") is me.ref


@pytest.mark.crashes("ShardActor", by="PlannedError")
def test_an_owner_whose_watching_has_crashed_is_watched(plan: Plan) -> None:
    sabotage = plan(Effects, "perform")
    with Group.start("app", shards=1, log=False) as g, listeners() as (one,):
        sabotage.arm(after=False)
        g.register("k", actor=one)

        end_of(one)

        eventually(lambda: not g.keys(), PATIENCE, what="row is gone")


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("verb", ["unregister", "leave"])
def test_a_removal_whose_turn_crashes_the_shard_is_done_all_the_same(
    plan: Plan, verb: str, *, after: bool
) -> None:
    sabotage = plan(Local, "delete")
    with Group.start("app", shards=1, log=False) as g, mailbox():
        g.register("k")
        g.join("k")
        sabotage.arm(after=after)

        getattr(g, verb)("k")

        assert sabotage.crashes == 1
        left = [record.kind for record in g.entries()]
        assert left == (["member"] if verb == "unregister" else ["registered"])
        if verb == "unregister":
            with pytest.raises(NotRegisteredError):
                g.unregister("k")


@pytest.mark.crashes("ShardActor", by="PlannedError")
def test_a_write_that_crashes_its_shard_twice_is_given_up(plan: Plan) -> None:
    sabotage = plan(Local, "register")
    with Group.start("app", shards=1, log=False) as g, mailbox():
        sabotage.arm(2, after=False)

        with pytest.raises(ShardTimeoutError):
            g.register("k")

        g.join("still/there")
        assert g.member_count("still/there") == 1


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (Local, "actor_down", True),
        (Local, "actor_down", False),
        (Tables, "drop_owner", True),
        (Tables, "drop_owner", False),
        (Local, "_log", True),
        (Local, "_log", False),
        (Shard, "_tell", False),
    ],
)
def test_a_death_whose_turn_crashes_the_shard_is_noticed_all_the_same(
    plan: Plan, owner: type, name: str, *, after: bool
) -> None:
    sabotage = plan(owner, name)
    with (
        Group.start("app", shards=1, log=False) as g,
        listeners() as (one,),
        mailbox() as me,
    ):
        g.register("k", actor=one)
        g.join("room", actor=one)
        g.monitor("k")
        g.monitor("room")
        sabotage.arm(after=after)

        end_of(one)

        assert [e.type for e in events_of(me, 2)] == ["unregistered", "left"]
        assert sabotage.crashes == 1
        assert list(g.entries()) == g.local_entries() == []


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("name", ["_subscribe", "_unsubscribe"])
def test_a_monitor_whose_turn_crashes_the_shard_is_set_all_the_same(
    plan: Plan, name: str, *, after: bool
) -> None:
    sabotage = plan(Shard, name)
    with Group.start("app", shards=1, log=False) as g, mailbox() as me:
        g.monitor("other")
        sabotage.arm(after=after)

        g.monitor("k")
        g.demonitor("other")
        g.register("other")
        g.register("k")

        assert sabotage.crashes == 1
        assert told(me)[0].key == "k"


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize("after", [True, False])
def test_a_stream_whose_turn_crashes_the_shard_begins_all_the_same(
    plan: Plan, *, after: bool
) -> None:
    sabotage = plan(Shard, "_subscribe")
    with Group.start("app", shards=1, log=False) as g, mailbox():
        g.register("before")
        sabotage.arm(after=after)

        with g.events(snapshot=True) as stream:
            g.register("after")

            found = [stream.get(timeout=PATIENCE), stream.get(timeout=PATIENCE)]

        assert sabotage.crashes == 1
        assert [e.key for e in found if isinstance(e, Event)] == ["before", "after"]


@pytest.mark.crashes("ShardActor", by="PlannedError")
def test_a_waiting_caller_does_not_see_the_crash(plan: Plan) -> None:
    sabotage = plan(Shard, "_subscribe")
    with Group.start("app", shards=1, log=False) as g, listeners() as (one,):
        sabotage.arm(after=False)
        (runner,) = g._instance.runners

        def register_later() -> None:
            # The caller waits when the second shard has its subscription.
            eventually(lambda: sabotage.crashes, PATIENCE, what="crashed")
            eventually(lambda: runner.begun == 2, PATIENCE, what="a new shard")
            g.register("k", actor=one)

        helper = threading.Thread(target=register_later)
        helper.start()
        found = g.wait_for("k", timeout=PATIENCE)
        helper.join(PATIENCE)

        assert found.ref is one


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize("after", [True, False])
# Whose answer crashes a shard loses its link, and owes the other shards none.
@pytest.mark.parametrize(("name", "shards"), [("_settle", 2), ("_on_fenced", 1)])
def test_settle_does_not_see_the_crash(
    plan: Plan, name: str, shards: int, *, after: bool
) -> None:
    sabotage = plan(Shard, name)
    with groups("a", "b", shards=shards, heartbeat=0.2) as (ga, gb), mailbox() as me:
        ga.register("k", actor=me.ref)
        # The other node may still hear of a fence that it has asked for twice.
        sabotage.arm(shards, after=after, of=ga)

        ga.settle(PATIENCE)

        assert sabotage.crashes == shards
        assert gb.whereis("k") == me.ref


@pytest.mark.crashes("ShardActor", by="PlannedError")
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("name", ["_open", "_close"])
def test_a_cluster_is_joined_and_left_over_a_crash(
    plan: Plan, name: str, *, after: bool
) -> None:
    sabotage = plan(Shard, name)
    with Group.start("app", shards=2, log=False) as g, mailbox() as me:
        sabotage.arm(after=after)

        g.monitor("k", cluster="red")
        with g.connect("red") as red:
            red.register("k")
        assert sabotage.crashes == 1
        assert not g.connected("red")
        g.connect("red")
        assert red.keys() == []
        red.register("k")

        assert [(e.type, e.reason) for e in events_of(me, 3)] == [
            ("registered", None),
            ("unregistered", "cluster_disconnect"),
            ("registered", None),
        ]


@pytest.mark.crashes("ShardActor", by="killed")
def test_a_killed_shard_is_replaced_and_knows_everything() -> None:
    with (
        Group.start("app", shards=1, log=False) as g,
        listeners() as (one,),
        mailbox() as me,
    ):
        g.register("k", {"v": 1}, actor=one)
        g.join("room/1", actor=one)
        g.monitor("k")
        g.monitor("room/")
        old = shard_actor(g)

        kill(old)
        eventually(lambda: lives(g) == [2], PATIENCE, what="a new shard")

        assert g.whereis("k") is one
        g.register("k", {"v": 2}, actor=one)
        (event,) = told(me)
        assert (event.type, event.previous_meta) == ("registered", {"v": 1})
        end_of(one)
        events = events_of(me, 2)
        assert [e.type for e in events] == ["unregistered", "left"]
        assert shard_actor(g) is not old


@pytest.mark.crashes("ShardActor", by="killed")
def test_an_owner_that_dies_while_its_shard_is_down_is_cleaned_up() -> None:
    with (
        Group.start("app", shards=1, log=False) as g,
        listeners() as (one,),
        mailbox() as me,
    ):
        g.register("k", actor=one)
        g.monitor("k")
        (runner,) = g._instance.runners
        with runner._turn:
            # The next shard cannot begin before we let it.
            kill(shard_actor(g))
            end_of(one)

        (event,) = told(me)
        assert (event.type, event.reason) == ("unregistered", "normal")


@pytest.mark.crashes("ShardActor", by="killed")
def test_shards_that_crash_under_load_lose_nothing() -> None:
    writers, writes = 4, 40
    with (
        Group.start("app", shards=2, log=False) as g,
        listeners(writers) as refs,
        listeners() as (watcher,),
    ):
        g.monitor("w/", actor=watcher)

        def write(index: int) -> None:
            owner = refs[index]
            for n in range(writes):
                g.register(f"w/{index}", {"n": n}, actor=owner, timeout=PATIENCE)
                g.join(f"w/{n}", {"of": index}, actor=owner, timeout=PATIENCE)

        def crash(index: int) -> None:
            for number in range(3):
                kill(shard_actor(g, number % 2))
                await_new_shards(g, number + 1)

        results = together(writers + 1, lambda n: write(n) if n < writers else crash(n))

        assert results == [None] * (writers + 1)
        assert g.member_count("w/") == writers * writes
        expected = writers * writes * 2

        def all_told() -> bool:
            return len(events_heard(watcher)) == expected

        eventually(all_told, PATIENCE, what="every event once")
        for index in range(writers):
            mine = [e for e in events_heard(watcher) if e.key == f"w/{index}"]
            numbers = [e.meta["n"] for e in mine if e.type == "registered"]
            assert numbers == list(range(writes))


def await_new_shards(g: Group, count: int) -> None:
    """Wait until so many shards have been started in place of others."""
    first = len(lives(g))
    eventually(lambda: sum(lives(g)) - first >= count, PATIENCE, what="new shards")


def events_heard(watcher: AnyRef) -> list[Event]:
    return [
        e for batch in heard_by(watcher) if isinstance(batch, Events) for e in batch
    ]


@pytest.mark.crashes("ShardActor", by="killed")
def test_a_shard_that_crashes_keeps_its_peers_in_step() -> None:
    with groups("a", "b", shards=1, heartbeat=0.2) as (ga, gb), listeners(3) as refs:
        for index, ref in enumerate(refs):
            ga.register(f"k/{index}", {"n": 0}, actor=ref)
        settle(ga)
        for side in (ga, gb):
            kill(shard_actor(side))
            await_new_shards(side, 1)
            ga.register("k/0", {"at": side.node.name}, actor=refs[0])
            ga.settle(PATIENCE)

            found = gb.lookup("k/0")
            assert found is not None
            assert found.meta == {"at": side.node.name}
            assert gb.keys() == ["k/0", "k/1", "k/2"]
        ga.unregister("k/1")
        end_of(refs[2])
        eventually(lambda: gb.keys() == ["k/0"], PATIENCE, what="removals arrive")


@pytest.fixture
def patient_group() -> Iterator[Group]:
    with Group.start("app", shards=2, log=False) as g:
        yield g


@pytest.mark.parametrize(
    "child",
    [
        pytest.param(child, marks=pytest.mark.crashes(name, by="killed"))
        for child, name in {
            "data": "Data",
            "monitors": "MonitorRegistry",
            "leases": "ClusterLease",
            "shards": "Shards",
        }.items()
    ],
)
def test_any_part_of_the_tree_can_be_killed(patient_group: Group, child: str) -> None:
    g = patient_group
    with listeners() as (one,), mailbox() as me, g.connect("red", ttl=60):
        g.register("k", actor=one)
        g.register("k", actor=one, cluster="red")
        g.monitor("k")
        before = _child(g, child)

        kill(before)

        eventually(lambda: _child_or_none(g, child) not in (None, before), PATIENCE)
        g.register("k", {"v": 2}, actor=one)
        (event,) = told(me)
        assert event.meta == {"v": 2}
        g.monitor("other")
        g.register("other")
        assert told(me)[0].key == "other"
        assert g.whereis("k", cluster="red") is one
        assert g.connected("red")
        left = g.ttl_left("red")
        assert left is not None
        assert 0 < left <= 60
        end_of(one)
        assert [e.type for e in told(me)] == ["unregistered"]


def _child(g: Group, name: str) -> AnyRef:
    ref = eventually(lambda: _child_or_none(g, name), PATIENCE, what="child is up")
    assert ref is not None
    return ref


def _child_or_none(g: Group, name: str) -> AnyRef | None:
    refs = [child.ref for child in g.tree.which_children() if child.id == name]
    return refs[0]


def test_the_tree_can_be_seen() -> None:
    with Group.start("app", shards=2, log=False) as g:
        children = {child.id for child in g.tree.which_children()}

        assert {"data", "shards", "monitors", "leases"} <= children
        (shards,) = [c.ref for c in g.tree.which_children() if c.id == "shards"]
        assert isinstance(shards, SupervisorRef)
        assert shards.count_children().active == 2
        state: Any = shard_actor(g).ask("state", timeout=PATIENCE)
        assert state["waiting"] == 0
