"""What leaves a node for actors elsewhere, and how refs and reasons are written."""

import threading
from collections.abc import Callable

from actors import Reason, class_name
from transport._core.errors import TransportError
from transport._core.identity import NodeId
from transport._errors import NodeDownError
from transport._links.seam import Links
from transport._log import Complaints
from transport._remote import headers
from transport._remote.actors import LocalActors, RefBook
from transport._remote.codec import Codec, PickleRefusedError
from transport._remote.ref import AnyRef, Carrier, RemoteActorRef


class LinkFullError(TransportError):
    """So much is queued for the node that the message was refused; nothing was sent.

    Attributes:
        node: The name of the node.
    """

    def __init__(self, node: str) -> None:
        super().__init__(
            f"link to {node} is full: it takes messages more slowly than they are sent"
        )
        self.node = node


class Sender:
    """The sending end of a node. Any thread; nothing here blocks."""

    def __init__(
        self,
        links: Links,
        carrier: Carrier,
        receive: Callable[[NodeId, int, bytes], None],
    ) -> None:
        self._links = links
        self._receive = receive
        self.id = links.id
        self.actors = LocalActors(links.id)
        self.refs = RefBook(self.actors, carrier)
        self.codec = Codec(links.name, self.refs, allow_pickle=links.allow_pickle)
        # User messages that were refused because a link was full.
        self.dropped = 0
        self._dropping = threading.Lock()
        self._complaints = Complaints(links.name)

    def send(self, node_id: NodeId, header: headers.Header) -> bool:
        """Send a message; False: there is no link, or it is full."""
        if self._send(node_id, header, bounded=True):
            return True
        if self._links.linked(node_id):
            self._drop(node_id)
        return False

    def _drop(self, node_id: NodeId) -> None:
        with self._dropping:
            self.dropped += 1
        self._complaints.warn(
            "messages_dropped",
            source=node_id.name,
            reason="link full",
            dropped=self.dropped,
            words=f"{node_id.name} takes messages more slowly than they are sent",
        )

    def signal(self, node_id: NodeId, header: headers.Header) -> bool:
        """Send what must not be dropped; False: there is no link."""
        return self._send(node_id, header, bounded=False)

    def _send(self, node_id: NodeId, header: headers.Header, *, bounded: bool) -> bool:
        body = headers.write(header)
        if node_id == self.id:
            # A name on this very node, or an actor of it that has ended.
            self._receive(node_id, 0, body)
            return True
        return self._links.send_message(node_id, body, bounded=bounded)

    def encode(self, node_id: NodeId, value: object) -> bytes:
        """Return a value as a payload for a node.

        Raises:
            EncodeError: It cannot travel there.
            MessageTooLargeError: It is over 64 MiB.
            NodeDownError: The node was lost just now.
        """
        pickled = self.accepts_pickle(node_id)
        try:
            return self.codec.encode(value, to=node_id.name, pickled=pickled)
        except PickleRefusedError:
            # A node without a link accepts nothing, which is another matter.
            if self.reaches(node_id):
                raise
            cause = self._links.down_cause(node_id)
            raise NodeDownError(node_id.name, cause) from None

    def accepts_pickle(self, node_id: NodeId) -> bool:
        """Tell whether a node loads pickled payloads."""
        return node_id == self.id or self._links.accepts_pickle(node_id)

    def life_of(self, ref: RemoteActorRef) -> NodeId | None:
        """Return the linked life of a ref's node; None when there is none."""
        node_id = ref.node_id
        if not node_id.incarnation:
            own = node_id.name == self.id.name
            return self.id if own else self._links.linked_id(node_id.name)
        return node_id if self.reaches(node_id) else None

    def reaches(self, node_id: NodeId) -> bool:
        """Tell whether a node is linked, or this one."""
        return node_id == self.id or self._links.linked(node_id)

    def cause(self, ref: RemoteActorRef) -> str:
        """Say why a ref's node cannot be reached."""
        return self._links.down_cause(ref.node_id)

    def unreachable(self, ref: RemoteActorRef) -> NodeDownError:
        """Return the error of a ref whose node has no link."""
        return NodeDownError(ref.node, self.cause(ref))

    def refusal(self, ref: RemoteActorRef, node_id: NodeId) -> TransportError:
        """Return why something could not be sent just now."""
        if self._links.linked(node_id):
            return LinkFullError(node_id.name)
        return self.unreachable(ref)

    def known(self, to: int | str) -> AnyRef | None:
        """Return a local actor, dead or alive."""
        return self.actors.known(to)

    def adopt(self, ref: AnyRef) -> int:
        """Return the number of a local actor, which becomes one of this node.

        Raises:
            NotLocalError: It belongs to another node.
        """
        return self.actors.adopt(ref)

    def ref(self, node_id: NodeId, n: int, cls: str) -> AnyRef:
        """Return the ref with an address."""
        return self.refs.ref(node_id, n, cls)

    def class_of(self, ref: AnyRef) -> str:
        """Return the name of an actor's class."""
        name = ref.cls if isinstance(ref, RemoteActorRef) else class_name(ref)
        return name[: headers.MAX_NAME]

    def write_reason(self, node_id: NodeId, reason: Reason) -> bytes:
        """Return an exit reason as bytes for a node; never fails."""
        pickled = self.accepts_pickle(node_id)
        return self.codec.encode_reason(reason, to=node_id.name, pickled=pickled)

    def read_reason(self, data: bytes) -> Reason:
        """Return the exit reason in bytes of a node; never fails."""
        return self.codec.decode_reason(data)
