"""One message to many actors: encoded once, one frame per node."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from actors import ActorDeadError
from transport._core.identity import NodeId
from transport._errors import NodeDownError
from transport._remote import headers
from transport._remote.ref import AnyRef, RemoteActorRef
from transport._remote.sender import Sender


class Many:
    """The sender of a node's messages to many. Any thread; never blocks."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def tell(self, refs: Sequence[AnyRef], message: object) -> int:
        """Send a message to every ref, and return how many were addressed.

        Raises:
            EncodeError: The message cannot travel; nobody got it.
            MessageTooLargeError: It is over 64 MiB; nobody got it.
        """
        near: list[AnyRef] = []
        far: dict[NodeId, list[int]] = {}
        for ref in refs:
            # Named ones find their way by themselves, as local ones do.
            if type(ref) is not RemoteActorRef:
                near.append(ref)
            elif not ref.gone:
                far.setdefault(ref.node_id, []).append(ref.n)
        bodies = self._bodies(far, message)
        return self._tell_near(near, message) + self._tell_far(bodies)

    def _bodies(
        self, far: dict[NodeId, list[int]], message: object
    ) -> list[tuple[NodeId, headers.TellMany]]:
        # At most two: with pickle, and plain for nodes that do not accept it.
        payloads: dict[bool, bytes] = {}
        bodies: list[tuple[NodeId, headers.TellMany]] = []
        for node_id, ns in far.items():
            if not self._sender.reaches(node_id):
                continue
            pickled = self._sender.accepts_pickle(node_id)
            with suppress(NodeDownError):
                if pickled not in payloads:
                    payloads[pickled] = self._sender.encode(node_id, message)
                parts = _parts(ns, payloads[pickled])
                bodies.extend((node_id, part) for part in parts)
        return bodies

    def _tell_near(self, refs: Iterable[AnyRef], message: object) -> int:
        addressed = 0
        for ref in refs:
            try:
                ref.tell(message)
            except ActorDeadError:
                continue
            addressed += 1
        return addressed

    def _tell_far(self, bodies: list[tuple[NodeId, headers.TellMany]]) -> int:
        return sum(
            len(header.ns)
            for node_id, header in bodies
            if self._sender.send(node_id, header)
        )


def _parts(ns: list[int], payload: bytes) -> Iterator[headers.TellMany]:
    for at in range(0, len(ns), headers.MAX_ADDRESSEES):
        yield headers.TellMany(tuple(ns[at : at + headers.MAX_ADDRESSEES]), payload)
