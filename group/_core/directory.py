"""Which node is in which subcluster: one core for all shards of a group on a node.

Every frame of the catalogue goes out before any operation of the lanes that it opens,
and a `Left` only after every shard has closed the lanes that it ends: so what arrives
for a cluster is always of a cluster that the receiver knows.
"""

from collections.abc import Callable
from typing import Any

from group._core.effects import Cut, Effect, Reply, Send, ToShards
from group._core.keys import DEFAULT
from group._core.messages import Catalogue, Joined, Left, MessageError, Named
from group._core.peers import Peer
from group._core.requests import (
    BUSY,
    DONE,
    CloseCluster,
    Closed,
    Connect,
    Disconnect,
    Frame,
    Full,
    Link,
    LinkDown,
    LinkUp,
    OpenCluster,
    PeerDown,
    Rebuild,
)
from transport import NodeId

CATALOGUE_BYTES = 1_000_000
"""What all clusters of a node may take in the one frame that tells of them."""

_OUTDATED = (Frame, LinkUp, LinkDown, PeerDown, OpenCluster, CloseCluster)


def is_outdated_by_rebuild(message: object) -> bool:
    """Tell whether a shard must not be told this when it has been rebuilt meanwhile.

    `Rebuild` holds all that the directory has said before it was made; a link or a
    cluster that is long gone would come back. Frames are of that time, too, and what
    they would have said is sent again, for the new shard begins with a hello.
    """
    return isinstance(message, _OUTDATED)


class Directory:
    """The clusters of this node and of every peer.

    Args:
        me: This node.
    """

    def __init__(self, me: NodeId) -> None:
        self.me = me
        self.change = 0
        self.own: dict[str, int] = {}
        self.closing: dict[str, int] = {}
        self.peers: dict[str, Peer] = {}
        self.linked: dict[int, Peer] = {}
        self._next_cid = 0
        # Of the frame that tells of all own clusters.
        self._bytes = 0
        self._effects: list[Effect] = []
        self._requests: dict[type, Callable[[Any], object]] = {
            Connect: self._connect,
            Disconnect: self._disconnect,
            Closed: self._closed,
            LinkUp: self._link_up,
            LinkDown: self._link_down,
            PeerDown: self._peer_down,
            Frame: self._frame,
        }

    def step(self, message: object) -> list[Effect]:
        """Apply one message; return what the world must now do, in order.

        `Connect` is answered with the clusters that are new, `Busy` or `Full`;
        `Disconnect` with those that were left now: the caller hands `Closed` in when
        every shard has carried out its `CloseCluster`.
        """
        self._effects = []
        answer = self._requests[type(message)](message)
        if answer is not None:
            self._effects.append(Reply(answer))
        return self._effects

    # Own clusters

    def _connect(self, request: Connect) -> object:
        if any(name in self.closing for name in request.clusters):
            # It is just being left; the caller asks again when that is done.
            return BUSY
        new = [name for name in dict.fromkeys(request.clusters) if name not in self.own]
        if not new:
            return ()
        size = self._bytes + sum(map(_told_bytes, new))
        if size > CATALOGUE_BYTES:
            return Full(len(self.own))
        self._bytes = size
        self.change += 1
        opened: list[Named] = []
        for name in new:
            self.own[name] = self._next_cid
            opened.append((self._next_cid, name))
            self._next_cid += 1
        self._broadcast(Joined(self.change, opened))
        for cid, name in opened:
            self._to_shards(OpenCluster(name, cid, self.change))
        return tuple(new)

    def _disconnect(self, request: Disconnect) -> object:
        # One that is being left is left once more: whoever asked first may have been
        # interrupted before the shards heard of it.
        names = tuple(
            name for name in dict.fromkeys(request.clusters) if name in self.own
        )
        if not names:
            return names
        self.change += 1
        for name in names:
            self.closing[name] = self.own[name]
            self._to_shards(CloseCluster(name, self.change))
        return names

    def _closed(self, request: Closed) -> object:
        cids = []
        for name in request.clusters:
            cid = self.closing.pop(name, None)
            if cid is not None:
                cids.append(cid)
                del self.own[name]
                self._bytes -= _told_bytes(name)
        if cids:
            self._broadcast(Left(self.change, cids))
        return DONE

    def _broadcast(self, message: Joined | Left) -> None:
        tokens = tuple(self.linked)
        if tokens:
            self._effects.append(Send(tokens, message))

    def _to_shards(self, request: object) -> None:
        self._effects.append(ToShards(request))

    # Peers

    def _link_up(self, up: LinkUp) -> None:
        peer = self.peers.get(up.node.name)
        if peer is None or peer.node != up.node:
            peer = self.peers[up.node.name] = Peer(up.node)
        if peer.token is not None:
            self.linked.pop(peer.token, None)
        peer.begin()
        peer.token = up.token
        self.linked[up.token] = peer
        clusters = [(cid, name) for name, cid in self.own.items()]
        self._effects.append(Send((up.token,), Catalogue(self.change, clusters)))
        self._to_shards(up)

    def _link_down(self, down: LinkDown) -> None:
        peer = self.linked.pop(down.token, None)
        if peer is not None:
            # What the peer was in stays listed until it is back or given up.
            peer.token = None
            peer.change = None
        self._to_shards(down)

    def _peer_down(self, down: PeerDown) -> None:
        peer = self.peers.get(down.node.name)
        if peer is not None and peer.node == down.node:
            del self.peers[down.node.name]
            if peer.token is not None:
                self.linked.pop(peer.token, None)
        self._to_shards(down)

    def _frame(self, frame: Frame) -> None:
        peer = self.linked.get(frame.token)
        if peer is None:
            return
        try:
            self._apply(peer, frame)
        except MessageError as error:
            self._effects.append(Cut(frame.token, str(error)))
        self._to_shards(frame)

    def _apply(self, peer: Peer, frame: Frame) -> None:
        message = frame.message
        if isinstance(message, Left):
            self._leave(peer, message)
        elif isinstance(message, Catalogue | Joined):
            if isinstance(message, Catalogue):
                if peer.change is not None:
                    raise MessageError("second catalogue")
                peer.cids.clear()
                peer.interest.clear()
            wrong = peer.add(message.clusters)
            if wrong is not None:
                raise MessageError(wrong)
            peer.change = message.change

    def _leave(self, peer: Peer, left: Left) -> None:
        for cid in left.cids:
            if peer.cids.get(cid, DEFAULT) == DEFAULT:
                raise MessageError(f"left cluster number {cid}, which cannot be left")
            peer.remove(cid)
        peer.change = left.change

    # Questions

    def nodes(self, cluster: str | None) -> list[str]:
        """Return the peers that run this group, or the nodes of one cluster."""
        if cluster is None:
            return sorted(self.peers)
        names = [name for name, peer in self.peers.items() if cluster in peer.interest]
        if cluster in self.own and cluster not in self.closing:
            names.append(self.me.name)
        return sorted(names)

    def rebuild(self) -> Rebuild:
        """Return what a restarted shard must know."""
        own = tuple(
            (name, cid) for name, cid in self.own.items() if name not in self.closing
        )
        links = tuple(
            Link(peer.node, peer.token, peer.change, tuple(peer.cids.items()))
            for peer in self.peers.values()
        )
        return Rebuild(self.change, own, links)


def _told_bytes(cluster: str) -> int:
    """Return what a cluster takes at most where all are listed.

    By name and number in the catalogue; by number, position and hash in an audit.
    """
    return max(9 + len(cluster.encode()), 24)
