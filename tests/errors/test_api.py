"""B020 to B043: what callers get wrong, or cannot have: class, number and words."""

import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

import group
from actors import Actor, mailbox
from group import (
    CondemnedError,
    DeadActorError,
    Group,
    GroupError,
    KeyTakenError,
    NotLocalError,
    NotOwnerError,
    ShardTimeoutError,
    StoppedError,
)
from tests.group.people import (
    PATIENCE,
    await_meeting,
    end_of,
    groups,
    listeners,
    settle,
)
from tests.waiting import eventually
from transport import Node

KEY = "key must be 1\N{EN DASH}1024 bytes of valid UTF-8, got "
CLUSTER = "cluster must be 1\N{EN DASH}255 bytes of valid UTF-8, got "
TTL = "ttl must be a positive finite number of seconds, got "
LIMIT = "limit must be an integer, 0 or more, got "
Loose = Any  # Called with what its types forbid.


@pytest.fixture(scope="module")
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as started:
        yield started


class Case(NamedTuple):
    """A call that is refused."""

    row: str
    error: type[Exception]
    text: str
    call: Callable[[Loose, Loose], object]
    values: tuple[object, ...] = (None,)


def deep(levels: int) -> object:
    value: object = "leaf"
    for _ in range(levels):
        value = [value]
    return value


CYCLE: dict[str, object] = {}
CYCLE["self"] = CYCLE
METAS: list[tuple[str, object]] = [
    ("at $.a[3]: set is not supported; use list", {"a": [1, 2, 3, {4}]}),
    ("at $.a: object is not supported", {"a": object()}),
    ("is it in itself", CYCLE),
    ("at $: key nan (float) is not supported; use str", {math.nan: 1}),
    ("bytes encoded, more than 65,536", {"a": "x" * 65_536}),
    ("nested deeper than 32", {"a": deep(40)}),
    ("has more than 64 bits", {"a": 2**64}),
]
InvalidKey, InvalidMeta = group.InvalidKeyError, group.InvalidMetaError
InvalidCluster, InvalidArgument = group.InvalidClusterError, group.InvalidArgumentError


def with_meta(g: Loose, meta: Loose) -> None:
    g.register("k", meta)


CASES = [
    Case(
        "B020",
        InvalidKey,
        KEY,
        lambda g, key: g.register(key),
        ("", None, 5, b"key", "k" * 1025, "é" * 513, "a\0b", "\ud800"),
    ),
    Case(
        "B021",
        InvalidKey,
        "'a/' is reserved for prefix queries",
        lambda g, key: g.join(key),
        ("a/",),
    ),
    Case(
        "B026",
        group.NotRegisteredError,
        "key 'nobody' is not registered by anyone",
        lambda g, key: g.unregister(key),
        ("nobody",),
    ),
    Case(
        "B027",
        group.NotJoinedError,
        "has not joined 'k'; join it first",
        lambda g, key: g.leave(key),
        ("k",),
    ),
    *(Case("B028", InvalidMeta, text, with_meta, (meta,)) for text, meta in METAS),
    Case(
        "B030",
        InvalidCluster,
        CLUSTER,
        lambda g, name: g.connect(name),
        ("", 5, b"red", "r" * 256),
    ),
    Case(
        "B031",
        group.NotConnectedError,
        "not connected to cluster 'red': call g.connect('red') first (connected: none)",
        lambda g, name: g.register("k", cluster=name),
        ("red",),
    ),
    Case(
        "B032",
        InvalidCluster,
        "the default cluster cannot be left",
        lambda g, name: g.disconnect(name),
    ),
    Case(
        "B033",
        InvalidArgument,
        TTL,
        lambda g, ttl: g.connect("red", ttl=ttl),
        (0, -1.0, math.nan, math.inf, True, "1"),
    ),
    Case(
        "B035",
        InvalidArgument,
        LIMIT,
        lambda g, limit: g.members("k", limit=limit),
        (-1, 1.0, "1", True),
    ),
    Case("B039", InvalidKey, KEY, lambda g, p: g.monitor(p), ("", None, [], 5)),
]
SINGLE = {
    f"{case.row}-{number}-{n}": (case, value)
    for number, case in enumerate(CASES)
    for n, value in enumerate(case.values)
}
# A pattern is a key or a prefix, so a bad one has the number of a bad key.
NUMBERS = {"B039": "B020"}
OF_VALUES = {"B020", "B021", "B028", "B030", "B032", "B033", "B035", "B039"}


@pytest.mark.parametrize(("case", "value"), SINGLE.values(), ids=SINGLE.keys())
def test_a_wrong_call_says_what_is_wrong(g: Group, case: Case, value: object) -> None:
    with mailbox(), pytest.raises(case.error, match=re.escape(case.text)) as caught:
        case.call(g, value)

    assert isinstance(caught.value, GroupError)
    assert caught.value.code == NUMBERS.get(case.row, case.row)
    assert len(str(caught.value)) < 250
    assert isinstance(caught.value, ValueError) or case.row not in OF_VALUES
    assert g.keys() == []


def test_a_key_that_a_live_actor_has_is_taken_and_its_owner_is_named() -> None:
    with groups("a", "b") as (ga, gb), listeners(2) as (one, other):
        ga.register("user/1", {"v": 1}, actor=one)
        settle(ga)

        with pytest.raises(KeyTakenError) as caught:
            gb.register("user/1", actor=other)

    error = caught.value
    assert error.code == "B022"
    assert (error.key, error.ref, error.node) == ("user/1", one, "a")
    assert str(error).startswith(
        "key 'user/1' is already registered by <Listener on a> since "
    )
    assert str(error).endswith(
        "(meta {'v': 1}); use lookup('user/1') or get_or_start(...)"
    )


def test_the_owner_registers_again_and_monitors_hear_of_the_change(g: Group) -> None:
    with mailbox(), g.events("k") as stream:
        g.register("k", {"v": 1})
        g.register("k", {"v": 2})

        found = [stream.get(timeout=PATIENCE) for _ in range(2)]

    assert [getattr(event, "previous_meta", "lagged") for event in found] == [
        None,
        {"v": 1},
    ]


def test_the_dead_and_the_remote_are_not_registered(g: Group) -> None:
    with groups("a", "b") as (ga, gb), listeners(2) as (one, dead):
        end_of(dead)
        ga.register("k", actor=one)
        settle(ga)
        far = gb.whereis("k")

        with pytest.raises(DeadActorError, match="has ended; start another") as gone:
            ga.register("other", actor=dead)
        with pytest.raises(
            NotLocalError, match="is an actor of node a, not of b"
        ) as no:
            gb.register("other", actor=far)

    assert (gone.value.code, no.value.code) == ("B024", "B024")


class Busy(Actor):
    """Is in the middle of a message until its gate is opened."""

    def __init__(self, begun: threading.Event, gate: threading.Event) -> None:
        super().__init__()
        self.begun, self.gate = begun, gate

    def on_receive(self, message: object) -> None:
        self.begun.set()
        self.gate.wait(3 * PATIENCE)


def test_an_actor_that_lost_a_conflict_can_claim_nothing_more() -> None:
    begun, gate = threading.Event(), threading.Event()
    with (
        Node.start("a") as a,
        Node.start("b") as b,
        Group.start("app", node=a, log=False) as ga,
        Group.start("app", node=b, log=False) as gb,
        listeners() as (newer,),
    ):
        older = Busy.start(begun, gate)
        older.tell("be busy")
        # It would end at once if it were told to in between.
        assert begun.wait(PATIENCE)
        ga.register("k", actor=older)
        gb.register("k", actor=newer)
        try:
            b.join(a.address)
            await_meeting(ga, gb)
            eventually(lambda: ga._instance.store.condemned, PATIENCE, what="condemned")

            with pytest.raises(CondemnedError) as caught:
                ga.register("other", actor=older)
        finally:
            gate.set()
            end_of(older)

    assert caught.value.code == "B025"
    assert str(caught.value).startswith("actor ")
    assert "is being stopped after losing" in str(caught.value)


def test_a_key_of_another_node_is_not_given_up_here() -> None:
    with groups("a", "b") as (ga, gb), listeners() as (one,):
        ga.register("k", actor=one)
        settle(ga)

        with pytest.raises(NotOwnerError) as caught:
            gb.unregister("k")

    assert caught.value.code == "B026"
    assert "only that node can unregister it" in str(caught.value)


def test_meta_that_is_changed_later_is_what_it_was(g: Group) -> None:
    meta = {"list": [1]}
    with mailbox():
        g.register("k", meta)
        meta["list"].append(2)

        found = g.lookup("k")

    assert found is not None
    assert found.meta == {"list": (1,)}


def test_outside_a_cluster_reads_are_empty_and_leaving_is_silent(g: Group) -> None:
    with mailbox():
        assert g.lookup("k", cluster="red") is None
        assert g.dispatch("k", "x", cluster="red") == 0
        g.monitor("k", cluster="red")
        g.disconnect("red")


def test_connecting_again_changes_no_lease(g: Group) -> None:
    with g.connect("red", ttl=600) as red:
        for ttl in (0.5, 9000, None):
            g.connect("red", ttl=ttl)

        left = red.ttl_left

    assert left is not None
    assert 590 < left <= 600


def test_a_call_during_the_stop_ends() -> None:
    """Callers that come at any moment of a stop get an answer or `StoppedError`."""
    for _ in range(10):
        started = Group.start("ending", log=False, shards=2)
        told: list[str] = []
        begun = threading.Barrier(3)

        def call(started: Group, told: list[str], begun: threading.Barrier) -> None:
            with listeners() as (one,):
                begun.wait(PATIENCE)
                number = 0
                try:
                    while True:
                        number += 1
                        started.join(f"k/{number}", actor=one)
                except StoppedError as error:
                    told.append(f"{error.code}: {error}")

        work = partial(call, started, told, begun)
        callers = [threading.Thread(target=work) for _ in range(2)]
        for caller in callers:
            caller.start()
        begun.wait(PATIENCE)
        started.stop()
        for caller in callers:
            caller.join(PATIENCE)

        assert told == ["B036: group 'ending' is stopped"] * 2


def test_a_shard_that_does_not_answer_is_named_with_its_queue() -> None:
    with Group.start("app", shards=1, log=False) as g, mailbox():
        (runner,) = g._instance.runners
        began = time.monotonic()
        with runner._turn, pytest.raises(ShardTimeoutError) as caught:
            g.register("k", timeout=0.05)

        assert time.monotonic() - began < 2
        assert str(caught.value) == "shard 0 did not answer in 0.05 s (queue 1)"
        assert caught.value.code == "B037"
        assert isinstance(caught.value, TimeoutError)
        # Its time is over: what comes late is not carried out.
        g.join("k")
        assert g.lookup("k") is None


def test_the_dead_cannot_monitor(g: Group) -> None:
    with listeners() as (one,):
        end_of(one)
        with pytest.raises(DeadActorError) as caught:
            g.monitor("k", actor=one)

    assert caught.value.code == "B024"


def test_a_message_to_nobody_is_no_error(g: Group) -> None:
    assert g.dispatch("nobody", "x") == 0
    assert g.dispatch_local("nobody", "x") == 0
    assert g.members("nobody") == []
