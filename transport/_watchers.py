"""Actors that want to know which nodes come and go."""

import threading
from dataclasses import dataclass

from actors import AnyRef, deliver, on_down
from transport._core.identity import NodeId


@dataclass(frozen=True, slots=True)
class NodeUp:
    """A node is linked that was unknown or down."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeLost:
    """A node is gone for good, and why."""

    node: NodeId
    cause: str


class NodeWatchers:
    """Who gets NodeUp and NodeLost. Any thread."""

    def __init__(self) -> None:
        self._refs: dict[AnyRef, None] = {}
        # Guards the table.
        self._lock = threading.Lock()

    def add(self, ref: AnyRef) -> None:
        """Tell an actor of all changes from now on, as long as it lives."""
        with self._lock:
            if ref in self._refs:
                return
            self._refs[ref] = None
        on_down(ref, lambda _reason: self.remove(ref))

    def remove(self, ref: AnyRef) -> None:
        """Tell an actor no more."""
        with self._lock:
            self._refs.pop(ref, None)

    def up(self, node: NodeId) -> None:
        """A node is linked that was not."""
        self._tell(NodeUp(node))

    def lost(self, node: NodeId, cause: str) -> None:
        """A node is gone."""
        self._tell(NodeLost(node, cause))

    def _tell(self, message: object) -> None:
        for ref in list(self._refs):
            deliver(ref, message)
