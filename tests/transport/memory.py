"""Nodes without sockets: the seam that the actors' traffic is written against."""

import itertools
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

from transport._core.identity import NodeId, new_incarnation
from transport._remote.traffic import ActorTraffic

_lives = itertools.count(1)
Job = Callable[[], None]


class MemoryNode:
    """One node: a thread that hands on what peers have sent, in order."""

    def __init__(self, name: str, *, allow_pickle: bool = True) -> None:
        life = next(_lives)
        self.id = NodeId(name, new_incarnation(life, life.to_bytes(10, "big")))
        self.name = name
        self.allow_pickle = allow_pickle
        self.full = False
        # The socket is, and nobody has noticed yet.
        self.broken = False
        self.dropped = 0
        self.frames: list[NodeId] = []
        self.causes: dict[NodeId, str] = {}
        self._peers: dict[NodeId, MemoryNode] = {}
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.traffic = ActorTraffic(self)
        self._thread = threading.Thread(
            target=self._run, name=f"memory-{name}", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def do(self, job: Job) -> None:
        """Run something on the node's thread, behind what waits there."""
        self._jobs.put(job)

    def settle(self) -> None:
        """Wait until the node has handled all that was sent to it so far."""
        done = threading.Event()
        self.do(done.set)
        assert done.wait(10)

    def stop(self) -> None:
        self.traffic.stop()
        self._jobs.put(None)
        self._thread.join(10)
        assert not self._thread.is_alive()

    # The seam: `Links`.

    def send_message(
        self, node_id: NodeId, body: bytes, *, bounded: bool = True
    ) -> bool:
        peer = self._peers.get(node_id)
        if peer is None or self.broken or (bounded and self.full):
            self.dropped += 1
            return False
        self.frames.append(node_id)
        peer.do(lambda: peer.receive(self.id, body))
        return True

    def linked(self, node_id: NodeId) -> bool:
        return node_id in self._peers

    def linked_id(self, name: str) -> NodeId | None:
        return next((i for i in list(self._peers) if i.name == name), None)

    def down_cause(self, node_id: NodeId) -> str:
        return self.causes.get(node_id, "never linked")

    def accepts_pickle(self, node_id: NodeId) -> bool:
        peer = self._peers.get(node_id)
        return peer is not None and peer.allow_pickle

    # What a network does.

    def receive(self, sender: NodeId, body: bytes) -> None:
        if sender in self._peers:
            self.traffic.message(sender, 1, body)

    def connect(self, peer: "MemoryNode") -> None:
        """Link two nodes, and wait until both know."""
        for one, other in ((self, peer), (peer, self)):
            one._peers[other.id] = other
        for one, other in ((self, peer), (peer, self)):
            one.do(partial(one.traffic.node_up, other.id))
        self.settle()
        peer.settle()

    def cut(self, peer: "MemoryNode", cause: str = "connection reset") -> None:
        """Break the link; both hope that it comes back. What is in flight is lost."""
        self._part(peer, cause)
        for one, other in ((self, peer), (peer, self)):
            one.do(partial(one.traffic.node_suspect, other.id, cause))
        self.settle()
        peer.settle()

    def lose(self, peer: "MemoryNode", cause: str = "connection reset") -> None:
        """Break the link for good."""
        self._part(peer, cause)
        for one, other in ((self, peer), (peer, self)):
            one.do(partial(one.traffic.node_down, other.id, cause))
        self.settle()
        peer.settle()

    def _part(self, peer: "MemoryNode", cause: str) -> None:
        for one, other in ((self, peer), (peer, self)):
            one._peers.pop(other.id, None)
            one.causes[other.id] = cause
