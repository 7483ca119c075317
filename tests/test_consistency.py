"""README's section *Consistency*, sentence by sentence.

The docstring of a test is its sentence; the last test compares the two.
"""

import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from group import Event, Group, KeyTakenError, RegistryConflict, ShardTimeoutError
from group._core.keys import shard_of
from tests import test_promises as promises
from tests.errors.guests import guest
from tests.group.people import (
    PATIENCE,
    AnyRef,
    await_meeting,
    groups,
    listeners,
    settle,
)
from tests.group.test_group_nodes import (
    cut,
    join,
    reasons,
    strangers,
)
from tests.transport.strangers import SECRET, frozen
from tests.waiting import eventually
from transport import Node

INTRO = (
    "Every sentence of this list has a test of its own in `tests/test_consistency.py` "
    "or `tests/test_promises.py`."
)
README = Path(__file__).parent.parent / "README.md"


def break_link(node: Node, peer: Node) -> None:
    """Take the connection away under both nodes; they make another."""
    link = node._engine.link_to(peer.id)
    assert link is not None
    link._raw.shutdown(2)
    eventually(lambda: node._engine.link_to(peer.id) not in (None, link), PATIENCE)


def number_in(event: Event) -> int:
    number = event.meta["n"]
    assert isinstance(number, int)
    return number


def test_own_writes() -> None:
    """A write is in the view of its own node when the call returns, and a read there
    sees it at once.
    """
    with groups("a", "b") as (ga, _), listeners() as (one,):
        for number in range(200):
            ga.register("k", {"n": number}, actor=one)
            assert ga.lookup("k") == (one, {"n": number})
            ga.join("room", {"n": number}, actor=one)
            assert ga.members("room") == [(one, {"n": number})]
            ga.leave("room", actor=one)
            assert ga.members("room") == []


def test_others_hear_later() -> None:
    """Other nodes hear of it afterwards, and no write waits for them."""
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        took = []
        with frozen(gb.node):
            for number in range(10):
                began = time.monotonic()
                ga.register("k", {"n": number}, actor=one)
                ga.join("room", {"n": number}, actor=one)
                took.append(time.monotonic() - began)
            assert gb.lookup("k") is None

        # The quickest: any may be held up by what else the machine does.
        assert min(took) < 0.5
        eventually(lambda: gb.whereis("k") == one, PATIENCE)


def test_settle() -> None:
    """`settle()` returns when every linked peer has applied what this node wrote
    before, and this node what each of them had written when it answered, and raises
    `ShardTimeoutError` if one has not in time.
    """
    with groups("a", "b", "c") as (ga, gb, gc), listeners(2) as (one, two):
        for number in range(50):
            ga.register(f"k/{number}", actor=one)
            gc.register(f"c/{number}", actor=two)
            ga.settle(PATIENCE)
            assert gb.whereis(f"k/{number}") == gc.whereis(f"k/{number}") == one
            assert ga.whereis(f"c/{number}") == two

        with frozen(gc.node):
            ga.register("late", actor=one)
            with pytest.raises(ShardTimeoutError):
                ga.settle(0.2)


def test_who_joins_knows() -> None:
    """`Group.start` returns when this node has the rows of the peers that are linked,
    or after five seconds without them, which it says in the log.
    """
    with groups("a") as (ga,), listeners(2) as (one, two):
        for number in range(20):
            ga.register(f"k/{number}", actor=one)
            with (
                Node.start("b", join=ga.node.address, grace=1.0) as node,
                Group.start("app", node=node, log=False) as gb,
                pytest.raises(KeyTakenError),
            ):
                gb.register(f"k/{number}", actor=two)


def test_order_per_key() -> None:
    """Every node sees what one node writes to one key in the order of the writes,
    although it may miss some in between.
    """
    with groups("a", "b", oplog=8) as (ga, gb), listeners() as (one,):
        with gb.events("k") as stream:
            for number in range(300):
                ga.register("k", {"n": number}, actor=one)
                if number == 150:
                    break_link(ga.node, gb.node)
            numbers = [0]
            while numbers[-1] != 299:
                event = stream.get(timeout=PATIENCE)
                assert isinstance(event, Event)
                numbers.append(number_in(event))

        assert numbers[1:] == sorted(set(numbers[1:]))


def test_reads_may_be_old() -> None:
    """A read is of what this node has heard so far, which may be out of date."""
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        ga.register("k", {"v": 1}, actor=one)
        settle(ga)
        with frozen(gb.node):
            ga.register("k", {"v": 2}, actor=one)
            assert gb.lookup("k") == (one, {"v": 1})


def test_no_transactions() -> None:
    """There are no transactions: another node may see the second of two writes before
    the first, when they are to two keys.
    """
    first, second = (
        next(k for k in "abcdef" if shard_of("", k, 2) == n) for n in (0, 1)
    )
    with groups("a", "b", shards=2) as (ga, gb), listeners() as (one,):
        with gb._instance.runners[0]._turn:
            ga.register(first, actor=one)
            ga.register(second, actor=one)

            eventually(lambda: gb.whereis(second) == one, PATIENCE)
            assert gb.lookup(first) is None
        eventually(lambda: gb.whereis(first) == one, PATIENCE)


def test_no_quorum() -> None:
    """There is no quorum: two nodes that do not hear of each other both go on, and each
    accepts claims of the same key.
    """
    with groups("a", "b") as (ga, gb), listeners(2) as (one, other):
        eventually(lambda: cut(ga, gb), PATIENCE, what="cut")

        ga.register("k", actor=one)
        gb.register("k", actor=other)

        assert (ga.whereis("k"), gb.whereis("k")) == (one, other)


class Weight:
    """Ranks by the meta."""

    rank_id = "weight"

    def __call__(
        self, key: str, meta: Mapping[str, object], node: str, stamp: int
    ) -> object:
        return meta["weight"]


@pytest.mark.parametrize(
    ("weights", "same_moment", "winner"),
    [((2, 1), False, "a"), ((1, 1), False, "b"), ((1, 1), True, "b")],
    ids=["rank", "age", "name"],
)
def test_one_claim_stays(
    monkeypatch: pytest.MonkeyPatch,
    weights: tuple[int, int],
    *,
    same_moment: bool,
    winner: str,
) -> None:
    """When they meet, exactly one claim stays, the same on every node: that of the
    greater `conflict_rank`, else the newer one, else that of the node whose name sorts
    last.
    """
    if same_moment:
        monkeypatch.setattr("group._tree.runner.wall_ms", lambda: 1_700_000_000_000)
    with (
        strangers(log=False, conflict_rank=Weight()) as (ga, gb),
        listeners(2) as (one, other),
        Node.start("c", join=[ga.node.address]) as c,
        Group.start("app", node=c, log=False, conflict_rank=Weight()) as gc,
    ):
        # Of the two that are made in one moment the last name's is made first.
        claims: list[tuple[Group, int, AnyRef]] = [
            (ga, weights[0], one),
            (gb, weights[1], other),
        ]
        for g, weight, ref in reversed(claims) if same_moment else claims:
            g.register("k", {"weight": weight}, actor=ref)
        owner, loser = (one, other) if winner == "a" else (other, one)

        gb.node.join(ga.node.address)

        eventually(lambda: not loser.is_alive(), PATIENCE, what="the loser has ended")
        await_meeting(ga, gb, gc)
        eventually(lambda: {g.whereis("k") for g in (ga, gb, gc)} == {owner}, PATIENCE)
        assert owner.is_alive()


def test_losers_end_at_home() -> None:
    """The loser ends with `RegistryConflict`, which names the winner and its meta, and
    only the loser's own node ends it.
    """
    with (
        strangers(log=False) as (ga, gb),
        listeners(2) as (older, newer),
        Node.start("c", join=[ga.node.address]) as c,
        Group.start("app", node=c, log=False) as gc,
    ):
        ga.register("k", actor=older)
        gb.register("k", {"v": 2}, actor=newer)
        ends = reasons(older, newer)

        gb.node.join(ga.node.address)

        eventually(lambda: ends[0], PATIENCE, what="the loser has ended")
        assert ends == [RegistryConflict("k", newer, {"v": 2}), None]
        eventually(lambda: gc.whereis("k") == newer, PATIENCE)
        assert [g._instance.conflicts for g in (ga, gb, gc)] == [1, 0, 0]


def test_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that is made in knowledge of another one is the newer, whatever the
    clocks say, as long as they differ by less than a minute.
    """
    wall = [1_700_000_050_000]
    monkeypatch.setattr("group._tree.runner.wall_ms", lambda: wall[0])
    with groups("a", "b") as (ga, gb), listeners(2) as (older, newer):
        ga.register("k", actor=older)
        settle(ga)
        eventually(lambda: cut(ga, gb), PATIENCE, what="cut")
        # The second claim is made by a clock that is 50 seconds behind.
        wall[0] -= 50_000
        gb.register("k", actor=newer)

        join(ga, gb)

        eventually(lambda: not older.is_alive(), PATIENCE, what="the older has ended")
        eventually(lambda: ga.whereis("k") == gb.whereis("k") == newer, PATIENCE)


def test_short_breaks() -> None:
    """A link that breaks and is back within the grace changes nothing that is seen."""
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        ga.register("k", actor=one)
        ga.join("room", actor=one)
        settle(ga)
        with gb.events() as stream:
            break_link(gb.node, ga.node)
            assert gb.keys() == ["k", "room"]
            ga.register("next", actor=one)

            event = stream.get(timeout=PATIENCE)
            assert isinstance(event, Event)
            assert event.key == "next"
            assert gb.keys() == ["k", "next", "room"]


@pytest.mark.cluster
@pytest.mark.slow
def test_lost_nodes() -> None:
    """The rows of a node that falls silent go after its lease and the grace, and those
    of one whose address refuses connections go at once.
    """
    silent = seconds_until_gone(signal.SIGSTOP, heartbeat=0.3)
    refusing = seconds_until_gone(signal.SIGKILL, heartbeat=3.0)

    # The lease is 1.5 s and the grace 1.0 s; the last beat may be 0.3 s old.
    assert 2.1 < silent < 5 * 2.5
    # The lease is 15 s.
    assert refusing < 5


def seconds_until_gone(number: signal.Signals, heartbeat: float) -> float:
    lease = 5 * heartbeat
    with (
        Node.start(
            "host", cookie=SECRET, heartbeat=heartbeat, lease=lease, grace=1.0
        ) as host,
        Group.start("app", node=host, log=False) as g,
        guest(host, GUEST_HEARTBEAT=str(heartbeat)) as other,
    ):
        other.actor.ask(("register", 1), timeout=PATIENCE)
        g.wait_for("guest/0", timeout=PATIENCE)
        began = time.monotonic()
        other.process.send_signal(number)
        eventually(lambda: not g.keys(), 15, what=f"gone by {number.name}")
        return time.monotonic() - began


def sentences_of(module: ModuleType) -> list[str]:
    """What the tests of a module say they try."""
    return [
        words(test.__doc__ or "")
        for name, test in vars(module).items()
        if name.startswith("test_") and test.__doc__
    ]


def words(text: str) -> str:
    return " ".join(text.split())


def test_every_sentence_has_its_test_and_every_test_its_sentence() -> None:
    page = README.read_text(encoding="utf-8")
    section = page.partition("\n## Consistency\n")[2].partition("\n## ")[0]
    intro, *items = re.split(r"^- ", section, flags=re.MULTILINE)

    tested = [*sentences_of(sys.modules[__name__]), *sentences_of(promises)]

    assert words(intro) == INTRO
    assert len(items) > 15
    assert tested == [words(item) for item in items]
