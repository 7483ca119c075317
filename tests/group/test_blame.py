"""Who crashes shards is held to account, and let in again."""

import logging

import pytest

from actors import mailbox
from group import Group
from group._core.blame import LONGEST, WINDOW, Blame
from group._core.following import Following
from group._core.messages import Ops
from group._core.peers import Peer
from tests.waiting import eventually
from transport import Node, NodeId

BAD = NodeId("bad", b"1" * 16)


def test_one_fault_is_forgiven() -> None:
    blame = Blame()

    assert blame.note(BAD, "boom", 0.0) == 0.0
    assert blame.words("bad", 0.0) is None


def test_a_second_fault_within_a_minute_is_a_quarantine() -> None:
    blame = Blame()
    blame.note(BAD, "boom", 0.0)

    assert blame.note(BAD, "boom", WINDOW) == 1.0
    words = blame.words("bad", WINDOW)
    assert words == "quarantined: node bad for 1 s after 2 faults (boom)"
    assert blame.words("bad", WINDOW + 1.0) is None


def test_faults_more_than_a_minute_apart_are_none() -> None:
    blame = Blame()
    blame.note(BAD, "boom", 0.0)

    assert blame.note(BAD, "boom", WINDOW + 0.1) == 0.0


def test_quarantines_double_up_to_a_minute() -> None:
    blame, now = Blame(), 0.0
    blame.note(BAD, "boom", now)
    waits = []
    for _ in range(8):
        waits.append(blame.note(BAD, "boom", now))
        now += waits[-1]

    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST, LONGEST]


def test_another_life_of_the_node_begins_anew() -> None:
    blame = Blame()
    blame.note(BAD, "boom", 0.0)

    assert blame.note(NodeId("bad", b"2" * 16), "boom", 1.0) == 0.0


def test_nobody_else_is_kept_out() -> None:
    blame = Blame()
    blame.note(BAD, "boom", 0.0)
    blame.note(BAD, "boom", 0.0)

    assert blame.words("good", 0.0) is None


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a shard crash over each operation on a key that begins with "poison"."""
    on_ops = Following.on_ops

    def choke(self: Following, peer: Peer, ops: Ops) -> None:
        if any(getattr(op, "key", "").startswith("poison") for op in ops.ops):
            raise RuntimeError("choked")
        on_ops(self, peer, ops)

    monkeypatch.setattr(Following, "on_ops", choke)


@pytest.mark.slow
def test_a_peer_that_crashes_shards_is_cut_off_for_a_while(
    poison: None, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.ERROR, "group"),
        Node.start("a") as a,
        Node.start("b", join=[a.address]) as b,
        Group.start("app", node=a, shards=2) as ga,
        Group.start("app", node=b, shards=2) as gb,
        mailbox() as here,
        mailbox() as there,
    ):
        eventually(lambda: ga.nodes() == ["b"] and gb.nodes() == ["a"], 5)
        ga.register("mine", actor=here.ref)
        # Sessions have begun: what follows travels as operations, not in a snapshot.
        gb.settle()

        gb.register("poison/1", actor=there.ref)
        eventually(lambda: ga.lookup("poison/1"), 5, what="first fault repaired")
        gb.register("poison/2", actor=there.ref)
        eventually(lambda: "peer_quarantined" in caplog.text, 5, what="quarantine")

        assert "quarantined: node b for 1 s after 2 faults" in caplog.text
        # Meanwhile the group serves its own.
        ga.register("still/here", actor=here.ref)
        eventually(lambda: ga.lookup("poison/2"), 25, what="back, and repaired")
        eventually(lambda: gb.lookup("still/here"), 5, what="agreement")
