"""Links and peers of one shard: who is there, on which link, in which clusters.

R0: whatever arrives under a token that is not the peer's current link is dropped.
"""

from actors import NodeDown
from group._core.following import Following
from group._core.messages import (
    Catalogue,
    Fence,
    Fenced,
    HeadsQuery,
    Hello,
    Joined,
    Left,
    MessageError,
)
from group._core.outbound import Outbound
from group._core.peers import Peer
from group._core.requests import LinkDown, LinkUp, PeerDown
from group._core.turn import Turn

# Fences of a peer that wait for room on its link. More are asked again in a moment.
MAX_ASKED = 100


class Sessions:
    """Routes frames of the current links to the parts of a shard."""

    def __init__(self, outbound: Outbound, following: Following, turn: Turn) -> None:
        self.outbound = outbound
        self.following = following
        self.turn = turn
        self.peers: dict[str, Peer] = {}
        self.linked = outbound.peers

    def find(self, token: int) -> Peer | None:
        """Return the peer whose current link this is."""
        peer = self.linked.get(token)
        if peer is None:
            self.turn.count("late")
        return peer

    def link_up(self, up: LinkUp) -> None:
        """Begin a session with a peer, new or back."""
        peer = self.peers.get(up.node.name)
        if peer is not None and peer.node != up.node:
            self.peer_down(PeerDown(peer.node, "restarted"))
            peer = None
        if peer is None:
            peer = self.peers[up.node.name] = Peer(up.node)
        if peer.token is not None:
            self.link_down(LinkDown(peer.token))
        peer.begin()
        peer.token = up.token
        self.linked[up.token] = peer
        self.following.hello(peer, up.token)

    def link_down(self, down: LinkDown) -> None:
        """End a session; the peer's rows stay until it is given up."""
        peer = self.linked.pop(down.token, None)
        if peer is not None:
            peer.token = None
            peer.begin()
            self.following.unlinked(peer)

    def peer_down(self, down: PeerDown) -> None:
        """Drop everything of a peer that is gone for good."""
        peer = self.peers.get(down.node.name)
        if peer is None or peer.node != down.node:
            return
        if peer.token is not None:
            self.link_down(LinkDown(peer.token))
        del self.peers[down.node.name]
        self.following.purge(peer, NodeDown(down.node.name, down.cause))

    # Frames of the catalogue

    def on_catalogue(self, peer: Peer, message: Catalogue) -> None:
        """Learn which clusters the peer is in: the first frame on a link."""
        if peer.change is not None:
            raise MessageError("second catalogue")
        wrong = peer.add(message.clusters)
        if wrong is not None:
            raise MessageError(wrong)
        peer.change = message.change
        self.following.keep_only(peer)
        for cluster in list(peer.interest):
            self.outbound.on_interest(peer, cluster)

    def on_joined(self, peer: Peer, message: Joined) -> None:
        """The peer has opened clusters."""
        wrong = peer.add(message.clusters)
        if wrong is not None:
            raise MessageError(wrong)
        peer.change = message.change
        for _, cluster in message.clusters:
            self.outbound.on_interest(peer, cluster)
        self.outbound.pump(peer)

    def on_left(self, peer: Peer, message: Left) -> None:
        """The peer has closed clusters."""
        for cid in message.cids:
            cluster = peer.cids.get(cid)
            if cluster is not None:
                self.outbound.on_indifference(peer, cluster)
                peer.remove(cid)
            self.following.forget(peer, cid, "cluster_disconnect")
        peer.change = message.change

    # Frames of the shard

    def on_hello(self, peer: Peer, message: Hello) -> None:
        """The peer's shard says what it still holds."""
        # A second one comes from a shard that was restarted and holds nothing now.
        self.following.clock.see(message.hlc, self.turn.wall)
        self.outbound.on_hello(peer, message)

    def on_heads_query(self, peer: Peer, _message: HeadsQuery) -> None:
        """The peer's digest differs from ours."""
        self.outbound.heads(peer)

    def on_fence(self, peer: Peer, message: Fence) -> None:
        """Frames are applied in order, so all before this one are.

        Not so if the shard was restarted meanwhile and has lost some: it says nothing
        until it is in step again, and is asked again.

        What was held back for the peer goes first, so that it has all that was written
        here when it hears the answer. If its link is full the answer waits for room,
        too: whoever asks and does not read must not make us queue more.
        """
        if peer.behind:
            return
        if peer.blocked:
            if len(peer.asked) < MAX_ASKED:
                peer.asked[message.id] = None
            return
        self.outbound.pump(peer)
        self._fenced(peer, message.id)

    def writable(self, peer: Peer) -> None:
        """There is room on the peer's link: send what was held back, then answer."""
        peer.blocked = False
        self.outbound.pump(peer)
        asked, peer.asked = peer.asked, {}
        for number in asked if not peer.behind else ():
            self._fenced(peer, number)

    def _fenced(self, peer: Peer, number: int) -> None:
        self.turn.send(peer.token, Fenced(self.following.shard, number))
