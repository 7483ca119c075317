"""A peer whose frames crash shards is kept out for a while, and let in again."""

import logging

import pytest

from actors import mailbox
from group import Group
from group._core.following import Following
from group._core.messages import Ops
from group._core.peers import Peer
from tests.waiting import eventually
from transport import Node


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a shard crash over each operation on a key that begins with "poison"."""
    on_ops = Following.on_ops

    def choke(self: Following, peer: Peer, ops: Ops) -> None:
        if any(getattr(op, "key", "").startswith("poison") for op in ops.ops):
            raise RuntimeError("choked")
        on_ops(self, peer, ops)

    monkeypatch.setattr(Following, "on_ops", choke)


@pytest.mark.crashes("ShardActor", by="choked")
@pytest.mark.slow
def test_a_peer_that_crashes_shards_is_cut_off_for_a_while(
    poison: None, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "transport"),
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

        assert "quarantined: node b for 4 s after 2 faults" in caplog.text
        assert "its frame crashed a shard, RuntimeError: choked" in caplog.text
        # Meanwhile the group serves its own.
        ga.register("still/here", actor=here.ref)
        eventually(lambda: ga.lookup("poison/2"), 40, what="back, and repaired")
        eventually(lambda: gb.lookup("still/here"), 5, what="agreement")
