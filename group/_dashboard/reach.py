"""How a dashboard reaches the nodes that it shows: it asks the same actor on each."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol, cast

from actors import ActorDeadError, AnyRef, Timeout, whereis
from group._clock import monotonic
from group._looking.answers import Answer
from group._looking.ops import ops_name
from group._running import running
from transport import ConfigError, JoinTimeoutError, Node, State

# Seconds: for an answer, and for a link to a node that is not linked yet.
ANSWER_TIMEOUT = 5.0
LINK_TIMEOUT = 2.0


class UnreachableError(Exception):
    """There is no such node or group, or it does not answer; the text is for people."""


class Reach(Protocol):
    """What a dashboard needs to look at a cluster. Any thread."""

    @property
    def node(self) -> Node:
        """The node that the questions are sent from."""

    @property
    def home(self) -> str:
        """The node that is asked when none is named."""

    def groups(self) -> list[str]:
        """Return the names of the groups that can be shown."""

    def ref(self, group: str, node: str) -> AnyRef:
        """Return whom to ask about a group on a node.

        Raises:
            UnreachableError: There is nobody.
        """


def ask(reach: Reach, group: str, node: str, question: tuple[object, ...]) -> Answer:
    """Ask a node about a group.

    Raises:
        UnreachableError: No answer came, and why.
    """
    return asked(reach.ref(group, node), question, node)


def asked(ref: AnyRef, question: tuple[object, ...], node: str = "it") -> Answer:
    """Ask one actor; errors are those of `ask`."""
    try:
        return cast("Answer", ref.ask(question, timeout=ANSWER_TIMEOUT))
    except Timeout:
        raise UnreachableError(
            f"{node} has not answered in {ANSWER_TIMEOUT:g} s"
        ) from None
    except ActorDeadError as error:
        raise UnreachableError(f"{node} does not answer: {error}") from error


class LocalReach:
    """The reach of a node that runs groups itself."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.home = node.name

    def groups(self) -> list[str]:
        """Return the names of the groups that run on this node."""
        return [name for name in running.on(self.node) if self._here(name) is not None]

    def ref(self, group: str, node: str) -> AnyRef:
        """Return whom to ask about a group on a node.

        Raises:
            UnreachableError: This node does not run the group.
        """
        if node != self.home:
            return _far(self.node, group, node)
        ref = self._here(group)
        if ref is None:
            raise UnreachableError(f"no group {group!r} runs on {node}")
        return ref

    def _here(self, group: str) -> AnyRef | None:
        return whereis(ops_name(group, self.home))


class HiddenReach:
    """The reach of a node that hides: it looks into one group, from outside.

    It is linked to the node it was told of, and to others as they are asked for, so
    that it can go on when any of them is lost.

    Args:
        node: A hidden node, linked to at least one that runs the group.
        group: The group's name.
    """

    def __init__(self, node: Node, group: str) -> None:
        self.node = node
        self._group = group
        self._first = _linked(node)[0]
        # Where nodes listen, by name; guarded, as threads of visitors come here.
        self._lock = threading.Lock()
        self._addresses: dict[str, str] = {}

    @property
    def home(self) -> str:
        """The node it was told of, or another one if that is lost."""
        linked = _linked(self.node)
        return self._first if self._first in linked or not linked else linked[0]

    def groups(self) -> list[str]:
        """Return the one group."""
        return [self._group]

    def learn(self, nodes: Iterable[tuple[str, str]]) -> None:
        """Note where nodes listen, and link to them: one may be home one day."""
        with self._lock:
            known = dict(self._addresses)
            self._addresses.update(nodes)
            new = {
                address
                for name, address in self._addresses.items()
                if known.get(name) != address and name not in _linked(self.node)
            }
        for address in new:
            self._join(address)

    def _join(self, address: str) -> None:
        try:
            self.node.join(address)
        except ConfigError:
            # A node that cannot be dialled from here.
            return

    def ref(self, group: str, node: str) -> AnyRef:
        """Return whom to ask about a group on a node.

        Raises:
            UnreachableError: It is not linked, and does not get linked in time.
        """
        if node not in _linked(self.node) and node not in self._addresses:
            known = node == self._first
            words = f"{node} is not linked" if known else f"there is no node {node!r}"
            raise UnreachableError(words)
        self._await(node)
        return _far(self.node, group, node)

    def _await(self, node: str) -> None:
        deadline = monotonic() + LINK_TIMEOUT
        while node not in _linked(self.node):
            left = deadline - monotonic()
            try:
                # Woken by each change of links.
                self.node.wait_peers(len(_linked(self.node)) + 1, max(0.0, left))
            except JoinTimeoutError:
                raise UnreachableError(f"{node} is not linked") from None


def _linked(node: Node) -> list[str]:
    # A peer is up a moment before it can be told anything.
    up = [peer.name for peer in node.peers() if peer.state is State.UP]
    return sorted(name for name in up if node.linked_id(name) is not None)


def _far(home: Node, group: str, node: str) -> AnyRef:
    try:
        return home.actor(node, ops_name(group, node))
    except ValueError:
        raise UnreachableError("no group or node has such a name") from None
