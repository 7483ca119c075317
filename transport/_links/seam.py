"""The seam between links and what travels over them.

`Links` is what the traffic of actors needs from a node, `Traffic` what a node needs
from it. `Node` implements the first; `transport._remote.traffic` the second.
"""

from typing import Protocol

from transport._core.identity import NodeId


class Links(Protocol):
    """What a node offers to the traffic of actors."""

    @property
    def id(self) -> NodeId:
        """This life of this node."""

    @property
    def name(self) -> str:
        """This node's name."""

    @property
    def allow_pickle(self) -> bool:
        """Whether pickled payloads are sent and loaded here."""

    def send_message(
        self, node_id: NodeId, body: bytes, *, bounded: bool = True
    ) -> bool:
        """Queue one MESSAGE body for a node. Any thread; never blocks.

        Args:
            node_id: The very life that is meant.
            body: At most 64 MiB.
            bounded: False for replies and for signals (monitors, links, exits): they
                keep their place in the queue and are refused only without a link,
                since losing one would leave somebody waiting for ever.

        Returns:
            False when nothing was queued: the node is not linked, or what is queued
            for it exceeds its byte bound. The node counts these as dropped.
        """

    def linked(self, node_id: NodeId) -> bool:
        """Tell whether this life of a node has a link now. Any thread."""

    def linked_id(self, name: str) -> NodeId | None:
        """Return the life of a named node that is linked now. Any thread."""

    def down_cause(self, node_id: NodeId) -> str:
        """Say in words why a node has no link. Any thread."""

    def accepts_pickle(self, node_id: NodeId) -> bool:
        """Tell whether a linked node loads pickled payloads. Any thread."""


class Traffic(Protocol):
    """What a node calls. All on the node's I/O thread; must not block."""

    def message(self, node_id: NodeId, token: int, body: bytes) -> None:
        """Take one complete message, in order per node.

        Raises:
            ProtocolError: The message is malformed; the link will be closed.
        """

    def node_up(self, node_id: NodeId) -> None:
        """A link with this life of a node exists: the first, or after a suspicion.

        Called for every link, before its first message: what may have been lost
        with the link before (deaths that were being watched) is asked for again.
        """

    def node_suspect(self, node_id: NodeId, cause: str) -> None:
        """The link is lost; the node may come back within the grace."""

    def node_down(self, node_id: NodeId, cause: str) -> None:
        """The node is gone for good: no message of this life will come."""

    def stop(self) -> None:
        """The node stops; every waiting ask fails."""
