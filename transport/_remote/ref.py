"""RemoteActorRef: a handle to an actor that lives on another node.

It holds an address and nothing of the actor; everything it does is handed to the
node's traffic. No other file of this package knows Pykka.
"""

from functools import lru_cache
from typing import Any, Literal, NoReturn, Protocol, TypeAlias, overload

from pykka import ActorProxy, ActorRef, Future
from pykka._proxy import CallableProxy

from actors import ActorDeadError, ForeignRef, MonitorRef, actor_id
from transport._core.identity import NodeId
from transport._remote.homes import home_of

__all__ = [
    "ActorProxy",
    "ActorRef",
    "Answer",
    "AnyFuture",
    "AnyProxy",
    "AnyRef",
    "CallableProxy",
    "Carrier",
    "Future",
    "NamedActorRef",
    "RemoteActorRef",
]

# Pykka's classes are generic over the class of the actor, which only its node knows.
AnyRef: TypeAlias = ActorRef[Any]
AnyProxy: TypeAlias = ActorProxy[Any]
AnyFuture: TypeAlias = Future[Any]
# What a handler answers is known to its author alone.
Answer: TypeAlias = Any


class Carrier(Protocol):
    """What carries out what is done to a remote ref. Any thread; never blocks."""

    def tell(self, ref: "RemoteActorRef", message: object) -> None:
        """Send without an answer."""

    def ask(self, ref: "RemoteActorRef", message: object) -> AnyFuture:
        """Send; the future always gets an answer."""

    def stop_actor(self, ref: "RemoteActorRef") -> Future[bool]:
        """Stop behind the backlog; True once it has ended, False if it was dead."""

    def proxy(self, ref: "RemoteActorRef") -> AnyProxy:
        """Return an object with the actor's attributes."""

    def reachable(self, ref: "RemoteActorRef") -> bool:
        """Tell whether the actor's node is linked."""

    def add_monitor(
        self, ref: "RemoteActorRef", monitor: MonitorRef, watcher: AnyRef
    ) -> None:
        """Deliver one Down to the watcher when the actor ends or its node is lost."""

    def remove_monitor(self, monitor: MonitorRef) -> None:
        """Deliver no Down of this monitor from now on."""

    def add_link(self, ref: "RemoteActorRef", me: AnyRef) -> None:
        """Tie the two lives together."""

    def remove_link(self, ref: "RemoteActorRef", me: AnyRef) -> None:
        """Untie them."""

    def send_exit(
        self, ref: "RemoteActorRef", sender: AnyRef | None, reason: object
    ) -> None:
        """Send an exit signal."""


class Elsewhere:
    """Base of the stand-ins for classes of which only the name is known here."""


@lru_cache(maxsize=1024)
def _class_called(name: str) -> type[Any]:
    return type(name or "Unknown", (Elsewhere,), {})


class RemoteActorRef(ForeignRef[Any]):
    """An actor on another node. Made by the node; safe from any thread.

    Equal to, and hashed like, every other ref of the same actor, local ones too.
    Sending never waits for the network; delivery is at most once, in order per sender
    and receiver while a link lasts.

    Attributes:
        node_id: The life of the node where the actor lives.
        n: The actor's number on that node; 0 where only a name is known.
        gone: The actor is known to have ended; it cannot come back.
    """

    def __init__(self, carrier: Carrier, node_id: NodeId, n: int, cls: str) -> None:
        self._carrier = carrier
        self.node_id = node_id
        self.n = n
        self._cls = cls
        self.actor_urn = f"urn:actor:{node_id.name}:{node_id.incarnation.hex()}:{n}"
        self.actor_class = _class_called(cls)
        self.gone = False

    @property
    def node(self) -> str:
        """The name of the node where the actor lives."""
        return self.node_id.name

    @property
    def to(self) -> int | str:
        """What names the actor on its node: its number, or a registered name."""
        return self.n

    @property
    def cls(self) -> str:
        """The name of the actor's class; empty where only a name is known."""
        return self._cls

    def __str__(self) -> str:
        return f"{self._cls} on {self.node}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def __hash__(self) -> int:
        return hash(self.n)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RemoteActorRef):
            return self.n == other.n and self.node_id == other.node_id
        if isinstance(other, ActorRef):
            return home_of(other) == self.node_id and actor_id(other) == self.n
        return NotImplemented

    def __copy__(self) -> "RemoteActorRef":
        return self

    def __deepcopy__(self, _memo: object) -> "RemoteActorRef":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} travels only in messages between nodes")

    def is_alive(self) -> bool:
        """Tell whether the node is linked and the actor not known to have ended.

        The answer is this node's knowledge; nobody is asked. Monitor the ref to know.
        """
        return not self.gone and self._carrier.reachable(self)

    def tell(self, message: object) -> None:
        """Send a message and go on; what is in flight when a link breaks is lost.

        Raises:
            NodeDownError: The node is not linked. (An ActorDeadError.)
            ActorDeadError: The actor is known to have ended.
            EncodeError: The message cannot travel.
            MessageTooLargeError: It is over 64 MiB.
        """
        if self.gone:
            raise ActorDeadError(f"{self} is dead")
        self._carrier.tell(self, message)

    @overload
    def ask(
        self, message: object, *, block: Literal[False], timeout: float | None = None
    ) -> AnyFuture: ...

    @overload
    def ask(
        self, message: object, *, block: Literal[True], timeout: float | None = None
    ) -> Answer: ...

    @overload
    def ask(
        self, message: object, *, block: bool = True, timeout: float | None = None
    ) -> Answer: ...

    def ask(
        self, message: object, *, block: bool = True, timeout: float | None = None
    ) -> Answer:
        """Send a message and wait for the answer, or get a future of it.

        The future always ends: with the answer, with the exception raised over there,
        with NodeDownError as soon as the node is lost.

        Args:
            message: Anything that can travel.
            block: False returns a future, which also holds what went wrong in sending.
            timeout: Seconds to wait for the answer.

        Raises:
            Timeout: No answer in time.
            ActorDeadError: The actor has ended; as NodeDownError, its node is lost.
            EncodeError: The message cannot travel.
        """
        future = self._carrier.ask(self, message)
        return future.get(timeout=timeout) if block else future

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...

    @overload
    def stop(
        self, *, block: Literal[False], timeout: float | None = None
    ) -> Future[bool]: ...

    @overload
    def stop(
        self, *, block: bool = True, timeout: float | None = None
    ) -> bool | Future[bool]: ...

    def stop(
        self, *, block: bool = True, timeout: float | None = None
    ) -> bool | Future[bool]:
        """Stop the actor behind its backlog.

        Returns:
            True when it has ended, False when it was dead or its node lost.
        """
        future = self._carrier.stop_actor(self)
        return future.get(timeout=timeout) if block else future

    def proxy(self) -> AnyProxy:
        """Return an object whose attributes and methods are the actor's.

        Nobody is asked what exists: a wrong name fails when it is used.

        Raises:
            ActorDeadError: The actor or its node is known to be lost.
        """
        if not self.is_alive():
            raise ActorDeadError(f"{self} not found")
        return self._carrier.proxy(self)

    def add_monitor(self, monitor: MonitorRef, watcher: AnyRef) -> None:
        """For `actors.monitor`."""
        self._carrier.add_monitor(self, monitor, watcher)

    def remove_monitor(self, monitor: MonitorRef) -> None:
        """For `actors.demonitor`."""
        self._carrier.remove_monitor(monitor)

    def add_link(self, me: AnyRef) -> None:
        """For `actors.link`."""
        self._carrier.add_link(self, me)

    def remove_link(self, me: AnyRef) -> None:
        """For `actors.unlink`."""
        self._carrier.remove_link(self, me)

    def send_exit(self, sender: AnyRef | None, reason: object) -> None:
        """For `actors.exit`."""
        self._carrier.send_exit(self, sender, reason)


class NamedActorRef(RemoteActorRef):
    """Whoever bears a name on a node when the message gets there.

    Equal to a ref with the same node and name only; whether that is the same actor as
    that of another ref is decided by each message anew.
    """

    def __init__(self, carrier: Carrier, node: NodeId, name: str) -> None:
        super().__init__(carrier, node, 0, "")
        self._name = name
        self.actor_urn = f"urn:actor:{node.name}:{name}"

    @property
    def to(self) -> str:
        """The registered name."""
        return self._name

    def __str__(self) -> str:
        return f"{self._name} on {self.node}"

    def __hash__(self) -> int:
        return hash((self.node, self._name))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NamedActorRef):
            return (self.node, self.to) == (other.node, other.to)
        return False if isinstance(other, ActorRef) else NotImplemented
