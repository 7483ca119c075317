"""What actors on different nodes say to each other: one node's end of it.

sender's thread        encode the message, write its header, hand it to the link
node's I/O thread      read headers; put the still encoded payload into a mailbox,
                       or into the future of whoever asked
addressee's turn       decode the payload, run the handler, encode the answer
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from actors import (
    ActorDeadError,
    ActorRef,
    MonitorRef,
    Reason,
    deliver_exit,
    inject,
    on_down,
)
from transport._core.errors import TransportError
from transport._core.identity import NodeId
from transport._errors import NodeDownError, NotLocalError
from transport._links.seam import Links
from transport._remote import headers
from transport._remote.asks import Asks, Question, RemoteFuture, StopFuture, failed
from transport._remote.faults import Fault, rebuild
from transport._remote.links import RemoteLinks
from transport._remote.many import Many
from transport._remote.monitors import RemoteMonitors
from transport._remote.proxy import RemoteProxy
from transport._remote.ref import (
    AnyProxy,
    AnyRef,
    Future,
    RemoteActorRef,
)
from transport._remote.reply import RemoteReply
from transport._remote.sender import Sender


class ActorTraffic:
    """The actors' side of a node.

    Refs call it from any thread, the node from its I/O thread; nothing here blocks.

    Attributes:
        locals: The actors that are of this node.
        refs: Refs to addresses and back.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._sender = Sender(links, self, self.message)
        self.locals, self.refs = self._sender.actors, self._sender.refs
        self._asks = Asks()
        self._monitors = RemoteMonitors(self._sender)
        self._ties = RemoteLinks(self._sender)
        self._many = Many(self._sender)
        self._handlers: dict[type, Callable[[NodeId, Any], None]] = {
            headers.Tell: self._on_tell,
            headers.TellMany: self._on_tell_many,
            headers.Ask: self._on_ask,
            headers.Reply: self._on_reply,
            headers.ReplyError: self._on_reply_error,
            headers.ReplyDead: self._on_reply_dead,
            headers.Stop: self._on_stop,
            headers.Monitor: self._monitors.monitor,
            headers.Demonitor: self._monitors.demonitor,
            headers.Down: self._monitors.down,
            headers.Link: self._ties.link,
            headers.Unlink: self._ties.unlink,
            headers.LinkExit: self._ties.exit,
            headers.LinkCheck: self._ties.check,
            headers.Exit: self._on_exit,
        }

    # What a node offers of it.

    def address_of(self, ref: AnyRef) -> tuple[NodeId, int]:
        """Return where an actor lives, and its number there.

        Raises:
            TypeError: The ref stands for whoever bears a name, not for one actor.
        """
        node, incarnation, to, _ = self.refs.address(ref)
        if isinstance(to, str):
            raise TypeError(f"{ref!r} is a name, not one actor")
        return NodeId(node, incarnation), to

    def actor(self, node: str, name: str) -> RemoteActorRef:
        """Return a ref to whoever bears a name on a node when a message gets there."""
        return self.refs.named(node, name)

    def tell_many(self, refs: Sequence[AnyRef], message: object) -> int:
        """Send one message to many actors, encoded once and one frame per node.

        Returns:
            How many were addressed: not the dead, nor those on nodes without a link.

        Raises:
            EncodeError: The message cannot travel.
        """
        return self._many.tell(refs, message)

    @property
    def waiting(self) -> int:
        """How many questions to other nodes have no answer yet."""
        return len(self._asks)

    @property
    def dropped(self) -> int:
        """How many messages and answers were refused because a link was full."""
        return self._sender.dropped

    # What remote refs ask for: `Carrier`.

    def tell(self, ref: RemoteActorRef, message: object) -> None:
        """See `RemoteActorRef.tell`."""
        node_id = self._life_of(ref)
        payload = self._sender.encode(node_id, message)
        # Refused: the node has counted it, which is all that at-most-once promises.
        self._sender.send(node_id, headers.Tell(ref.to, payload))

    def _life_of(self, ref: RemoteActorRef) -> NodeId:
        node_id = self._sender.life_of(ref)
        if node_id is None:
            raise self._sender.unreachable(ref)
        return node_id

    def ask(self, ref: RemoteActorRef, message: object) -> Future[Any]:
        """See `RemoteActorRef.ask`."""
        future = RemoteFuture()
        try:
            self._check_life(ref)
            node_id = self._life_of(ref)
            payload = self._sender.encode(node_id, message)
        except (TransportError, ActorDeadError) as error:
            failed(future, error)
        else:
            self._put(Question(node_id, ref, future), partial(_ask, ref.to, payload))
        return future

    def _check_life(self, ref: RemoteActorRef) -> None:
        if ref.gone:
            raise _dead(ref)

    def _put(self, question: Question, header: Callable[[int], headers.Header]) -> None:
        ask_id = self._asks.open(question)
        if self._sender.send(question.node_id, header(ask_id)):
            return
        mine = self._asks.take(question.node_id, ask_id)
        if mine is not None:
            failed(mine.future, self._sender.refusal(mine.ref, mine.node_id))

    def stop_actor(self, ref: RemoteActorRef) -> Future[bool]:
        """See `RemoteActorRef.stop`."""
        future = StopFuture()
        future.add_done_callback(partial(_note_stop, ref))
        node_id = None if ref.gone else self._sender.life_of(ref)
        if node_id is None:
            future.set(value=False)
        else:
            self._put(Question(node_id, ref, future), partial(_stop, ref.to))
        return future

    def proxy(self, ref: RemoteActorRef) -> AnyProxy:
        """See `RemoteActorRef.proxy`."""
        return RemoteProxy(actor_ref=ref)

    def reachable(self, ref: RemoteActorRef) -> bool:
        """Tell whether a ref's node is linked."""
        return self._sender.life_of(ref) is not None

    def add_monitor(
        self, ref: RemoteActorRef, monitor: MonitorRef, watcher: AnyRef
    ) -> None:
        """See `actors.monitor`."""
        self._monitors.add(ref, monitor, watcher)

    def remove_monitor(self, monitor: MonitorRef) -> None:
        """See `actors.demonitor`."""
        self._monitors.remove(monitor)

    def add_link(self, ref: RemoteActorRef, me: AnyRef) -> None:
        """See `actors.link`."""
        self._ties.add(ref, me)

    def remove_link(self, ref: RemoteActorRef, me: AnyRef) -> None:
        """See `actors.unlink`."""
        self._ties.remove(ref, me)

    def send_exit(
        self, ref: RemoteActorRef, sender: AnyRef | None, reason: Reason
    ) -> None:
        """See `actors.exit`."""
        node_id = self._sender.life_of(ref)
        if node_id is None:
            return
        n, cls = self._signature(sender)
        data = self._sender.write_reason(node_id, reason)
        self._sender.signal(node_id, headers.Exit(ref.to, n, cls, data))

    def _signature(self, sender: AnyRef | None) -> tuple[int, str]:
        """Return who an exit signal is from; an actor of another node stays unnamed."""
        if sender is not None:
            with suppress(NotLocalError):
                return self.locals.adopt(sender), self._sender.class_of(sender)
        return 0, ""

    # What the node calls on its I/O thread: `Traffic`.

    def message(self, node_id: NodeId, _token: int, body: bytes) -> None:
        """Take one message of a node.

        Raises:
            ProtocolError: It is malformed.
        """
        header = headers.read(body)
        self._handlers[type(header)](node_id, header)

    def node_up(self, node_id: NodeId) -> None:
        """A link with a node exists: the first, or one after a loss."""
        self._monitors.node_up(node_id)
        self._ties.node_up(node_id)

    def node_suspect(self, node_id: NodeId, cause: str) -> None:
        """The link is lost: answers may have been lost with it."""
        self._asks.fail(node_id, partial(NodeDownError, node_id.name, cause))

    def node_down(self, node_id: NodeId, cause: str) -> None:
        """The node is gone for good."""
        self._asks.fail(node_id, partial(NodeDownError, node_id.name, cause))
        self._monitors.node_down(node_id, cause)
        self._ties.node_down(node_id, cause)

    def stop(self) -> None:
        """The node stops: everything that waits for other nodes ends."""
        cause = f"node {self._sender.id.name}, through which it was reached, stopped"
        self._asks.fail(None, partial(NodeDownError, self._sender.id.name, "stopped"))
        for node_id in self._monitors.nodes() | self._ties.nodes():
            self.node_down(node_id, cause)
        self._sender.actors.close()

    def _on_tell(self, _node_id: NodeId, header: headers.Tell) -> None:
        ref = self._sender.actors.living(header.to)
        if ref is not None:
            self._inject(ref, header.payload)

    def _on_tell_many(self, _node_id: NodeId, header: headers.TellMany) -> None:
        for n in header.ns:
            ref = self._sender.actors.living(n)
            if ref is not None:
                self._inject(ref, header.payload)

    def _inject(self, ref: AnyRef, payload: bytes) -> None:
        with suppress(ActorDeadError):
            inject(ref, partial(self._sender.codec.decode, payload), None)

    def _on_ask(self, node_id: NodeId, header: headers.Ask) -> None:
        ref = self._sender.actors.living(header.to)
        reply = RemoteReply(self._sender, node_id, header.id)
        load = partial(self._sender.codec.decode, header.payload)
        if ref is not None:
            with suppress(ActorDeadError):
                inject(ref, load, reply)
                if not isinstance(ref, ActorRef):
                    reply.watch(ref)
                return
        reply.dead()

    def _on_reply(self, node_id: NodeId, header: headers.Reply) -> None:
        asked = self._asks.take(node_id, header.id)
        if asked is not None:
            asked.future.set_encoded(partial(self._sender.codec.decode, header.payload))

    def _on_reply_error(self, node_id: NodeId, header: headers.ReplyError) -> None:
        asked = self._asks.take(node_id, header.id)
        if asked is not None:
            fault = Fault(header.module, header.name, header.message, header.traceback)
            asked.future.set_fault(partial(_raise, fault, node_id.name))

    def _on_reply_dead(self, node_id: NodeId, header: headers.ReplyDead) -> None:
        asked = self._asks.take(node_id, header.id)
        if asked is not None:
            _note_end(asked.ref)
            failed(asked.future, _dead(asked.ref))

    def _on_stop(self, node_id: NodeId, header: headers.Stop) -> None:
        ref = self._sender.actors.living(header.to)
        reply = RemoteReply(self._sender, node_id, header.id)
        if ref is None:
            reply.dead()
        else:
            ref.stop(block=False)
            on_down(ref, reply.stopped)

    def _on_exit(self, node_id: NodeId, header: headers.Exit) -> None:
        ref = self._sender.actors.living(header.to)
        if ref is None:
            return
        sender = None
        if header.n:
            sender = self.refs.ref(node_id, header.n, header.cls)
        deliver_exit(ref, sender, self._sender.read_reason(header.reason))


def _ask(to: int | str, payload: bytes, ask_id: int) -> headers.Ask:
    return headers.Ask(ask_id, to, payload)


def _stop(to: int | str, ask_id: int) -> headers.Stop:
    return headers.Stop(ask_id, to)


def _raise(fault: Fault, node: str) -> NoReturn:
    raise rebuild(fault, node)


def _dead(ref: RemoteActorRef) -> ActorDeadError:
    """Return the error of a ref behind which is nobody; of a name we know no more."""
    if isinstance(ref.to, int):
        return ActorDeadError(f"{ref} is dead")
    return ActorDeadError(
        f"no actor named {ref.to} on {ref.node} (never registered, or it has ended)"
    )


def _note_stop(ref: RemoteActorRef, stopped: Future[Any]) -> None:
    if stopped.get():
        _note_end(ref)


def _note_end(ref: RemoteActorRef) -> None:
    """Remember that an actor has ended; a name may be borne by another tomorrow."""
    ref.gone = isinstance(ref.to, int)
