"""The lease sweeper: it may crash at any point, and no cluster is left wrongly."""

import logging
import threading
import time

import pytest

from actors import Timer, kill, whereis
from actors._timers import _clock
from group import Group, NotConnectedError
from group._core.requests import SealCluster, UnsealCluster
from group._tree.leases import ClusterLease, Sealed
from tests.group.people import PATIENCE, AnyRef, end_leases, listeners, together
from tests.waiting import eventually

TTL = 0.05


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def sweeper(g: Group) -> AnyRef:
    def named() -> AnyRef | None:
        return whereis(g._instance.sweeper_name)

    ref = eventually(named, PATIENCE, what="sweeper is up")
    assert ref is not None
    return ref


@pytest.mark.crashes("ClusterLease", by="killed")
def test_a_sweeper_that_is_killed_is_replaced_and_goes_on() -> None:
    with Group.start("app", log=False) as g:
        red = g.connect("red", ttl=TTL)
        kill(sweeper(g))

        eventually(lambda: not red.connected, PATIENCE, what="left")

        blue = g.connect("blue", ttl=TTL)
        eventually(lambda: not blue.connected, PATIENCE, what="left")


def test_leases_end_in_their_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "group")
    with Group.start("app") as g, listeners() as (one,):
        for name in ("slow", "quick", "used"):
            g.connect(name, ttl=60)
        g.register("k", actor=one, cluster="used")
        end_leases(g, "slow", seconds=4 * TTL)
        end_leases(g, "quick", "used", seconds=TTL)

        eventually(lambda: not g.connected("slow"), PATIENCE, what="left")

        assert g.connected("used")
    ended = [each for each in messages(caplog) if each.startswith("lease_ended ")]
    assert [line.rpartition("=")[2] for line in ended] == ["quick", "slow"]


@pytest.mark.crashes("ClusterLease", by="on purpose")
def test_a_sweeper_that_crashes_while_it_judges_leaves_the_cluster_usable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "actors")
    crashed = threading.Event()
    sealed = ClusterLease._sealed

    def broken(me: ClusterLease, message: Sealed) -> None:
        if not crashed.is_set():
            crashed.set()
            raise OSError("on purpose")
        sealed(me, message)

    monkeypatch.setattr(ClusterLease, "_sealed", broken)
    with Group.start("app", log=False, shards=2) as g, listeners() as (one,):
        red = g.connect("red", ttl=60)
        red.register("k", actor=one)
        end_leases(g, "red")

        assert crashed.wait(PATIENCE)
        eventually(lambda: (red.ttl_left or 0) > 0, PATIENCE, what="judged again")

        for number in range(10):
            red.register(f"k/{number}", actor=one, timeout=PATIENCE)
        assert red.registry_count() == 11


@pytest.mark.parametrize("stays", [True, False])
def test_a_write_that_meets_the_judge_waits_for_the_sentence(*, stays: bool) -> None:
    with (
        Group.start("app", log=False, shards=1) as g,
        listeners() as (one,),
    ):
        red = g.connect("red", ttl=60)
        (runner,) = g._instance.runners
        runner.call(SealCluster("red"), PATIENCE)
        waits = threading.Event()

        def write() -> None:
            waits.set()
            red.register("k", actor=one, timeout=PATIENCE)

        def judge() -> None:
            waits.wait(PATIENCE)
            if stays:
                runner.call(UnsealCluster("red"), PATIENCE)
                g._instance.unsealed()
            else:
                g._instance.disconnect(("red",)).get(timeout=PATIENCE)

        outcome, _ = together(2, lambda n: judge() if n else write())

        if stays:
            assert outcome is None
            assert red.whereis("k") is one
        else:
            assert isinstance(outcome, NotConnectedError)


def test_strange_messages_do_not_harm_the_sweeper() -> None:
    with Group.start("app", log=False) as g:
        old = sweeper(g)
        old.tell("what is this?")
        red = g.connect("red", ttl=TTL)

        eventually(lambda: not red.connected, PATIENCE, what="left")

        assert sweeper(g) is old


def test_a_stopped_group_leaves_no_timer_of_a_lease() -> None:
    def far() -> set[Timer]:
        later = time.monotonic() + 60
        entries = list(_clock._entries)
        return {e.timer for e in entries if e.timer.pending and e.due > later}

    before = far()
    with Group.start("app", log=False) as g:
        g.connect("red", ttl=3600)
        eventually(lambda: far() - before, PATIENCE, what="the lease is waited for")

    assert not far() - before
