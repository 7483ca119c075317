"""The second half of README's section *Consistency*; see test_consistency.py."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from actors import kill
from group import Group, Lagged
from group._core import messages as wire
from tests.errors.forger import Forger
from tests.group.bench import put
from tests.group.people import (
    PATIENCE,
    AnyRef,
    await_meeting,
    groups,
    heard_by,
    listeners,
    settle,
)
from tests.group.test_group_nodes import (
    replay,
    view_of,
    write_something,
)
from tests.group.test_shard_actor import await_new_shards, shard_actor
from tests.transport.strangers import SECRET
from tests.waiting import eventually
from transport import EncodeError, Node, NodeDownError


def break_link(node: Node, peer: Node) -> None:
    """Take the connection away under both nodes; they make another."""
    link = node._engine.link_to(peer.id)
    assert link is not None
    link._raw.shutdown(2)
    eventually(lambda: node._engine.link_to(peer.id) not in (None, link), PATIENCE)


def test_events_fold(seed: int) -> None:
    """Events applied one by one to the rows that a monitor began with give the view."""
    choose = random.Random(seed)
    with groups("a", "b", shards=2) as (ga, gb), listeners(4) as refs:
        for ref in refs:
            ga.join("k/0", actor=ref)
        settle(ga)
        with gb.events(snapshot=True) as stream:
            for _ in range(150):
                with suppress(Exception):
                    write_something(ga, choose.choice(refs), choose)
            settle(ga)
            rows: dict[object, object] = {}
            while stream.waiting:
                replay(stream.get(timeout=0), rows)

        assert rows == view_of(gb)


def test_no_holes() -> None:
    """A monitor that is too slow is told `Lagged` and begins again, so that there is
    never a silent hole.
    """
    with Group.start("app", log=False, max_events=5) as g, listeners() as (one,):
        with g.events() as stream:
            for number in range(100):
                g.register(f"k/{number}", actor=one)
            keys: set[str] = set()
            lagged = 0
            while stream.waiting or not lagged:
                event = stream.get(timeout=PATIENCE)
                if isinstance(event, Lagged):
                    lagged += event.missed
                    keys.clear()
                else:
                    keys.add(event.key)

        assert lagged > 0
        assert keys == set(g.keys())


def test_messages() -> None:
    """A message arrives at most once, and those of one sender to one receiver arrive in
    order while a link lasts.
    """
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        gb.register("k", actor=one)
        settle(gb)
        far = ga.whereis("k")
        assert far is not None
        for number in range(2000):
            with suppress(NodeDownError):
                far.tell(number)
            if number == 1000:
                break_link(ga.node, gb.node)
        eventually(lambda: 1999 in heard_by(one), PATIENCE, what="the last one")

        heard = heard_by(one)
        assert heard == sorted(set(heard))
        # What was sent while the link lasted is all there.
        assert heard[-900:] == list(range(1100, 2000))


def test_isolation() -> None:
    """Rows of a subcluster go only to the nodes that are in it."""
    with (
        groups("a", "b", "c") as (ga, gb, gc),
        listeners() as (one,),
        ga.connect("red"),
        gb.connect("red"),
        gc.events(cluster="red") as stream,
    ):
        ga.register("k", actor=one, cluster="red")
        ga.join("room", actor=one, cluster="red")
        settle(ga)

        assert gb.keys(cluster="red") == ["k", "room"]
        assert gc.keys(cluster="red") == gc.keys() == []
        assert stream.waiting == 0
        for tables in gc._instance.store.tables:
            copies = [c for held in tables.inbound.values() for c in held.values()]
            assert {copy.cluster for copy in copies} <= {""}


@pytest.mark.parametrize("interest", ["registered", "joined", "monitors"])
def test_leases(interest: str) -> None:
    """A node that joined a subcluster with `ttl=` leaves it when the time is over,
    unless an actor of it is registered, joined or monitors there.
    """
    calls: dict[str, Callable[[Group, AnyRef], None]] = {
        "registered": lambda g, ref: g.register("k", actor=ref, cluster="used"),
        "joined": lambda g, ref: g.join("k", actor=ref, cluster="used"),
        "monitors": lambda g, ref: g.monitor("k", actor=ref, cluster="used"),
    }
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        ga.connect("used", ttl=1.0)
        calls[interest](ga, one)
        ga.connect("unused", ttl=1.0)
        eventually(lambda: gb.nodes("unused") == ["a"], PATIENCE)

        eventually(lambda: not ga.connected("unused"), PATIENCE, what="left")
        eventually(lambda: gb.nodes("unused") == [], PATIENCE)
        assert ga.connected("used")
        one.stop(timeout=PATIENCE)
        eventually(lambda: not ga.connected("used"), PATIENCE, what="left, too")


@pytest.mark.crashes("ShardActor", by="killed")
def test_shard_crashes() -> None:
    """A shard that crashes loses nothing that was written: the next one takes up its
    rows, and its peers get what they lack.
    """
    with groups("a", "b", shards=1, heartbeat=0.2) as (ga, gb), listeners() as (one,):
        for number in range(30):
            ga.register(f"k/{number:02}", {"n": number}, actor=one)
            if number % 10 == 5:
                kill(shard_actor(ga))
                await_new_shards(ga, number // 10 + 1)
        kill(shard_actor(gb))
        await_new_shards(gb, 1)
        settle(ga)

        expected = [f"k/{number:02}" for number in range(30)]
        assert ga.keys() == gb.keys() == expected
        assert gb.lookup("k/29") == (one, {"n": 29})


class Runs:
    """A pickle that makes a directory when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.path,)


def test_trust_in_code(tmp_path: Path) -> None:
    """Every node that knows the cookie can run code on every other one that allows
    pickle.
    """
    with (
        Node.start("a", cookie=SECRET) as a,
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Node.start("c", cookie=SECRET, join=a.address, allow_pickle=False) as c,
        listeners(2) as (at_b, at_c),
    ):
        a.wait_peers(2, PATIENCE)
        a.ref(b.id, b.adopt(at_b), "Listener").tell(Runs(tmp_path / "b"))
        with pytest.raises(EncodeError):
            a.ref(c.id, c.adopt(at_c), "Listener").tell(Runs(tmp_path / "c"))

        eventually((tmp_path / "b").exists, PATIENCE)
        assert not (tmp_path / "c").exists()


def test_trust_in_rows() -> None:
    """It can claim any key for actors of its own, and win, but it cannot change or
    remove the rows of another node.
    """
    later = (int(time.time() * 1000) + 30_000) << 16
    with (
        Node.start("a", cookie=SECRET) as a,
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Group.start("app", node=a, shards=1, log=False) as ga,
        Group.start("app", node=b, shards=1, log=False) as gb,
        listeners() as (one,),
    ):
        await_meeting(ga, gb)
        gb.register("of/b", actor=one)
        settle(gb)
        number = b.address_of(one)[1]
        forger = Forger(a).join(ga)
        with forger.sock:
            gone = wire.Reason("normal")
            forger.tell(wire.Ops(0, 0, 1, [wire.DelReg("of/b", gone)]))
            forger.tell(wire.Ops(0, 0, 2, [wire.DelOwner(number, gone)]))
            forger.tell(wire.Ops(0, 0, 4, [put("mine", 9, stamp=later)]))
            forger.await_message(wire.Need)
            assert ga.whereis("of/b") == one

            claims = [put(key, 9, stamp=later) for key in ("mine", "of/b")]
            forger.tell(wire.Ops(0, 0, 3, list(claims)))
            eventually(lambda: ga.whereis("of/b") != one, PATIENCE, what="it wins")
        # When it is gone, the row of b is what it was.
        a.disconnect("forger")
        eventually(lambda: ga.keys() == ["of/b"], PATIENCE)
        assert ga.whereis("of/b") == gb.whereis("of/b") == one
        assert one.is_alive()
