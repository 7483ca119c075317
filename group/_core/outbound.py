"""Own lanes to every peer: the log is the queue, a snapshot when it is too short.

Each peer is sent a lane only while its catalogue on the current link names the
cluster, and only after its `Hello` has told what it still holds.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from group._core.effects import Send
from group._core.lanes import Lane
from group._core.messages import (
    BYTES_PER_FRAME,
    OPS_PER_FRAME,
    PUTS,
    Beat,
    DelOwner,
    Fence,
    Heads,
    Hello,
    Need,
    Op,
    Ops,
    Put,
    PutGrp,
    PutReg,
    SnapBegin,
    SnapEnd,
    SnapRows,
)
from group._core.peers import Peer
from group._core.rows import Row, RowKey
from group._core.tables import Tables
from group._core.turn import Turn

_Item = TypeVar("_Item", Op, Put)


class Outbound:
    """Pumps the lanes of one shard. Only lanes that moved are looked at."""

    def __init__(self, tables: Tables, turn: Turn) -> None:
        self.shard = tables.shard
        self.tables = tables
        self.turn = turn
        self.peers: dict[int, Peer] = {}
        self._unsealed: dict[str, None] = {}

    # Sessions

    def on_hello(self, peer: Peer, hello: Hello) -> None:
        """Take up every lane where the peer says that it stands."""
        have = dict(hello.have)
        peer.hello = True
        for cluster in self._shared(peer):
            lane = self.tables.lanes[cluster]
            self._position(peer, lane, have.get(lane.cid))
        self.pump(peer, forced=bool(peer.fences))
        for fence in peer.fences:
            self._fence(peer, fence)
        peer.fences.clear()

    def on_need(self, peer: Peer, need: Need) -> None:
        """Go back to where the peer says that it stands."""
        for cluster in self._shared(peer):
            lane = self.tables.lanes[cluster]
            if lane.cid == need.cid:
                self.turn.count("need")
                self._position(peer, lane, need.cursor)
                self.pump(peer)
                return
        self.turn.count("need_unknown")

    def on_interest(self, peer: Peer, cluster: str) -> None:
        """The peer has joined a cluster."""
        lane = self.tables.lanes.get(cluster)
        if lane is not None:
            peer.sent_seal ^= lane.seal
            if peer.hello:
                self._position(peer, lane, None)

    def on_indifference(self, peer: Peer, cluster: str) -> None:
        """The peer has left a cluster."""
        lane = self.tables.lanes.get(cluster)
        if lane is not None:
            peer.sent_seal ^= lane.seal

    def on_open(self, lane: Lane) -> None:
        """We have joined a cluster: its lane is empty, and everybody knows that."""
        for peer in self.peers.values():
            if peer.hello and lane.cluster in peer.interest:
                peer.sent[lane.cluster] = 0

    def on_close(self, lane: Lane) -> None:
        """We leave a cluster: nothing of its lane is sent any more."""
        self._unsealed.pop(lane.cluster, None)
        for peer in self.peers.values():
            peer.dirty.pop(lane.cluster, None)
            peer.sent.pop(lane.cluster, None)
            if lane.cluster in peer.interest:
                peer.sent_seal ^= lane.seal

    def _shared(self, peer: Peer) -> list[str]:
        lanes = self.tables.lanes
        few, many = sorted((lanes.keys(), peer.interest.keys()), key=len)
        return [cluster for cluster in few if cluster in many]

    def _position(self, peer: Peer, lane: Lane, position: int | None) -> None:
        if position is not None and position > lane.head:
            self.turn.count("cursor_ahead")
            position = None
        if position is None and lane.head == 0:
            # Nothing was ever written: the follower takes operation 1 as a start.
            position = 0
        peer.sent[lane.cluster] = position
        if position != lane.head:
            peer.dirty[lane.cluster] = None

    # Pumping

    def moved(self, lane: Lane) -> None:
        """Note that an operation was logged in this turn."""
        self.turn.moved[lane.cluster] = None
        self._unsealed[lane.cluster] = None

    def end_turn(self) -> None:
        """Send what this turn has logged to every peer whose link has room."""
        for cluster in self.turn.moved:
            lane = self.tables.lanes.get(cluster)
            if lane is not None:
                self._fan_out(lane)

    def _fan_out(self, lane: Lane) -> None:
        together: dict[int | None, list[int]] = {}
        for token, peer in self.peers.items():
            if not peer.hello or lane.cluster not in peer.interest:
                continue
            if peer.blocked:
                peer.dirty[lane.cluster] = None
                continue
            position = peer.sent.get(lane.cluster)
            if position != lane.head:
                together.setdefault(position, []).append(token)
                peer.sent[lane.cluster] = lane.head
                peer.dirty.pop(lane.cluster, None)
        for position, tokens in together.items():
            self._send(lane, position, tuple(tokens))

    def pump(self, peer: Peer, *, forced: bool = False) -> None:
        """Send a peer all that it lacks, if its link has room or we must."""
        if peer.token is None or not peer.hello or (peer.blocked and not forced):
            return
        for cluster in list(peer.dirty):
            lane = self.tables.lanes.get(cluster)
            if lane is not None and cluster in peer.interest:
                self._send(lane, peer.sent.get(cluster), (peer.token,))
                peer.sent[cluster] = lane.head
        peer.dirty.clear()

    def _send(self, lane: Lane, position: int | None, tokens: tuple[int, ...]) -> None:
        if position is None or position + 1 < lane.floor:
            self._send_snapshot(lane, tokens)
            return
        first = position + 1
        for ops in _chunks(lane.since(position)):
            message = Ops(self.shard, lane.cid, first, ops)
            self.turn.effects.append(Send(tokens, message))
            first += len(ops)
        self.turn.count("ops_sent")

    def _send_snapshot(self, lane: Lane, tokens: tuple[int, ...]) -> None:
        self.turn.count("snapshots_sent")
        shard, cid, head, count = self.shard, lane.cid, lane.head, len(lane.rows)
        rows = [_as_put(row_key, row) for row_key, row in lane.rows.items()]
        send = self.turn.effects.append
        send(Send(tokens, SnapBegin(shard, cid, head, count)))
        for chunk in _chunks(rows):
            send(Send(tokens, SnapRows(shard, cid, chunk)))
        send(Send(tokens, SnapEnd(shard, cid, head, count, lane.hash())))

    # Heartbeats and fences

    def beat(self, hlc: int) -> None:
        """Tell each peer what it must have by now."""
        self._settle_seals()
        for token, peer in self.peers.items():
            self.pump(peer)
            if peer.hello and peer.change is not None:
                digest = None if peer.dirty else peer.sent_seal
                self.turn.send(token, Beat(self.shard, hlc, peer.change, digest))

    def heads(self, peer: Peer) -> None:
        """Answer a peer whose digest differs."""
        self._settle_seals()
        lanes = [self.tables.lanes[cluster] for cluster in self._shared(peer)]
        heads = [
            (lane.cid, lane.head, lane.hash())
            for lane in lanes
            if peer.sent.get(lane.cluster) == lane.head and lane.head
        ]
        self.turn.send(peer.token, Heads(self.shard, heads))

    def fence(self, number: int) -> set[int]:
        """Send everything, then a fence; return the links that will answer."""
        for peer in self.peers.values():
            if peer.hello:
                self.pump(peer, forced=True)
                self._fence(peer, number)
            else:
                peer.fences.append(number)
        return set(self.peers)

    def fence_again(self, number: int, waiting: set[int]) -> None:
        """Repeat a fence to the links that have not answered: it may have been lost."""
        for token in waiting:
            peer = self.peers.get(token)
            if peer is not None and peer.hello and number not in peer.fences:
                self._fence(peer, number)

    def _fence(self, peer: Peer, number: int) -> None:
        self.turn.send(peer.token, Fence(self.shard, number))

    def _settle_seals(self) -> None:
        for cluster in self._unsealed:
            lane = self.tables.lanes.get(cluster)
            if lane is None:
                continue
            seal = lane.digest()
            change = lane.seal ^ seal
            lane.seal = seal
            for peer in self.peers.values():
                if cluster in peer.interest:
                    peer.sent_seal ^= change
        self._unsealed.clear()


def _as_put(row_key: RowKey, row: Row) -> Put:
    if isinstance(row_key, str):
        return PutReg(row_key, row.n, row.cls, row.stamp, row.meta)
    return PutGrp(row_key[0], row.n, row.cls, row.stamp, row.meta)


def _chunks(items: list[_Item]) -> Iterable[list[_Item]]:
    """Cut into frames: bounded in rows and, as near as need be, in bytes."""
    return (items,) if len(items) == 1 else _cut(items)


def _cut(items: list[_Item]) -> Iterator[list[_Item]]:
    chunk: list[_Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += _size(item)
        if len(chunk) >= OPS_PER_FRAME or size >= BYTES_PER_FRAME:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _size(item: Op | Put) -> int:
    """Return how many bytes an operation or a row takes at most."""
    if isinstance(item, PUTS):
        return 64 + _width(item.key) + _width(item.cls) + len(item.meta)
    size = 64 + _width(item.reason.first) + _width(item.reason.second)
    return size if isinstance(item, DelOwner) else size + _width(item.key)


def _width(text: str) -> int:
    return len(text) if text.isascii() else 4 * len(text)
