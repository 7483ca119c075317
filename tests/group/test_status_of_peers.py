"""What a status says of nodes that are gone, and of peers that cannot be joined."""

import itertools
from collections.abc import Iterator

import pytest

from actors import AnyRef
from group import Group
from group._core.keys import DEFAULT
from group._core.lanes import Inbound
from group._core.rows import Row
from group._looking.departed import FORGET_AFTER, MOST, Departed, Gone
from group._looking.status import NodeRow
from tests.group.people import listeners
from tests.transport.strangers import SECRET, warnings
from tests.waiting import eventually
from transport import Node, NodeId
from transport.testing import free_ports


@pytest.fixture
def a() -> Iterator[Node]:
    with Node.start("a", cookie=SECRET) as node:
        yield node


@pytest.fixture
def ga(a: Node) -> Iterator[Group]:
    with Group.start("app", node=a, shards=2, log=False) as group:
        yield group


@pytest.fixture
def people() -> Iterator[list[AnyRef]]:
    with listeners(2) as refs:
        yield [*refs]


def row_of(group: Group, name: str) -> NodeRow | None:
    return next((row for row in group.status().nodes if row.name == name), None)


def downs(group: Group) -> list[str]:
    return [row.name for row in group.status().nodes if row.state == "down"]


def fill(group: Group, people: list[AnyRef]) -> None:
    for number, ref in enumerate(people):
        group.register(f"user/{number}", actor=ref)
        group.join("room/1", actor=ref)
    group.join("room/2", actor=people[0])
    group.settle()


def test_a_node_that_has_left_is_shown_with_what_it_had_until_it_is_back(
    a: Node, ga: Group, people: list[AnyRef]
) -> None:
    with (
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Group.start("app", node=b, shards=2, log=False) as gb,
    ):
        eventually(lambda: gb.nodes() == ["a"])
        fill(gb, people)
        before = row_of(ga, "b")
        address = b.address
        b.stop()
    eventually(lambda: downs(ga) == ["b"])
    gone = row_of(ga, "b")
    total = ga.status()

    assert before is not None
    assert gone is not None
    assert (before.keys, before.members, before.cause) == (2, 3, None)
    assert (gone.keys, gone.members, gone.cause) == (2, 3, "stopped")
    assert gone.address == address
    assert (total.keys, total.members) == (0, 0)
    drawn = str(total).splitlines()[-1]
    assert drawn.startswith(f"b@{address}  DOWN 0s ago: stopped (was 2 keys, 3 mem")

    with (
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Group.start("app", node=b, shards=2, log=False),
    ):
        eventually(lambda: ga.nodes() == ["b"])
        assert downs(ga) == []


def test_a_group_that_stops_on_a_node_that_lives_is_down_there(
    a: Node, ga: Group, people: list[AnyRef]
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        gb = Group.start("app", node=b, shards=2, log=False)
        eventually(lambda: gb.nodes() == ["a"])
        gb.stop()

        eventually(lambda: downs(ga) == ["b"])
        row = row_of(ga, "b")
        assert row is not None
        assert row.cause == "group stopped"


def test_the_own_rows_and_the_shards_are_counted(
    ga: Group, people: list[AnyRef]
) -> None:
    fill(ga, people)

    status = ga.status()
    (own,) = status.nodes
    assert (own.keys, own.members) == (2, 3)
    assert sum(row.keys for row in status.shards) == 2
    assert sum(row.members for row in status.shards) == 3
    assert own.actors is not None
    # Its shards and the rest of its tree, the node's own, and the two.
    assert own.actors >= 10


def test_a_key_that_two_nodes_claim_is_one_key_of_its_shard(
    ga: Group, people: list[AnyRef]
) -> None:
    ga.register("k", actor=people[0])
    shard = ga.explain("k").shard
    tables = ga._instance.store.tables[shard]
    mine = tables.lanes[DEFAULT].rows["k"]
    theirs = NodeId("b", b"b" * 16)
    copy = Inbound(1, DEFAULT)

    tables.inbound[theirs] = {1: copy}
    tables.put_remote(copy, "k", Row(theirs, 1, "Listener", mine.stamp + 1, b"\x80"))

    assert set(tables.contested[DEFAULT, "k"]) == {tables.me, theirs}
    assert ga.status().shards[shard].keys == 1


def lines(caplog: pytest.LogCaptureFixture, node: str) -> list[str]:
    return [line for line in warnings(caplog) if f" node={node} " in line]


def test_another_number_of_shards_is_said_once_by_each_and_shown(
    a: Node, ga: Group, caplog: pytest.LogCaptureFixture
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        gb = Group.start("app", node=b, shards=4, log=False)
        other = Group.start("other", node=b, log=False)
        words = "peer b runs 'app' with 4 shards, we have 2; shards= must be equal on"

        eventually(lambda: ga.status().refused and gb.status().refused)
        # What is said of a channel comes before what is said later.
        b.ping("a", timeout=10)
        a.ping("b", timeout=10)

        (here,), (there,) = ga.status().refused, gb.status().refused
        assert here.startswith(words)
        assert there.startswith("peer a runs 'app' with 2 shards, we have 4; shards=")
        assert [words in line for line in lines(caplog, "a")] == [True]
        assert len(lines(caplog, "b")) == 1
        assert other.status().refused == ()

        gb.stop()
        eventually(lambda: ga.status().refused == (), what="it is mended")
        with Group.start("app", node=b, shards=2, log=False):
            eventually(lambda: ga.nodes() == ["b"])
        other.stop()


def test_a_peer_that_was_refused_and_leaves_is_no_trouble(a: Node, ga: Group) -> None:
    with (
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Group.start("app", node=b, shards=4, log=False),
    ):
        eventually(lambda: ga.status().refused)
        b.stop()
        eventually(lambda: ga.status().refused == ())

    eventually(lambda: ga.status().refused == ())


def test_a_wrong_cookie_is_shown_with_times(a: Node, ga: Group) -> None:
    wrong = "another cookie of thirty-two bytes!!"
    with Node.start("b", cookie=wrong, join=a.address):
        eventually(lambda: "times, last" in "".join(ga.status().refused), 10)

    (words,) = ga.status().refused
    assert "authentication failed with b: cookie differs, or a replay (" in words
    assert words.endswith(" s ago)")


def test_a_node_that_is_down_is_no_trouble_beside(a: Node, ga: Group) -> None:
    """An address that never had a node is; so is what else the address says later."""
    never, other = itertools.islice(free_ports(), 2)
    with Node.start("b", cookie=SECRET, listen=f"127.0.0.1:{other}") as b:
        a.join(b.address)
        a.join(f"127.0.0.1:{never}")
        with Group.start("app", node=b, shards=2, log=False):
            eventually(lambda: ga.nodes() == ["b"])
            address = b.address
            b.stop()
    eventually(lambda: downs(ga) == ["b"])

    def troubles() -> set[str]:
        return {each.source for each in a.troubles()}

    eventually(lambda: troubles() == {address, f"127.0.0.1:{never}"}, 20)
    (words,) = ga.status().refused
    assert words.startswith(f"cannot join 127.0.0.1:{never}: connection refused.")

    wrong = "another cookie of thirty-two bytes!!"
    with Node.start("c", cookie=wrong, listen=address):
        eventually(lambda: "cookie" in "".join(ga.status().refused), 20)


def gone(name: str, at: float) -> Gone:
    return Gone(name, "h:1", "stopped", 0, 0, at)


def test_who_is_gone_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5000.0
    monkeypatch.setattr("group._looking.departed.monotonic", lambda: now)
    departed = Departed()
    departed.note(gone("b", now))
    departed.note(gone("a", now + 100))

    assert [each.name for each in departed.recent()] == ["a", "b"]

    now += FORGET_AFTER + 1
    assert [each.name for each in departed.recent()] == ["a"]


def test_not_everybody_is_remembered() -> None:
    departed = Departed()
    for number in range(MOST + 3):
        departed.note(gone(f"n{number:03}", 1e12))

    assert len(departed.recent()) == MOST
    assert departed.recent()[0].name == "n003"
