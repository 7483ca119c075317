"""Who waits for a death on another node, and whose deaths other nodes wait for."""

import threading
from functools import partial
from typing import NamedTuple, Protocol

from actors import Cancel, Down, MonitorRef, NodeDown, Reason, deliver, on_down
from transport._core.identity import NodeId
from transport._remote import headers
from transport._remote.ref import AnyRef, RemoteActorRef


class Post(Protocol):
    """What monitors and links need of the node's traffic. Any thread."""

    def signal(self, node_id: NodeId, header: headers.Header) -> bool:
        """Send what must not be dropped; False: there is no link."""

    def life_of(self, ref: RemoteActorRef) -> NodeId | None:
        """Return the life of a ref's node; None when a named node is not linked."""

    def cause(self, ref: RemoteActorRef) -> str:
        """Say why a ref's node cannot be reached."""

    def known(self, to: int | str) -> AnyRef | None:
        """Return a local actor, dead or alive."""

    def write_reason(self, node_id: NodeId, reason: Reason) -> bytes:
        """Return a reason as bytes for a node."""

    def read_reason(self, data: bytes) -> Reason:
        """Return the reason in bytes of a node."""


class _Watch(NamedTuple):
    """One monitor of an actor here on an actor there."""

    node_id: NodeId
    monitor: MonitorRef
    ref: RemoteActorRef
    watcher: AnyRef


class RemoteMonitors:
    """Monitors across nodes, both ends. Any thread.

    A watcher that ends takes its monitors back itself.

    A watch is taken out once and thereby ends: by the death, the loss of the node, or
    demonitor. The other end needs no care: what it sends about an unknown watch is
    ignored, and after a broken link every watch is asked for again.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        # Held while a Down is put into a mailbox, so that none follows a demonitor.
        self._lock = threading.RLock()
        self._watches: dict[int, _Watch] = {}
        # What other nodes wait for: how to stop waiting, by node and their id.
        self._watched: dict[tuple[NodeId, int], Cancel | None] = {}

    def __len__(self) -> int:
        return len(self._watches) + len(self._watched)

    def add(self, ref: RemoteActorRef, monitor: MonitorRef, watcher: AnyRef) -> None:
        """Watch for the end of a remote actor."""
        node_id = self._post.life_of(ref)
        if node_id is None:
            down = NodeDown(ref.node, self._post.cause(ref))
            deliver(watcher, Down(monitor, ref, down))
            return
        with self._lock:
            self._watches[monitor.id] = _Watch(node_id, monitor, ref, watcher)
        if not self._post.signal(node_id, headers.Monitor(monitor.id, ref.to)):
            self._finish(node_id, monitor.id, NodeDown(ref.node, self._post.cause(ref)))

    def remove(self, monitor: MonitorRef) -> None:
        """Watch no longer; once this returns no Down of it is delivered."""
        with self._lock:
            watch = self._watches.pop(monitor.id, None)
        if watch is not None:
            self._post.signal(watch.node_id, headers.Demonitor(monitor.id))

    def _finish(self, node_id: NodeId, monitor_id: int, reason: Reason) -> None:
        with self._lock:
            watch = self._watches.get(monitor_id)
            if watch is not None and watch.node_id == node_id:
                del self._watches[monitor_id]
                deliver(watch.watcher, Down(watch.monitor, watch.ref, reason))

    def down(self, node_id: NodeId, header: headers.Down) -> None:
        """A node says that an actor we watch has ended."""
        watch = self._watches.get(header.id)
        if watch is None or watch.node_id != node_id:
            return
        # A name may be borne by another one tomorrow.
        watch.ref.gone = watch.ref.gone or isinstance(watch.ref.to, int)
        self._finish(node_id, header.id, self._post.read_reason(header.reason))

    def monitor(self, node_id: NodeId, header: headers.Monitor) -> None:
        """A node wants to hear of the end of an actor here."""
        key = (node_id, header.id)
        ref = self._post.known(header.to)
        if ref is None:
            self._report(key, "noproc")
            return
        with self._lock:
            if key in self._watched:
                return
            self._watched[key] = None
        cancel = on_down(ref, partial(self._ended, key))
        with self._lock:
            if key in self._watched:
                self._watched[key] = cancel

    def _ended(self, key: tuple[NodeId, int], reason: Reason) -> None:
        with self._lock:
            wanted = key in self._watched
            self._watched.pop(key, None)
        if wanted:
            self._report(key, reason)

    def _report(self, key: tuple[NodeId, int], reason: Reason) -> None:
        node_id, monitor_id = key
        data = self._post.write_reason(node_id, reason)
        self._post.signal(node_id, headers.Down(monitor_id, data))

    def demonitor(self, node_id: NodeId, header: headers.Demonitor) -> None:
        """A node no longer wants to hear of an end."""
        self._forget((node_id, header.id))

    def _forget(self, key: tuple[NodeId, int]) -> None:
        with self._lock:
            cancel = self._watched.pop(key, None)
        if cancel is not None:
            cancel()

    def nodes(self) -> set[NodeId]:
        """Return the nodes that are waited for, or wait."""
        watching = {watch.node_id for watch in list(self._watches.values())}
        return watching | {node_id for node_id, _ in list(self._watched)}

    def node_up(self, node_id: NodeId) -> None:
        """Ask again for every watch: a Down may have been lost with the last link."""
        for watch in list(self._watches.values()):
            if watch.node_id == node_id:
                asked = headers.Monitor(watch.monitor.id, watch.ref.to)
                self._post.signal(node_id, asked)

    def node_down(self, node_id: NodeId, cause: str) -> None:
        """End every watch on a lost node, and forget what it waited for."""
        for monitor_id, watch in self._watches.copy().items():
            if watch.node_id == node_id:
                self._finish(node_id, monitor_id, NodeDown(node_id.name, cause))
        for key in list(self._watched):
            if key[0] == node_id:
                self._forget(key)
