"""Actors on two nodes that live and die together, by Erlang's rules."""

import itertools
import threading
from functools import partial
from typing import NamedTuple, Protocol

from actors import Cancel, NodeDown, Reason, actor_id, deliver_exit, on_down
from actors import link as link_here
from actors import unlink as unlink_here
from transport._core.identity import NodeId
from transport._remote import headers
from transport._remote.monitors import Post
from transport._remote.ref import AnyRef, RemoteActorRef


class LinkPost(Post, Protocol):
    """What links need of the node's traffic. Any thread."""

    def adopt(self, ref: AnyRef) -> int:
        """Return the number of a local actor."""

    def ref(self, node_id: NodeId, n: int, cls: str) -> AnyRef:
        """Return the ref with an address."""

    def class_of(self, ref: AnyRef) -> str:
        """Return the name of an actor's class."""


class _Key(NamedTuple):
    """A tie: the other node, the id it was asked for under, and by whom."""

    node_id: NodeId
    id: int
    mine: bool


class _Tie(NamedTuple):
    """The half of a link that is kept on this node."""

    me: AnyRef
    other: AnyRef

    @property
    def pair(self) -> tuple[int, AnyRef]:
        """Whom it ties; two that link each other at once make two ties."""
        return (actor_id(self.me), self.other)


class RemoteLinks:
    """Links across nodes, both ends. Any thread.

    Each end watches its own actor and tells the other end of its death. A tie is taken
    out once: by either death, by unlink, or by the loss of the node. Ids tell an old
    link from a new one of the same pair, so that no late exit reaches the unlinked.
    """

    def __init__(self, post: LinkPost) -> None:
        self._post = post
        self._ids = itertools.count(1)
        # Held while an exit is put into a mailbox, so that none follows an unlink.
        self._lock = threading.RLock()
        self._ties: dict[_Key, _Tie] = {}
        self._pairs: dict[tuple[int, AnyRef], list[_Key]] = {}
        self._cancels: dict[_Key, Cancel] = {}

    def __len__(self) -> int:
        return len(self._ties)

    def add(self, ref: RemoteActorRef, me: AnyRef) -> None:
        """Link a local actor with a remote one; twice changes nothing.

        Raises:
            NotLocalError: `me` belongs to another node.
        """
        node_id = self._post.life_of(ref)
        if node_id is None:
            down = NodeDown(ref.node, self._post.cause(ref))
            deliver_exit(me, ref, down, linked=True)
            return
        tie, key = _Tie(me, ref), _Key(node_id, next(self._ids), mine=True)
        # Looked at first: an actor that was linked by its name may have another home.
        if tie.pair in self._pairs:
            return
        n = self._post.adopt(me)
        if not self._tie(key, tie):
            return
        asked = self._asking(key, n, tie, again=False)
        if not self._post.signal(node_id, asked):
            self._finish(key, NodeDown(ref.node, self._post.cause(ref)))

    def _asking(self, key: _Key, n: int, tie: _Tie, *, again: bool) -> headers.Link:
        to = tie.other.to if isinstance(tie.other, RemoteActorRef) else 0
        return headers.Link(key.id, n, self._post.class_of(tie.me), to, again)

    def _tie(self, key: _Key, tie: _Tie) -> bool:
        with self._lock:
            if key in self._ties or (key.mine and tie.pair in self._pairs):
                return False
            self._ties[key] = tie
            self._pairs.setdefault(tie.pair, []).append(key)
        cancel = on_down(tie.me, partial(self._ended, key))
        with self._lock:
            if key in self._ties:
                self._cancels[key] = cancel
        return True

    def _untie(self, key: _Key) -> _Tie | None:
        with self._lock:
            tie = self._ties.pop(key, None)
            if tie is None:
                return None
            keys = self._pairs[tie.pair]
            keys.remove(key)
            if not keys:
                del self._pairs[tie.pair]
            cancel = self._cancels.pop(key, None)
        if cancel is not None:
            cancel()
        return tie

    def _ended(self, key: _Key, reason: Reason) -> None:
        """Our actor has ended: tell the other end."""
        if self._untie(key) is not None:
            self._report(key, reason)

    def _report(self, key: _Key, reason: Reason) -> None:
        data = self._post.write_reason(key.node_id, reason)
        self._post.signal(key.node_id, headers.LinkExit(key.id, key.mine, data))

    def _finish(self, key: _Key, reason: Reason) -> None:
        """The other end is gone. Of two ties only the first exit finds a link."""
        with self._lock:
            tie = self._untie(key)
            if tie is not None:
                deliver_exit(tie.me, tie.other, reason, linked=True)

    def remove(self, ref: RemoteActorRef, me: AnyRef) -> None:
        """Unlink; once this returns no exit signal of the link is delivered."""
        with self._lock:
            keys = list(self._pairs.get(_Tie(me, ref).pair, ()))
            for key in keys:
                self._untie(key)
        for key in keys:
            self._post.signal(key.node_id, headers.Unlink(key.id, key.mine))

    def link(self, node_id: NodeId, header: headers.Link) -> None:
        """A node links one of its actors with one of ours."""
        key = _Key(node_id, header.id, mine=False)
        me = self._post.known(header.to)
        if me is None or not (header.again or me.is_alive()):
            self._report(key, "noproc")
            return
        other = self._post.ref(node_id, header.n, header.cls)
        if self._tie(key, _Tie(me, other)):
            # So that our actor can unlink, too. Comes back to `add`, which finds it.
            link_here(other, me=me)

    def unlink(self, node_id: NodeId, header: headers.Unlink) -> None:
        """A node takes a link back."""
        tie = self._untie(_Key(node_id, header.id, mine=not header.mine))
        if tie is not None:
            unlink_here(tie.other, me=tie.me)

    def exit(self, node_id: NodeId, header: headers.LinkExit) -> None:
        """The other end of a link has ended."""
        key = _Key(node_id, header.id, mine=not header.mine)
        self._finish(key, self._post.read_reason(header.reason))

    def check(self, node_id: NodeId, header: headers.LinkCheck) -> None:
        """A node asks whether a link that was asked for here still holds."""
        key = _Key(node_id, header.id, mine=True)
        if key in self._ties:
            return
        me = self._post.known(header.n)
        if me is None:
            self._report(key, "noproc")
        elif me.is_alive():
            self._post.signal(node_id, headers.Unlink(key.id, mine=True))
        else:
            on_down(me, partial(self._report, key))

    def nodes(self) -> set[NodeId]:
        """Return the nodes at the other ends."""
        return {key.node_id for key in list(self._ties)}

    def node_up(self, node_id: NodeId) -> None:
        """Ask again: an exit may have been lost with the last connection."""
        for key, tie in self._ties.copy().items():
            if key.node_id != node_id:
                continue
            if key.mine:
                n = actor_id(tie.me)
                self._post.signal(node_id, self._asking(key, n, tie, again=True))
            elif isinstance(tie.other, RemoteActorRef):
                asked = headers.LinkCheck(key.id, actor_id_of(tie.other))
                self._post.signal(node_id, asked)

    def node_down(self, node_id: NodeId, cause: str) -> None:
        """End every link with a lost node."""
        for key in list(self._ties):
            if key.node_id == node_id:
                self._finish(key, NodeDown(node_id.name, cause))


def actor_id_of(ref: RemoteActorRef) -> int:
    """Return the number of a remote actor on its node."""
    return ref.to if isinstance(ref.to, int) else 0
