"""Subclusters: joining, leaving, leases; what is seen from inside and outside."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors import mailbox
from group import (
    Cluster,
    Clusters,
    Group,
    InvalidArgumentError,
    InvalidClusterError,
    NotConnectedError,
)
from group._core.effects import Effect
from group._tree.desk import DirectoryDesk
from tests.group.people import (
    PATIENCE,
    end_leases,
    event_of,
    groups,
    listeners,
    settle,
    together,
    told,
)
from tests.waiting import eventually


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


def test_connecting_is_idempotent_and_leaving_is_of_who_joined(g: Group) -> None:
    with g.connect("red") as red:
        assert isinstance(red, Cluster)
        assert (red.name, red.connected, red.ttl_left) == ("red", True, None)
        assert red.nodes() == g.nodes("red") == [g.node.name]
        with g.connect("red", ttl=5) as again:
            assert again.connected
        assert red.connected, "the inner block did not join, so it does not leave"
        assert red.ttl_left is None
    assert not g.connected("red")
    assert g.nodes("red") == []
    g.disconnect("red")
    red.disconnect()


def test_several_clusters_are_joined_and_left_together(g: Group) -> None:
    g.connect("blue")
    with g.connect(["red", "blue", "green", "red"]) as three:
        assert isinstance(three, Clusters)
        assert [each.name for each in three] == ["red", "blue", "green", "red"]
        assert len(three) == 4
        assert all(each.connected for each in three)
    assert [g.connected(name) for name in ("red", "blue", "green")] == [
        False,
        True,
        False,
    ]
    assert list(g.connect([])) == []
    g.disconnect([])
    g.disconnect(["blue", "never", "blue"])
    assert not g.connected("blue")


@pytest.mark.parametrize("cluster", ["", "a" * 256, 3, None, [None], ["red", ""], b"x"])
def test_what_is_no_named_cluster_is_refused_and_nothing_is_joined(
    g: Group, cluster: object
) -> None:
    loose: Any = g
    for call in (loose.connect, loose.disconnect):
        with pytest.raises(InvalidClusterError):
            call(cluster)
    assert g._instance.directory.own() == []


def test_the_default_cluster_cannot_be_left(g: Group) -> None:
    loose: Any = g
    with pytest.raises(InvalidClusterError, match="default cluster cannot be left"):
        loose.disconnect(None)


@pytest.mark.parametrize("ttl", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_a_wrong_ttl_is_refused(g: Group, ttl: object) -> None:
    loose: Any = g
    g.connect("blue")
    for cluster in ("red", "blue"):
        with pytest.raises(InvalidArgumentError, match="ttl must be a positive finite"):
            loose.connect(cluster, ttl=ttl)
    assert not g.connected("red")


def test_a_cluster_view_has_the_verbs_of_the_group(g: Group) -> None:
    with mailbox() as me, g.connect("red") as red, listeners() as (one,):
        red.monitor("k")
        red.register("k", {"v": 1})
        red.join("k", {"v": 2}, actor=one)

        assert red.whereis("k") is me.ref
        found = red.lookup("k", extract_meta=dict)
        assert found is not None
        assert found.meta == {"v": 1}
        assert [e.ref for e in red.members("k")] == [one]
        assert red.members("k", limit=0) == []
        assert red.local_members("k") == red.members("k")
        assert (red.registry_count(), red.local_registry_count()) == (1, 1)
        assert (red.member_count("k"), red.local_member_count("k")) == (1, 1)
        assert [r.cluster for r in red.entries(kind="member")] == ["red"]
        assert red.keys("k") == ["k"]
        assert red.wait_for("k", timeout=0).ref is me.ref
        assert red.wait_for_member("k", timeout=0)[0].ref is one
        assert red.get_or_start("k", pytest.fail).ref is me.ref
        with red.events(snapshot=True) as stream:
            assert [stream.get(timeout=PATIENCE) for _ in "12"]
        assert red.dispatch("k", "hello") == red.dispatch_local("k", "hello") == 2
        red.leave("k", actor=one)
        red.unregister("k")
        red.demonitor("k")
        assert (g.keys(), red.keys()) == ([], [])
        assert repr(red) == "<Cluster 'red' of 'app'>"


def test_clusters_are_apart(g: Group) -> None:
    with listeners(3) as refs, g.connect(["red", "blue"]):
        for place, ref in zip((None, "red", "blue"), refs, strict=True):
            g.register("k", {"in": place}, actor=ref, cluster=place)
            g.join("room", actor=ref, cluster=place)

        for place, ref in zip((None, "red", "blue"), refs, strict=True):
            assert g.whereis("k", cluster=place) is ref
            assert [e.ref for e in g.members("room", cluster=place)] == [ref]
            assert g.dispatch("room", "hi", cluster=place) == 1


def test_leaving_drops_the_view_with_events_and_ends_nobody() -> None:
    with groups("a", "b", shards=1) as (ga, gb), listeners(2) as (one, other):
        for g in (ga, gb):
            g.connect("red")
        ga.register("k", actor=one, cluster="red")
        gb.join("room", actor=other, cluster="red")
        settle(ga, gb)
        with mailbox() as here, mailbox() as there:
            ga.monitor("k", cluster="red", actor=here.ref)
            ga.monitor("room", cluster="red", actor=here.ref)
            gb.monitor("k", cluster="red", actor=there.ref)

            ga.disconnect("red")

            gone = told(here)
            assert {(e.type, e.reason) for e in gone} == {
                ("unregistered", "cluster_disconnect"),
                ("left", "cluster_disconnect"),
            }
            assert event_of(there).reason == "cluster_disconnect"
        assert ga.members("room", cluster="red") == []
        assert gb.whereis("k", cluster="red") is None
        assert gb.nodes("red") == ["b"]
        assert ga.nodes("red") == ["b"], "it still hears who is in which cluster"
        assert one.is_alive()
        with pytest.raises(NotConnectedError):
            ga.register("k", actor=one, cluster="red")


def test_a_row_that_was_deleted_meanwhile_does_not_come_back() -> None:
    with groups("a", "b") as (ga, gb), listeners(2) as (one, other):
        gb.connect("red")
        for key in ("kept", "deleted"):
            gb.register(key, actor=other, cluster="red")
        ga.connect("red")
        # No barrier: b may not have heard yet that a is in the cluster.
        eventually(lambda: ga.keys(cluster="red") == ["deleted", "kept"], PATIENCE)
        ga.disconnect("red")
        gb.unregister("deleted", cluster="red")

        ga.connect("red")
        ga.register("mine", actor=one, cluster="red")
        settle(ga, gb)

        for g in (ga, gb):
            assert g.keys(cluster="red") == ["kept", "mine"]
            assert g.nodes("red") == ["a", "b"]


def test_only_nodes_of_a_cluster_hear_of_it() -> None:
    with groups("a", "b", "c") as (ga, gb, gc), listeners() as (one,):
        for g in (ga, gb):
            g.connect("red")
        with gc.events(cluster="red") as outside:
            ga.register("k", actor=one, cluster="red")
            settle(ga, gb, gc)

            assert gb.whereis("k", cluster="red") == one
            assert gc.whereis("k", cluster="red") is None
            assert outside.waiting == 0
            assert gc.nodes("red") == ["a", "b"]


def test_connect_and_disconnect_race_without_harm(g: Group) -> None:
    def work(index: int) -> None:
        for _ in range(25):
            with g.connect(["red", f"own/{index}"]) as clusters:
                own = clusters[1]
                with mailbox():
                    own.register("k")
                    assert own.keys() == ["k"]

    results = together(4, work)

    assert results == [None] * 4
    assert not g.connected("red")
    assert g._instance.directory.own() == []
    assert list(g._instance.store.views) == [""]


def test_a_lease_without_interest_ends(g: Group) -> None:
    red = g.connect("red", ttl=60)
    left = red.ttl_left
    assert left is not None
    assert 0 < left <= 60

    end_leases(g, "red")

    # The lease goes last: until then the cluster is still being left.
    eventually(lambda: red.ttl_left is None, PATIENCE, what="left")

    assert not red.connected
    with pytest.raises(NotConnectedError), mailbox():
        red.register("k")


@pytest.mark.parametrize("interest", ["registered", "joined", "monitored"])
def test_a_lease_with_interest_goes_on(g: Group, interest: str) -> None:
    with mailbox() as me:
        red = g.connect("red", ttl=60)
        match interest:
            case "registered":
                red.register("k")
            case "joined":
                red.join("k")
            case _:
                red.monitor("k")
        end_leases(g, "red")

        eventually(lambda: (red.ttl_left or 0) > 0, PATIENCE, what="extended")

        assert red.connected
    assert me is not None

    def left() -> bool:
        # That nobody is there is heard a moment later, and until then it goes on.
        if red.connected:
            end_leases(g, "red")
        return not red.connected

    eventually(left, PATIENCE, what="left when nobody is there")


def test_writes_while_a_lease_is_judged_are_kept_or_refused(g: Group) -> None:
    outcomes = set()
    with listeners() as (one,):
        for number in range(30):
            red = g.connect("red", ttl=0.001)
            try:
                red.register("k", {"n": number}, actor=one)
            except NotConnectedError:
                outcomes.add("refused")
                continue
            outcomes.add("kept")
            assert red.whereis("k") is one, "what was accepted is not lost"
            red.unregister("k")
            eventually(lambda: not g.connected("red"), PATIENCE, what="left")
    assert outcomes


def test_a_lease_is_not_renewed_by_connecting_again(g: Group) -> None:
    red = g.connect("red", ttl=60)
    g.connect("red", ttl=600)
    left = red.ttl_left
    assert left is not None
    assert left <= 60
    g.disconnect("red")
    assert red.ttl_left is None
    g.connect("red")
    assert red.ttl_left is None


def test_a_lease_of_a_cluster_that_is_left_already_is_dropped(g: Group) -> None:
    # As when another thread leaves between our joining and the lease.
    g._instance.lend(("red",), 0.001)

    eventually(lambda: g.ttl_left("red") is None, PATIENCE, what="dropped")
    g.connect("red")
    assert g.ttl_left("red") is None


def test_more_clusters_than_peers_can_be_told_of_are_refused() -> None:
    names = [f"{n:04}".ljust(255, "x") for n in range(4_000)]
    with groups("a", "b") as (ga, gb):
        with pytest.raises(InvalidClusterError, match=r"in 1 clusters, .* disconnect"):
            ga.connect(names)

        ga.connect(names[:3_000])
        gb.connect(names[2_999])
        eventually(lambda: gb.nodes(names[2_999]) == ["a", "b"], PATIENCE)


def test_a_cluster_that_an_interrupted_call_was_leaving_can_be_left_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carry_out = DirectoryDesk._carry_out
    interrupted = False

    def interrupt_once(
        desk: DirectoryDesk,
        effects: list[Effect],
        tokens: set[int],
        done: Callable[[object], None] | None,
    ) -> tuple[object, bool]:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        return carry_out(desk, effects, tokens, done)

    with Group.start("app", log=False) as g:
        g.connect("red")
        monkeypatch.setattr(DirectoryDesk, "_carry_out", interrupt_once)
        with pytest.raises(KeyboardInterrupt):
            g.disconnect("red")

        g.disconnect("red", timeout=5)
        g.connect("red", timeout=5)

        assert g.connected("red")
