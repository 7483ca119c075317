"""A fence that is settled: both ends of each link have what was written before.

F1: every linked peer has applied what this host had written. F2: this host has applied
what each of them had written.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from group._core import effects
from group._core.lanes import Lane
from transport import NodeId

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.replica import Replica


class Written(NamedTuple):
    """One lane that one peer must have applied up to `head`."""

    token: int
    peer: NodeId
    cluster: str
    cid: int
    head: int
    their_cid: int
    their_crashes: int


class Theirs(NamedTuple):
    """One lane of one peer that this host must have applied up to `head`."""

    token: int
    peer: NodeId
    cluster: str
    cid: int
    head: int
    our_cid: int
    our_crashes: int
    their_crashes: int


class Fences:
    """The fences that one replica has not yet seen settled."""

    def __init__(self, replica: "Replica") -> None:
        self.replica = replica
        self.world = replica.world
        self._open: dict[tuple[int, int], list[Written]] = {}
        self._due: dict[tuple[int, int], list[Theirs]] = {}
        self._number = 0

    def next(self) -> int:
        """Return the number of a new fence."""
        self._number += 1
        return self._number

    def forget(self, index: int) -> None:
        """A shard has failed; its callers know that their fences are void."""
        self._open = {at: lanes for at, lanes in self._open.items() if at[0] != index}
        self._due = {at: lanes for at, lanes in self._due.items() if at[0] != index}

    def pending(self) -> int:
        """Return how many are not settled."""
        return len(self._open)

    def promise(self, index: int, number: int) -> None:
        """Note what is written just before a `Settle`."""
        self._open[(index, number)] = list(self._written(index))
        self._due[(index, number)] = list(self._theirs(index))

    def _written(self, index: int) -> Iterator[Written]:
        shard = self.replica.shards[index]
        for token, peer in shard.outbound.peers.items():
            other = self.world.hosts.get(peer.node.name)
            crashes = other.replica.crashes[index] if other else 0
            for cluster, cid in peer.interest.items():
                lane = shard.tables.lanes.get(cluster)
                if lane is not None and lane.head:
                    yield Written(
                        token, peer.node, cluster, lane.cid, lane.head, cid, crashes
                    )

    def _theirs(self, index: int) -> Iterator[Theirs]:
        shard = self.replica.shards[index]
        for token, peer in shard.outbound.peers.items():
            other = self.world.hosts.get(peer.node.name)
            if other is None or other.node != peer.node:
                continue
            crashes = self.replica.crashes[index], other.replica.crashes[index]
            for cluster, mine in shard.tables.lanes.items():
                lane = other.replica.tables[index].lanes.get(cluster)
                if lane is not None and lane.head:
                    at = (cluster, lane.cid, lane.head, mine.cid)
                    yield Theirs(token, peer.node, *at, *crashes)

    def settled(self, index: int, effect: effects.Settled) -> None:
        """A shard says that a fence is settled: is it true?"""
        promised = self._open.pop((index, effect.id), None)
        due = self._due.pop((index, effect.id), ())
        if promised is None:
            self.world.problem(f"{self.replica.host.name} settled a fence twice")
            return
        self.replica.host.count("fences_settled")
        if self.world.profile.chaos:
            return
        for written in promised:
            self._compare(index, written)
        for theirs in due:
            self._compare_theirs(index, theirs)

    def _compare_theirs(self, index: int, theirs: Theirs) -> None:
        replica, host = self.replica, self.replica.host
        other = self.world.hosts.get(theirs.peer.name)
        if other is None or other.node != theirs.peer:
            return
        mine = replica.tables[index].lanes.get(theirs.cluster)
        lane = other.replica.tables[index].lanes.get(theirs.cluster)
        if mine is None or mine.cid != theirs.our_cid:
            return
        if lane is None or lane.cid != theirs.cid:
            return
        if theirs.token not in replica.shards[index].outbound.peers:
            return
        crashes = replica.crashes[index], other.replica.crashes[index]
        if crashes != (theirs.our_crashes, theirs.their_crashes):
            return
        copy = replica.tables[index].inbound.get(theirs.peer, {}).get(theirs.cid)
        at = None if copy is None else copy.cursor
        if at is None or at < theirs.head:
            self.world.problem(
                f"F2 {host.name} settled, and has {theirs.cluster!r}/{index} of "
                f"{other.name} at {at}, not {theirs.head}"
            )

    def _compare(self, index: int, written: Written) -> None:
        lane = self.replica.tables[index].lanes.get(written.cluster)
        other = self.world.hosts.get(written.peer.name)
        if other is None or other.node != written.peer:
            return
        if lane is None or lane.cid != written.cid:
            return
        if self._excused(other, index, written):
            return
        copies = other.replica.tables[index].inbound.get(self.replica.host.node, {})
        copy = copies.get(written.cid)
        at = None if copy is None else copy.cursor
        if at is None and other.replica.crashes[index] > written.their_crashes:
            return
        if at is None or at < written.head:
            self.world.problem(
                f"F1 {self.replica.host.name} settled {written.cluster!r}/{index} at "
                f"{written.head}, {other.name} is at {at}"
            )

    def _excused(self, other: "Host", index: int, written: Written) -> bool:
        """Tell whether the peer need not have it: unlinked, failed, or has left."""
        here, there = self.replica.shards[index], other.replica.shards[index]
        if written.token not in here.outbound.peers:
            return True
        if written.token not in there.outbound.peers or other.replica.down[index]:
            return True
        lane: Lane | None = there.tables.lanes.get(written.cluster)
        return lane is None or lane.cid != written.their_cid
