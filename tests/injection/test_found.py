"""What injections have found, each in the shortest way that shows it."""

from __future__ import annotations

import logging
import threading
from time import monotonic

import pytest

from actors import AnyRef, kill, mailbox, whereis
from group import Group
from group._core.directory import Directory
from group._core.requests import Disconnect, SealCluster
from group._events.monitors import Add, MonitorRegistry
from group._instance import LEASES_CHANGED
from group._tree.shard import ShardActor
from tests.group.people import PATIENCE, listeners, told
from tests.injection.checks import branches
from tests.injection.probes import PlannedError
from tests.injection.world import DEADLINE
from tests.waiting import eventually
from transport import Node


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "actors")


def child_of(g: Group, name: str) -> AnyRef:
    ref = branches(g)[name].ref
    assert ref is not None
    return ref


@pytest.mark.crashes("Shards", by="killed")
def test_a_monitor_does_not_wait_for_shards_whose_restart_waits_for_it() -> None:
    with Group.start("app", shards=2, log=False) as g, mailbox() as me:
        # So that the registry gets the request when no shard can answer.
        for runner in g._instance.runners:
            runner.end()
        kill(child_of(g, "shards"))
        began = monotonic()

        g.monitor("k")
        g.register("k")

        assert monotonic() - began < DEADLINE
        assert told(me)[0].key == "k"


@pytest.mark.crashes("Shards", by="killed")
def test_a_sweeper_does_not_wait_for_shards_whose_restart_waits_for_it() -> None:
    with Group.start("app", shards=2, log=False) as g, listeners() as (one,):
        g.connect("red", ttl=60)
        for runner in g._instance.runners:
            runner.end()
        g._instance.leases.extend("red", -60.0)
        sweeper = whereis(g._instance.sweeper_name)
        assert sweeper is not None
        sweeper.tell(LEASES_CHANGED)
        eventually(
            lambda: any(
                isinstance(work.message, SealCluster)
                for work in g._instance.runners[0]._queue.copy()
            ),
            PATIENCE,
            what="it judges",
        )
        kill(child_of(g, "shards"))
        began = monotonic()

        g.register("k", actor=one)

        assert monotonic() - began < DEADLINE
        eventually(lambda: not g.connected("red"), PATIENCE, what="red is left")


@pytest.mark.crashes("MonitorRegistry", by="PlannedError")
def test_a_registry_that_crashes_is_nothing_for_its_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add = MonitorRegistry._add
    crashes = iter((True,))

    def broken(me: MonitorRegistry, message: Add) -> None:
        if next(crashes, False):
            raise PlannedError
        add(me, message)

    monkeypatch.setattr(MonitorRegistry, "_add", broken)
    with Group.start("app", shards=2, log=False) as g, mailbox() as me:
        g.monitor("k")
        g.register("k")

        assert told(me)[0].key == "k"
        assert branches(g)["monitors"].restarts == 1


@pytest.mark.crashes("ClusterLease", by="PlannedError")
def test_a_sweeper_that_crashes_in_leaving_leaves_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave = Directory._disconnect
    crashes: list[Exception] = []

    def broken(me: Directory, request: Disconnect) -> object:
        if not crashes:
            crashes.append(PlannedError())
            raise crashes[0]
        return leave(me, request)

    monkeypatch.setattr(Directory, "_disconnect", broken)
    with Group.start("app", shards=2, log=False) as g, listeners() as (one,):
        red = g.connect("red", ttl=0.02)
        eventually(lambda: crashes, PATIENCE, what="it crashed")

        eventually(lambda: not red.connected, PATIENCE, what="red is left")

        # And nothing stays sealed.
        g.connect("red").register("k", actor=one, timeout=DEADLINE)


@pytest.mark.crashes("Shards", by="killed")
def test_a_shard_that_ends_late_leaves_its_successor_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, ended = threading.Event(), threading.Event()
    late: list[ShardActor] = []
    on_stop = ShardActor.on_stop

    def slow(me: ShardActor) -> None:
        if late:
            on_stop(me)
            return
        late.append(me)
        held.wait(PATIENCE)
        on_stop(me)
        ended.set()

    monkeypatch.setattr(ShardActor, "on_stop", slow)
    with (
        Node.start("a", heartbeat=0.1) as node,
        Group.start("app", node=node, shards=1, log=False) as g,
        listeners() as (one,),
    ):
        (runner,) = g._instance.runners
        # Its supervisor is replaced without having stopped it.
        kill(child_of(g, "shards"))
        eventually(lambda: runner.begun == 2, PATIENCE, what="the successor is up")
        held.set()
        assert ended.wait(PATIENCE)

        g.register("k", actor=one, timeout=DEADLINE)

        new, name = child_of(g, "shard0"), g._instance.shard_name(0)
        eventually(lambda: whereis(name) is new, PATIENCE, what="it has the name")
