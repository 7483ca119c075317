"""The actors that a node answers for, and its refs to those of other nodes."""

import threading
from collections import OrderedDict
from functools import partial
from weakref import WeakValueDictionary

from actors import ActorRef, actor_id, class_name, on_down, whereis
from transport._core.identity import NodeId
from transport._errors import NotLocalError
from transport._remote.headers import MAX_NAME
from transport._remote.homes import claim, home_of
from transport._remote.plain import Address
from transport._remote.ref import AnyRef, Carrier, NamedActorRef, RemoteActorRef

# Ended actors whose refs are kept, so that a late monitor hears the true reason.
MAX_REMEMBERED = 4096


class LocalActors:
    """What lives on one node, by number. Any thread.

    Only actors that were handed to the node, or whose ref has travelled, are here: a
    peer cannot reach others by guessing numbers.
    """

    def __init__(self, node_id: NodeId) -> None:
        self.id = node_id
        self.closed = False
        # Held while they live, and a while longer; then as long as others hold them.
        self._living: dict[int, AnyRef] = {}
        self._lock = threading.Lock()
        self._ended: OrderedDict[int, AnyRef] = OrderedDict()
        self._known: WeakValueDictionary[int, AnyRef] = WeakValueDictionary()

    def adopt(self, ref: AnyRef) -> int:
        """Make a local actor one of this node, and return its number.

        Raises:
            NotLocalError: It belongs to another node.
        """
        # First what is common, and quick to tell: RemoteActorRef is an abstract class,
        # and to ask for one of those takes Python four times as long.
        if isinstance(ref, ActorRef):
            n = ref.cell.number
        else:
            n = 0 if isinstance(ref, RemoteActorRef) else actor_id(ref)
        if n in self._living:
            return n
        if n == 0 or claim(ref, self) is not self:
            raise NotLocalError(
                f"{ref!r} belongs to node {node_name(ref)}, not to {self.id.name}; "
                "use it through that node"
            )
        with self._lock:
            if n in self._known:
                return n
            self._known[n] = self._living[n] = ref
        # Called at once for one that is dead already.
        on_down(ref, partial(self._end, n))
        return n

    def _end(self, n: int, _reason: object) -> None:
        with self._lock:
            ref = self._living.pop(n, None)
            if ref is not None:
                self._ended[n] = ref
            if len(self._ended) > MAX_REMEMBERED:
                self._ended.popitem(last=False)

    def living(self, to: int | str) -> AnyRef | None:
        """Return a live actor by number, or by its registered name."""
        return self._living.get(to) if isinstance(to, int) else whereis(to)

    def known(self, to: int | str) -> AnyRef | None:
        """Return an actor, dead or alive, by number; by name only a live one."""
        if isinstance(to, str):
            return whereis(to)
        return self._living.get(to) or self._known.get(to)

    def close(self) -> None:
        """Let go of all actors; another node of this interpreter may adopt them."""
        self.closed = True
        with self._lock:
            self._living.clear()
            self._ended.clear()


def node_name(ref: AnyRef) -> str:
    """Return the name of the node where an actor lives; "" when no node knows it."""
    if isinstance(ref, RemoteActorRef):
        return ref.node
    home = home_of(ref)
    return home.name if home else ""


class RefBook:
    """Refs to addresses and back, as seen from one node. Any thread."""

    def __init__(self, locals_: LocalActors, carrier: Carrier) -> None:
        self._locals = locals_
        self._carrier = carrier
        self._lock = threading.Lock()
        # One object per remote actor while anybody holds it.
        self._remote: WeakValueDictionary[tuple[NodeId, int], RemoteActorRef] = (
            WeakValueDictionary()
        )

    def ref(self, node_id: NodeId, n: int, cls: str) -> AnyRef:
        """Return the local ref where the actor is ours, dead or alive; else remote."""
        if node_id == self._locals.id:
            local = self._locals.known(n)
            if local is not None:
                return local
        key = (node_id, n)
        found = self._remote.get(key)
        if found is not None:
            return found
        with self._lock:
            found = self._remote.get(key)
            if found is None:
                found = RemoteActorRef(self._carrier, node_id, n, cls)
                # Of this node and unknown here: it ended, and nobody held a ref.
                found.gone = node_id == self._locals.id
                self._remote[key] = found
            return found

    def named(self, node: str, name: str) -> NamedActorRef:
        """Return a ref to whoever bears a name on a node.

        Raises:
            ValueError: No actor can have that name; the peer would close the link.
        """
        if not 1 <= len(name) <= MAX_NAME or _surrogates(name):
            raise ValueError(f"an actor's name is 1-{MAX_NAME} characters: {name!r}")
        return NamedActorRef(self._carrier, NodeId(node, b""), name)

    def is_local(self, ref: AnyRef) -> bool:
        """Tell whether an actor is of this node, or of none yet."""
        if isinstance(ref, RemoteActorRef):
            return False
        home = home_of(ref)
        return home is None or home == self._locals.id

    def address(self, ref: AnyRef) -> Address:
        """Return the address under which a ref travels; adopts a homeless actor."""
        if isinstance(ref, RemoteActorRef):
            node_id = ref.node_id
            return (node_id.name, node_id.incarnation, ref.to, ref.cls)
        home = claim(ref, self._locals)
        n = self._locals.adopt(ref) if home is self._locals else actor_id(ref)
        return (home.id.name, home.id.incarnation, n, class_name(ref))

    def revive(self, address: Address) -> AnyRef:
        """Return the ref with an address."""
        node, incarnation, to, cls = address
        if isinstance(to, str):
            return self.named(node, to)
        return self.ref(NodeId(node, incarnation), to, cls)


def _surrogates(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False
