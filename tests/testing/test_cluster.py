"""Clusters inside one process: parted, healed, crashed, started again."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from group import Event
from group._core.requests import PeerDown
from group._core.sessions import Sessions
from group.testing import LocalCluster, cluster, probe
from group.testing._cluster import names_of
from tests.group.people import PATIENCE, listeners
from tests.waiting import eventually
from transport.testing import Network


@pytest.fixture
def three() -> Iterator[LocalCluster]:
    with cluster(3, log=False, shards=2) as made:
        yield made


def test_what_one_node_registers_is_seen_on_the_others(three: LocalCluster) -> None:
    a, b, c = three
    with listeners() as (one,):
        a.register("k", {"v": 1}, actor=one)
        three.settle()

        for each in (b, c):
            entry = each.lookup("k")
            assert entry is not None
            assert entry.meta == {"v": 1}


def test_nodes_have_names_and_places(three: LocalCluster) -> None:
    assert three.names == ["a", "b", "c"]
    assert len(three) == 3
    assert three["b"] is three[1]
    assert [each.node.name for each in three] == ["a", "b", "c"]
    assert repr(three) == "<LocalCluster 'app' on a, b, c>"
    for do in (three.__getitem__, three.stop, three.crash):
        with pytest.raises(KeyError, match="no node 'd' runs; there are a, b, c"):
            do("d")
    with pytest.raises(ValueError, match="node 'a' runs"):
        three.start("a")


def test_many_nodes_have_names() -> None:
    assert names_of(2) == ["a", "b"]
    assert names_of(["x", "y"]) == ["x", "y"]
    assert names_of(28)[25:] == ["z", "n26", "n27"]


@pytest.mark.parametrize("nodes", [-1, True, "front", 1.5, None])
def test_what_is_no_number_and_no_names_is_refused(nodes: object) -> None:
    wrong: Any = nodes

    with pytest.raises(ValueError, match=r"nodes must be .*, got "):
        names_of(wrong)


@pytest.mark.slow
def test_a_partition_is_believed_and_healed(three: LocalCluster) -> None:
    a, b, c = three
    with listeners() as (one,), probe() as me:
        a.register("k", actor=one)
        b.wait_for("k", timeout=PATIENCE)
        b.monitor("k")

        three.partition("a")

        assert (a.nodes(), b.nodes(), c.nodes()) == ([], ["c"], ["b"])
        assert me.expect(Event, type="unregistered").key == "k"
        assert b.lookup("k") is None
        assert a.lookup("k") is not None

        three.heal()

        assert b.nodes() == ["a", "c"]
        assert me.expect(Event, type="registered").key == "k"


@pytest.mark.slow
def test_both_sides_of_a_partition_claim_a_key_and_one_keeps_it() -> None:
    def rank(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return meta["rank"]

    vars(rank)["rank_id"] = "v1"
    with (
        cluster(2, log=False, conflict_rank=rank) as both,
        listeners(2) as (one, two),
    ):
        a, b = both
        both.partition("a", "b")
        a.register("k", {"rank": 2}, actor=one)
        b.register("k", {"rank": 1}, actor=two)

        both.heal()

        eventually(lambda: not two.is_alive(), PATIENCE, what="the loser ends")
        assert one.is_alive()
        eventually(lambda: b.lookup("k") == a.lookup("k"), PATIENCE, what="they agree")


@pytest.mark.slow
def test_sides_are_names_or_several_and_the_rest_is_one_more(
    three: LocalCluster,
) -> None:
    a, b, c = three

    three.partition(["a", "b"])
    assert (a.nodes(), b.nodes(), c.nodes()) == (["b"], ["a"], [])

    three.partition("a", "b", "c")
    assert (a.nodes(), b.nodes(), c.nodes()) == ([], [], [])

    three.partition({"b", "c"}, "a")
    assert (a.nodes(), b.nodes(), c.nodes()) == ([], ["c"], ["b"])


def test_a_partition_of_nodes_that_are_not_there_is_refused(
    three: LocalCluster,
) -> None:
    with pytest.raises(ValueError, match=r"no such node: x \(there are a, b, c\)"):
        three.partition("a", "x")
    with pytest.raises(ValueError, match="on two sides"):
        three.partition("a", ["a", "b"])
    for nobody in ((), ([],), (["a", "b", "c"],)):
        with pytest.raises(ValueError, match="has nodes on one side only"):
            three.partition(*nobody)
    three.await_nodes(timeout=0)


def test_a_crashed_node_is_gone_at_once_and_comes_back(three: LocalCluster) -> None:
    a, b, c = three
    with listeners() as (one,):
        a.register("k", actor=one)
        three.settle()

        three.crash("a")

        assert three.names == ["b", "c"]
        assert b.nodes() == ["c"]
        eventually(lambda: c.lookup("k") is None, PATIENCE, what="its rows go")
        assert three.network._sky.gone == {"a"}
        again = three.start("a")
        assert three.network._sky.gone == set()
        assert again.nodes() == ["b", "c"]
        assert again.lookup("k") is None


def test_a_stopped_node_has_said_goodbye(three: LocalCluster) -> None:
    three.stop("c")

    assert [each.nodes() for each in three] == [["b"], ["a"]]
    assert three.start("d").nodes() == ["a", "b"]
    assert three.names == ["a", "b", "d"]


@pytest.mark.slow
def test_a_node_that_is_new_is_on_no_side(three: LocalCluster) -> None:
    three.partition("a")

    assert three.start("d").nodes() == ["a", "b", "c"]
    assert three["a"].nodes() == ["d"]


@pytest.mark.slow
def test_waiting_in_vain_says_who_sees_whom(three: LocalCluster) -> None:
    three["c"].stop()

    with pytest.raises(
        AssertionError, match=r"sees \[.*\], not|'app' is stopped; c\.stop"
    ):
        three.await_nodes(timeout=0.3)


def test_settings_of_the_machine_are_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.2)
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        for name in ("JOIN", "LISTEN", "ADVERTISE", "COOKIE", "COOKIE_FILE", "NODE"):
            monkeypatch.setenv(f"GROUP_{name}", address)

        with cluster(2, log=False, shards=1) as two:
            assert [each.node.name for each in two] == ["a", "b"]
            with pytest.raises(TimeoutError):
                stranger.accept()

    assert os.environ["GROUP_JOIN"] == address


def test_clusters_side_by_side_do_not_meet(caplog: pytest.LogCaptureFixture) -> None:
    with cluster(2, log=False, shards=1) as one, cluster(["x"], log=False) as two:
        one["a"].node.join(two["x"].node.address)

        def refused() -> bool:
            return "cookie differs" in caplog.text

        eventually(refused, PATIENCE, what="the stranger is told so")
        assert [each.nodes() for each in (*one, *two)] == [["b"], ["a"], []]


def test_a_cluster_ends_with_its_block_whatever_happens() -> None:
    with pytest.raises(LookupError), cluster(2, log=False, shards=1) as two:
        raise LookupError

    assert len(two) == 0
    with pytest.raises(ValueError, match="shards"):
        cluster(2, shards=0).__enter__()


def test_a_delay_makes_replication_late(three: LocalCluster) -> None:
    with listeners() as (one,):
        three.network.delay("a", "b", 0.2)
        three["a"].register("k", actor=one)
        three["c"].wait_for("k", timeout=PATIENCE)
        assert three["b"].lookup("k") is None
        three["b"].wait_for("k", timeout=PATIENCE)
        three.network.heal()


def test_a_reset_link_comes_back(three: LocalCluster) -> None:
    before = three["a"].node.peers()

    three.network.reset("a", "b")

    def renewed() -> bool:
        now = {p.name: p.since for p in three["a"].node.peers()}
        return now["b"] != {p.name: p.since for p in before}["b"]

    eventually(renewed, PATIENCE, what="the link is a new one")
    three.await_nodes()


def test_a_network_ends_its_thread() -> None:
    def running() -> list[str]:
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name.startswith("transport-testing")]

    with Network() as network:
        network.place("a")
        assert running()
    network.close()

    assert not running()


def test_a_block_holds_one_way(three: LocalCluster) -> None:
    a, b, _ = three
    with listeners(2) as (one, two):
        three.network.block("a", "b")
        a.register("there", actor=one)
        b.register("back", actor=two)
        a.wait_for("back", timeout=PATIENCE)

        assert b.lookup("there") is None
        three.network.heal()
        b.wait_for("there", timeout=PATIENCE)


def test_a_node_is_lost_when_its_rows_are(
    three: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shards are told of it later than whoever asks for the nodes."""
    peer_down = Sessions.peer_down

    def later(self: Sessions, down: PeerDown) -> None:
        time.sleep(0.05)
        peer_down(self, down)

    with listeners() as (one,):
        three[2].register("k", actor=one)
        three.settle()
        monkeypatch.setattr(Sessions, "peer_down", later)

        three.crash("c")

        assert [g.lookup("k") for g in three] == [None, None]
