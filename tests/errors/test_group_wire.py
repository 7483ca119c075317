"""B067 to B080: a proven peer that breaks the group's protocol, over a real socket.

Each fault closes that peer's link with one line in the log; what is lawful in a race is
ignored and counted. The group, its other peer and their rows go on.
"""

from collections.abc import Iterator

import pytest

from group import Group
from group._core import messages as wire
from group._core.keys import shard_of
from tests.errors.forger import Forger
from tests.group.bench import put, snapshot
from tests.group.people import await_meeting, listeners, settle
from tests.transport.strangers import SECRET, warnings
from tests.waiting import eventually
from transport import Node

NOW = 1_700_000_000_000 << 16


@pytest.fixture
def g() -> Iterator[Group]:
    """A group of one shard with a real peer, which must not notice anything."""
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
        life = a.linked_id("b")
        yield ga
        assert ga.whereis("of/b") == one
        assert a.linked_id("b") == life
        settle(ga, gb)
        assert [runner.begun for runner in ga._instance.runners] == [1]


@pytest.fixture
def forger(g: Group) -> Iterator[Forger]:
    """A peer of the group that is about to do wrong."""
    made = Forger(g.node).join(g)
    with made.sock:
        yield made


def stats(g: Group) -> dict[str, int]:
    return g._instance.runners[0].stats


def counted(g: Group, what: str) -> None:
    eventually(lambda: stats(g).get(what), what=what)


def ops(first: int, *several: wire.Op, cid: int = 0) -> wire.Ops:
    return wire.Ops(0, cid, first, list(several))


def spoilt(message: wire.Message, old: bytes, new: bytes) -> bytes:
    body = wire.encode(message)
    assert body.count(old) == 1
    return body.replace(old, new)


def reg(key: str = "k", n: int = 7, stamp: int = NOW) -> wire.PutReg:
    return put(key, n, stamp=stamp)


# What is sent after the catalogue, and what the log says of it.
FAULTS: dict[str, tuple[list[wire.Message], str]] = {
    "B067 second catalogue": ([wire.Catalogue(2, [(0, "")])], "second catalogue"),
    "B068 an unknown cluster": ([ops(1, reg(), cid=9)], "unknown cluster number 9"),
    "B068 the default cluster left": (
        [wire.Left(2, [0])],
        "left cluster number 0, which cannot be left",
    ),
    "B068 a number used again": (
        [
            wire.Joined(2, [(1, "red")]),
            wire.Left(3, [1]),
            wire.Joined(4, [(1, "red")]),
        ],
        "cluster number 1 used again",
    ),
    "B071 another shard": (
        [wire.Ops(5, 0, 1, [reg()])],
        "no shard 5",
    ),
    "B073 too large a snapshot": (
        [wire.SnapBegin(0, 0, 1, 5_000_001)],
        "snapshot of 5000001 rows, more than 5000000",
    ),
    "B075 a stamp that changes": (
        [ops(1, reg(stamp=NOW), reg(stamp=NOW + 1))],
        "stamp of 'k' changed",
    ),
    "B078 a cluster joined twice": (
        [wire.Joined(2, [(1, "red")]), wire.Joined(3, [(2, "red")])],
        "cluster 'red' opened twice",
    ),
    "B078 an unknown cluster left": (
        [wire.Left(2, [77])],
        "left cluster number 77, which cannot be left",
    ),
}
# Bodies that no node writes.
GOOD = ops(1, reg("key", 7, NOW))
RAW: dict[str, bytes] = {
    "B065 an unknown type": b"\x91\x63",
    "B065 too few fields": wire.encode(GOOD)[:-1],
    "B065 trailing bytes": wire.encode(GOOD) + b"\x00",
    "B065 a negative shard": spoilt(wire.Fence(0, 9), b"\x00\x09", b"\xff\x09"),
    "B065 nothing": b"",
    "B066 bad UTF-8": spoilt(GOOD, b"\xa3key", b"\xa3k\xffy"),
    "B066 a depth bomb": b"\x91" * 100_000,
    "B066 a count bomb": b"\xdd\xff\xff\xff\xff",
    "B069 position 0": spoilt(wire.Ops(0, 0, 9, [reg()]), b"\x00\x00\x09", b"\0\0\0"),
    "B069 no operations": wire.encode(wire.Ops(0, 0, 1, [])),
    "B069 a position near 2**63": wire.encode(wire.Ops(0, 0, 2**63 - 1, [reg()])),
    "B071 a key of 1,025 bytes": wire.encode(ops(1, reg("k" * 1025))),
    "B071 an empty key": wire.encode(ops(1, reg(""))),
    "B071 a meta of 64 KiB and a byte": wire.encode(
        ops(1, wire.PutReg("k", 7, "A", NOW, bytes(65_537)))
    ),
    "B074 actor 0": wire.encode(ops(1, reg(n=0))),
    "B075 stamp 0": wire.encode(ops(1, reg(stamp=0))),
}


@pytest.mark.parametrize(("sent", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_peer_ends_its_link_with_one_line(
    g: Group,
    forger: Forger,
    caplog: pytest.LogCaptureFixture,
    sent: list[wire.Message],
    words: str,
) -> None:
    forger.tell(*sent)
    forger.end()

    (line,) = warnings(caplog)
    assert line.startswith("link_ended")
    assert words in line
    eventually(lambda: g.keys() == ["of/b"], what="its rows are gone")


@pytest.mark.parametrize("body", RAW.values(), ids=RAW.keys())
def test_bytes_that_are_no_message_end_the_link_with_one_line(
    g: Group, forger: Forger, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    forger.tell_raw(body)
    forger.end()

    (line,) = warnings(caplog)
    assert line.startswith("link_ended")
    assert "reason=decode" in line
    assert "group frame: " in line


def test_nothing_is_said_before_the_catalogue(
    g: Group, caplog: pytest.LogCaptureFixture
) -> None:
    forger = Forger(g.node).meet(g)

    forger.tell(wire.Hello(0, 0, []))
    forger.end()

    assert "Hello before catalogue" in warnings(caplog)[0]


def test_a_key_of_another_shard_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    with (
        Node.start("a", cookie=SECRET) as a,
        Group.start("app", node=a, shards=2, log=False) as g,
    ):
        forger = Forger(a).join(g)
        key = next(k for k in "abcdef" if shard_of("", k, 2) == 1)

        forger.tell(ops(1, reg(key)))
        forger.end()

    assert f"'{key}' is not of shard 0" in warnings(caplog)[0]


def test_more_clusters_than_anybody_needs_are_a_fault(
    g: Group, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 100,000 need two seconds; the number is the same constant here and there.
    monkeypatch.setattr("group._core.peers.MAX_CLUSTERS", 10)
    forger = Forger(g.node).meet(g)

    forger.tell(wire.Catalogue(1, [(n, f"c/{n}") for n in range(11)]))
    forger.end()

    assert "more than 10 clusters" in warnings(caplog)[0]


def test_a_peer_that_goes_on_is_kept_away(
    g: Group, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        forger = Forger(g.node).join(g)
        forger.tell(wire.Left(2, [77]))
        forger.end()

    third = Forger(g.node)
    with third.sock, pytest.raises(AssertionError, match="closed the connection"):
        third.open()
    assert "quarantined: node forger for 4 s after 2 faults" in caplog.text


def test_a_gap_is_asked_for_and_what_is_known_is_ignored(
    g: Group, forger: Forger
) -> None:
    forger.tell(ops(1, reg("a"), reg("b")))
    forger.tell(ops(9, reg("far")))
    need = forger.await_message(wire.Need)
    forger.tell(ops(1, reg("a"), reg("b")))
    forger.tell(ops(2, reg("b"), reg("c")))

    assert need == wire.Need(0, 0, 2)
    eventually(lambda: g.keys() == ["a", "b", "c", "of/b"], what="suffix applied")
    assert (stats(g)["gaps"], stats(g)["duplicates"]) == (1, 1)


BEGIN, ROWS, END = snapshot(9, put("s", 9, stamp=NOW))
TWICE = wire.SnapRows(0, 0, [put("s", 9, stamp=NOW), put("s", 9, stamp=NOW)])
MORE = wire.SnapRows(0, 0, [put("t", 9, stamp=NOW)])
BROKEN: dict[str, list[wire.Message]] = {
    "another count": [BEGIN, ROWS, wire.SnapEnd(0, 0, 9, 2, 0)],
    "another hash": [BEGIN, ROWS, wire.SnapEnd(0, 0, 9, 1, 1)],
    "another head": [BEGIN, ROWS, wire.SnapEnd(0, 0, 8, 1, 0)],
    "two rows of a key": [wire.SnapBegin(0, 0, 9, 2), TWICE, END],
}


@pytest.mark.parametrize("frames", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_snapshot_is_asked_for_again(
    g: Group, forger: Forger, frames: list[wire.Message]
) -> None:
    forger.tell(*frames)
    need = forger.await_message(wire.Need)
    assert g.keys() == ["of/b"]
    forger.tell(BEGIN, ROWS, END)

    assert need == wire.Need(0, 0, None)
    eventually(lambda: g.keys() == ["of/b", "s"], what="the next one is installed")
    assert stats(g)["bad_snapshots"] == 1


def test_rows_beyond_the_count_and_ends_without_a_beginning_are_ignored(
    g: Group,
    forger: Forger,
) -> None:
    forger.tell(END, BEGIN, ROWS, MORE, END)

    eventually(lambda: stats(g).get("end_without_begin") == 2, what="both ignored")
    assert stats(g)["bad_snapshots"] == 1
    assert g.keys() == ["of/b"]


def test_an_actor_number_may_come_again(g: Group, forger: Forger) -> None:
    forger.tell(ops(1, reg(n=7), wire.DelReg("k", wire.Reason("normal")), reg(n=7)))

    eventually(lambda: g.keys() == ["k", "of/b"], what="registered again")


def test_a_clock_far_ahead_is_said_once_and_not_followed(
    g: Group, forger: Forger, caplog: pytest.LogCaptureFixture
) -> None:
    far = 1 << 62

    forger.tell(ops(1, *(reg(f"k/{n}", stamp=far + n) for n in range(50))))

    eventually(lambda: len(g.keys("k/")) == 50, what="accepted all the same")
    lines = [r.getMessage() for r in caplog.records if r.name == "group"]
    assert [line.split()[0] for line in lines] == ["clock_skew"]
    assert "peer=forger" in lines[0]
    assert g._instance.store.tables[0].clock.last < far
    assert stats(g)["skewed"] == 50


def test_needs_that_make_no_sense_get_a_snapshot_or_nothing(
    g: Group, forger: Forger
) -> None:
    with listeners() as (one,):
        g.register("of/a", actor=one)
        forger.tell(wire.Need(0, 0, 10**9))
        begin = forger.await_message(wire.SnapBegin)
        forger.await_message(wire.SnapEnd)
        forger.tell(wire.Need(0, 99, 0))

        assert (begin.shard, begin.cid, begin.count) == (0, 0, 1)
        counted(g, "need_unknown")
        assert stats(g)["cursor_ahead"] == 1


def test_answers_that_nobody_asked_for_are_ignored(g: Group, forger: Forger) -> None:
    with listeners() as (one,):
        g.register("mine", actor=one)
        forger.tell(wire.Ans(0, "", "mine", 7, NOW), wire.Ans(0, "", "no", 7, NOW))

        eventually(lambda: stats(g).get("answers_ignored") == 2, what="ignored")
        assert g.whereis("mine") is one
        assert one.is_alive()


@pytest.mark.crashes("audit_mismatch")
def test_an_audit_that_differs_is_an_error_and_repaired(
    g: Group, forger: Forger, caplog: pytest.LogCaptureFixture
) -> None:
    forger.tell(ops(1, reg("wrong")))
    eventually(lambda: g.lookup("wrong"), what="applied")
    change = g._instance.store.directory.change

    forger.tell(wire.Beat(0, NOW, change, 12345))
    forger.await_message(wire.HeadsQuery)
    forger.tell(wire.Heads(0, [(0, 1, 6789)]))
    need = forger.await_message(wire.Need)
    forger.tell(*snapshot(9, put("right", 9, stamp=NOW)))

    assert need == wire.Need(0, 0, None)
    eventually(lambda: g.keys() == ["of/b", "right"], what="repaired")
    (record,) = [r for r in caplog.records if r.name == "group"]
    line = record.getMessage()
    assert (record.levelname, line.split()[0]) == ("ERROR", "audit_mismatch")
    assert "shard=0 position=1" in line
    assert f"theirs={6789:016x}" in line
    assert stats(g)["audit_mismatches"] == 1
