"""The place in which an actor here answers a question from another node."""

import sys

from actors import ActorDeadError, Cancel, Reason, on_down
from transport._core.errors import TransportError
from transport._core.identity import NodeId
from transport._remote import headers
from transport._remote.faults import ExcInfo, describe
from transport._remote.ref import AnyRef
from transport._remote.sender import LinkFullError, Sender


class RemoteReply:
    """Takes one answer, on the thread of the actor that gives it, and sends it.

    An answer that cannot travel, or for which the link has no room, becomes an error
    at the asker: nobody is left waiting while there is a link.
    """

    def __init__(self, sender: Sender, node_id: NodeId, ask_id: int) -> None:
        self._sender = sender
        self._node_id = node_id
        self._ask_id = ask_id
        self._answered = False
        self._cancel: Cancel | None = None

    def watch(self, ref: AnyRef) -> None:
        """Answer in the place of an actor that ends without having answered.

        Actors of ours always answer; Pykka's own may lose what comes at their end.
        """
        cancel = on_down(ref, self._ended)
        self._cancel = cancel
        if self._answered:
            cancel()

    def _ended(self, _reason: Reason) -> None:
        self._fail(ActorDeadError("the actor ended without an answer"))

    def set(self, value: object = None) -> None:
        """Answer with a value."""
        if self._answered:
            return
        try:
            payload = self._sender.encode(self._node_id, value)
        except TransportError as error:
            self._fail(error)
            return
        self._answer()
        reply = headers.Reply(self._ask_id, payload)
        if not self._sender.send(self._node_id, reply):
            self._answered = False
            self._fail(LinkFullError(self._sender.id.name))

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Answer with an exception, the one being handled if none is given."""
        error = sys.exc_info()[1] if exc_info is None else exc_info[1]
        self._fail(error or RuntimeError("the answer is an exception without a value"))

    def _fail(self, error: BaseException) -> None:
        if not self._answered:
            self._answer()
            fault = headers.ReplyError(self._ask_id, *describe(error))
            self._sender.signal(self._node_id, fault)

    def _answer(self) -> None:
        self._answered = True
        if self._cancel is not None:
            self._cancel()

    def dead(self) -> None:
        """Answer that nobody is there to be asked."""
        self._sender.signal(self._node_id, headers.ReplyDead(self._ask_id))

    def stopped(self, _reason: Reason) -> None:
        """Answer that the actor which was to stop has ended."""
        payload = self._sender.encode(self._node_id, None)
        self._sender.signal(self._node_id, headers.Reply(self._ask_id, payload))
