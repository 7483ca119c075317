"""The lease sweeper: it may crash at any point, and no cluster is left wrongly."""

import logging
import threading
from functools import partial

import pytest

from actors import kill, whereis
from group import Cluster, Group, NotConnectedError
from group._core.requests import SealCluster, UnsealCluster
from group._instance import LEASES_CHANGED
from group._leases import ClusterLease, Sealed
from tests.group.people import PATIENCE, AnyRef, listeners, together
from tests.waiting import eventually

TTL = 0.05


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


def test_leases_end_in_their_order() -> None:
    with Group.start("app", log=False) as g, listeners() as (one,):
        ended: list[str] = []
        slow, quick = g.connect("slow", ttl=4 * TTL), g.connect("quick", ttl=TTL)
        used = g.connect("used", ttl=TTL)
        used.register("k", actor=one)

        def left(view: Cluster) -> bool:
            return not view.connected

        for view in (quick, slow):
            eventually(partial(left, view), PATIENCE, what="left")
            ended.append(view.name)

        assert used.connected
        assert ended == ["quick", "slow"]


@pytest.mark.crashes("ClusterLease", by="on purpose")
def test_a_sweeper_that_crashes_while_it_judges_leaves_the_cluster_usable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "actors")
    crashes = iter((True,))
    sealed = ClusterLease._sealed

    def broken(me: ClusterLease, message: Sealed) -> None:
        if next(crashes, False):
            raise OSError("on purpose")
        sealed(me, message)

    monkeypatch.setattr(ClusterLease, "_sealed", broken)
    with Group.start("app", log=False, shards=2) as g, listeners() as (one,):
        red = g.connect("red", ttl=60)
        red.register("k", actor=one)
        g._instance.leases.extend("red", -60.0)
        sweeper(g).tell(LEASES_CHANGED)

        eventually(lambda: crashes, PATIENCE, what="crashed")
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
