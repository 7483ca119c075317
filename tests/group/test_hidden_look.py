"""A hidden node that looks into a busy group: what it is sent, and what it leaves."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest

from actors import AnyRef, Down, Mailbox, Timeout, is_ref, mailbox, monitor, tree
from group import Group, InvalidKeyError
from group._looking.ops import MOST_RELAYS, ops_name
from tests.group.people import Listener
from tests.transport.strangers import SECRET
from tests.waiting import eventually
from transport import Node

ROWS = 500

Answer = tuple[str, str, Any]


def asked(ref: AnyRef, question: object) -> Answer:
    return cast("Answer", ref.ask(question, timeout=10))


class Cluster:
    """Nodes a and b with rows, and a hidden node h that is linked with a."""

    def __init__(self, a: Node, ga: Group, gb: Group, h: Node) -> None:
        self.a, self.ga, self.gb, self.h = a, ga, gb, h

    @property
    def ops(self) -> AnyRef:
        return self.h.actor("a", ops_name("app", "a"))

    def ask(self, *question: object) -> Answer:
        return asked(self.ops, question)

    def watch(
        self,
        me: Mailbox,
        pattern: str | None = "user/",
        cluster: str | None = None,
        *,
        snapshot: bool = False,
    ) -> Answer:
        question = ("watch", pattern, cluster, snapshot, me.ref)
        return self.ask(*question)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with (
        Node.start("a", cookie=SECRET) as a,
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Group.start("app", node=a, shards=2, log=False) as ga,
        Group.start("app", node=b, shards=2, log=False) as gb,
        Node.start("h", cookie=SECRET, join=a.address, hidden=True) as h,
    ):
        eventually(lambda: ga.nodes() == ["b"] and gb.nodes() == ["a"])
        h.wait_peers(1, 5)
        yield Cluster(a, ga, gb, h)


def test_no_row_comes_unasked(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: Counter[str] = Counter()
    size = 0
    inbound = cluster.h._engine._exchange
    link = next(iter(inbound.links.values()))
    receive = link.session.receive

    def counting(data: bytes) -> list[object]:
        nonlocal size
        size += len(data)
        events = receive(data)
        for event in events:
            frame = getattr(event, "kind", None)
            told = getattr(event, "message", event)
            kinds[type(told).__name__ if frame is None else frame.name] += 1
        return list(events)

    monkeypatch.setattr(link.session, "receive", counting)
    ref = Listener.start()
    for number in range(ROWS):
        cluster.ga.register(f"key/{number}", {"n": number}, actor=ref)
        cluster.ga.join("room", {"n": number}, actor=ref)
    cluster.ga.settle()
    rtt = cluster.h.ping("a", timeout=10)
    ref.stop()

    # Names of groups when the link begins, answers to pings, a beat a second: no more.
    assert rtt > 0
    assert kinds["Pong"] >= 1
    assert set(kinds) <= {"Open", "Pong", "Beat", "Ping"}, kinds
    assert size < 2000


def test_it_is_asked_and_leaves_no_trace(cluster: Cluster) -> None:
    before = cluster.ga.status()

    with mailbox() as me:
        cluster.a.monitor_nodes()
        kind, _, names = cluster.ask("nodes", None, None)
        cluster.h.stop()
        eventually(lambda: cluster.a.linked_id("h") is None)

        with pytest.raises(Timeout):
            me.receive(timeout=0)
    after = cluster.ga.status()

    assert (kind, names) == ("found", ["a", "b"])
    assert cluster.ga.nodes() == ["b"]
    assert cluster.gb.nodes() == ["a"]
    assert [peer.name for peer in cluster.a.peers()] == ["b"]
    assert [row.name for row in after.nodes] == [row.name for row in before.nodes]
    assert after.refused == before.refused == ()
    assert after.counters == before.counters


def watching(cluster: Cluster, me: Mailbox, *, snapshot: bool = False) -> AnyRef:
    kind, _, relay = cluster.watch(me, snapshot=snapshot)
    assert kind == "found"
    assert is_ref(relay)
    return relay


def heard(me: Mailbox) -> tuple[str, int, list[dict[str, object]]]:
    what, number, rows = me.receive(timeout=10)
    return what, number, rows


def relays() -> list[str]:
    return [
        branch.class_name
        for branch in tree().roots
        if branch.class_name is not None and "Relay" in branch.class_name
    ]


def test_a_watch_is_told_of_its_pattern_alone_and_counts_as_no_monitor(
    cluster: Cluster,
) -> None:
    ref = Listener.start()
    cluster.ga.register("user/1", {"n": 1}, actor=ref)
    with mailbox() as me:
        watching(cluster, me, snapshot=True)
        first = heard(me)
        cluster.ga.register("other", actor=ref)
        cluster.ga.unregister("user/1")
        second = heard(me)
        explained = cluster.ga.explain("user/1")
    ref.stop()

    assert first[:2] == ("events", 1)
    assert second[:2] == ("events", 2)
    (there,) = first[2]
    assert (there["type"], there["key"], there["meta"]) == (
        "registered",
        "user/1",
        {"n": 1},
    )
    (gone,) = second[2]
    assert (gone["type"], gone["key"], gone["reason"]) == (
        "unregistered",
        "user/1",
        "unregister",
    )
    assert explained.monitors == 0


def test_a_watch_keeps_no_lease_alive(cluster: Cluster) -> None:
    cluster.ga.connect("short", ttl=0.3)
    with mailbox() as me:
        kind, _, _ = cluster.watch(me, None, "short")

        eventually(lambda: not cluster.ga.connected("short"), 10)
    assert kind == "found"


def subscribers(group: Group) -> int:
    tables = group._instance.store.tables
    return sum(bool(each.subscriptions) for each in tables)


ENDED = pytest.mark.crashes("Operations", by="normal")


@pytest.mark.parametrize("how", ["mailbox", "node", pytest.param("host", marks=ENDED)])
def test_a_watch_ends_with_whoever_is_told_or_tells(cluster: Cluster, how: str) -> None:
    with mailbox() as me:
        relay = watching(cluster, me)
        eventually(lambda: subscribers(cluster.ga) == 2)
        if how == "node":
            cluster.h.stop()
        elif how == "host":
            monitor(relay)
            (ops,) = [
                branch.ref
                for root in tree().roots
                for branch in root.children
                if branch.id == "ops"
                and branch.ref is not None
                and root.ref == cluster.ga.tree
            ]
            ops.stop()
            assert isinstance(me.receive(timeout=10), Down)

    eventually(lambda: subscribers(cluster.ga) == 0, 10)


def test_watches_of_one_node_have_a_limit(cluster: Cluster) -> None:
    with mailbox() as me:
        for _ in range(MOST_RELAYS):
            watching(cluster, me)

        kind, text, _ = cluster.watch(me)

        assert (kind, text.partition(" others")[0]) == ("wrong", str(MOST_RELAYS))
    with mailbox() as me:
        # The end of those whom they told makes room.
        eventually(lambda: cluster.watch(me)[0] == "found", 10)
    eventually(lambda: subscribers(cluster.ga) == 0, 10)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (("dance", None, None), "this node cannot answer 'dance'"),
        (("keys", None), "this node cannot answer ('keys', None)"),
        (17, "this node cannot answer 17"),
        (("watch", "user/"), "this node cannot answer ['user/']"),
        (("lookup", "", None), "key must be 1"),
        (("keys", None, ""), "cluster"),
        (("log-level", "loud", None), "no such level: 'loud'; say info, verbose, off"),
    ],
)
def test_a_question_that_is_wrong_is_answered(
    cluster: Cluster, question: object, words: str
) -> None:
    kind, text, data = asked(cluster.ops, question)

    assert (kind, data) == ("wrong", None)
    assert words in text


def test_a_survey_asks_the_others_and_ends(cluster: Cluster) -> None:
    _, _, survey = cluster.ask("survey")
    assert is_ref(survey)

    _, _, data = asked(survey, ("status",))

    rows = data["nodes"]
    assert [(row["name"], type(row["actors"])) for row in rows] == [
        ("a", int),
        ("b", int),
    ]
    with mailbox() as me:
        monitor(survey)
        assert isinstance(me.receive(timeout=10), Down)


def test_clusters_that_only_peers_are_in_are_known(cluster: Cluster) -> None:
    cluster.gb.connect("theirs")

    def told() -> list[object]:
        _, _, rows = cluster.ask("clusters", None, None)
        return [row for row in rows if row["cluster"] == "theirs"]

    (row,) = eventually(told)
    assert row == {
        "cluster": "theirs",
        "here": False,
        "nodes": ["b"],
        "keys": None,
        "members": None,
        "ttl_left": None,
    }


def test_a_pattern_that_is_none_is_refused_in_words(cluster: Cluster) -> None:
    with mailbox() as me:
        kind, text, _ = cluster.watch(me, "x" * 2000)

    assert kind == "wrong"
    with pytest.raises(InvalidKeyError, match="key must be 1") as same:
        cluster.ga.events("x" * 2000)
    assert text == str(same.value)
