"""Clusters inside the test's own process: real nodes, with a network between them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import TypeVar, Unpack

from group._errors import StoppedError
from group._group import Group, GroupOptions
from group.testing._waiting import eventually
from transport import ListenError, Node, NodeOptions
from transport.testing import Network, Place

T = TypeVar("T")
TRIES = 10
"""Ports that are tried before it is somebody else's fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """How fast nodes find out that others are gone. Seconds; see `NodeOptions`."""

    heartbeat: float = 0.2
    lease: float = 1.0
    grace: float = 0.5

    @property
    def patience(self) -> float:
        """How long a test waits for nodes to find each other, or that they are gone."""
        return 10.0 + 10 * (self.lease + self.grace)

    def options(self, cookie: str) -> NodeOptions:
        """Return what all nodes of a test's cluster have in common."""
        return {
            "cookie": cookie,
            "heartbeat": self.heartbeat,
            "lease": self.lease,
            "grace": self.grace,
            # A dial that a partition holds up is tried again soon.
            "handshake_timeout": max(self.lease, 1.0),
        }


class LocalCluster:
    """Nodes of one process, each with the group. Made by `cluster`.

    `c["a"]` is the group on node a; iterating gives the groups, in the nodes' order.
    The methods are for the test's thread, and wait until what they do is seen.
    """

    def __init__(
        self, group: str, timing: Timing, options: GroupOptions, network: Network
    ) -> None:
        """Made by `cluster`."""
        self.network = network
        self._group = group
        self._timing = timing
        self._options = options
        self._cookie = secrets.token_hex(32)
        self._places: dict[str, str] = {}
        self._groups: dict[str, Group] = {}
        self._parted = Parting()

    @property
    def names(self) -> list[str]:
        """The nodes that run, in the order in which they were first started."""
        return [name for name in self._places if name in self._groups]

    def __getitem__(self, node: str | int) -> Group:
        if isinstance(node, int):
            return self._groups[self.names[node]]
        return running(self._groups, node)

    def __iter__(self) -> Iterator[Group]:
        return iter([self._groups[name] for name in self.names])

    def __len__(self) -> int:
        return len(self._groups)

    def __repr__(self) -> str:
        return f"<LocalCluster {self._group!r} on {', '.join(self.names) or 'no node'}>"

    # Nodes

    def open(self, names: Iterable[str]) -> None:
        """Start the first nodes, and wait until all see each other."""
        for name in names:
            self._start(name)
        self.await_nodes()

    def start(self, name: str) -> Group:
        """Start a node: a new one, or one that was stopped or has crashed.

        Raises:
            ValueError: It runs.
        """
        group = self._start(name)
        self.await_nodes()
        return group

    def stop(self, name: str) -> None:
        """Stop a node in order: its peers hear of it at once."""
        group = running(self._groups, name)
        del self._groups[name]
        group.stop()
        group.node.stop()
        self.network.refuse(name)
        self.await_nodes()

    def crash(self, name: str) -> None:
        """Take a node away without a word, as if its process had been killed.

        Its actors, which are of this process, live on; they belong to no node any more.
        """
        group = running(self._groups, name)
        del self._groups[name]
        self.network.refuse(name)
        group.stop()
        group.node.stop()
        self.await_nodes()

    def _start(self, name: str) -> Group:
        if name in self._groups:
            raise ValueError(f"node {name!r} runs")
        options = self._timing.options(self._cookie)
        options["join"] = [a for other, a in self._places.items() if other != name]
        node = start_behind_gate(self.network, name, options)
        self._places[name] = node.address
        try:
            self._groups[name] = Group.start(self._group, node=node, **self._options)
        except BaseException:
            node.stop()
            raise
        return self._groups[name]

    # The network

    def partition(self, *sides: str | Collection[str]) -> None:
        """Cut the network into sides, and wait until each side believes it.

        What one node has sent to another is not lost but late. Nodes that are in none
        of the sides form one more: `partition("a")` cuts off a alone. A second
        partition replaces the first.

        Raises:
            ValueError: No such node, one that is on two sides, or nobody to be cut off.
            AssertionError: The nodes did not find out in time.
        """
        __tracebackhide__ = True
        self.network.partition(*sides)
        self._parted.part(sides, self._places)
        self.await_nodes()

    def heal(self) -> None:
        """Let everything pass again, and wait until all see each other.

        Raises:
            AssertionError: They did not in time.
        """
        __tracebackhide__ = True
        self.network.heal()
        self._parted.part((), self._places)
        self.await_nodes()

    # Waiting

    def await_nodes(self, timeout: float | None = None) -> None:
        """Wait until every node sees exactly those that it can reach, and their rows.

        Raises:
            AssertionError: One does not in time.
            ShardTimeoutError: It sees them, and a shard is busy for longer.
        """
        __tracebackhide__ = True

        def seen() -> bool:
            for name, group in self._groups.items():
                wanted = sorted(self._parted.reached(name, self._groups))
                found = _seen_by(group)
                assert found == wanted, f"{name} sees {found}, not {wanted}"
            return True

        eventually(seen, self._timing.patience if timeout is None else timeout)
        # Each shard has then dropped the rows of those that are gone.
        self.settle(self._timing.patience)

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until all that was written on any node is seen on those linked with it.

        Raises:
            ShardTimeoutError: It is not in time.
        """
        for group in self:
            group.settle(timeout)

    def close(self) -> None:
        """Stop all nodes and the network between them."""
        try:
            for name in list(self._groups):
                group = self._groups.pop(name)
                with suppress(TimeoutError):
                    group.stop()
                with suppress(TimeoutError):
                    group.node.stop()
        finally:
            self.network.close()


@dataclass(slots=True)
class Parting:
    """Which nodes cannot reach each other."""

    sides: list[set[str]] = field(default_factory=list)

    def part(
        self, sides: Iterable[str | Collection[str]], everyone: Collection[str]
    ) -> None:
        """Part them; none of them means that everybody reaches everybody."""
        self.sides = [{side} if isinstance(side, str) else set(side) for side in sides]
        self.sides.append(set(everyone).difference(*self.sides))

    def reached(self, name: str, running: Iterable[str]) -> set[str]:
        """Return those of the nodes that run that one of them can reach.

        A node that was started since reaches all.
        """
        apart = [side for side in self.sides if name not in side]
        if len(apart) == len(self.sides):
            apart = []
        return set(running).difference({name}, *apart)


@contextmanager
def cluster(
    nodes: int | Iterable[str] = 3,
    *,
    group: str = "app",
    heartbeat: float = 0.2,
    lease: float = 1.0,
    grace: float = 0.5,
    **options: Unpack[GroupOptions],
) -> Iterator[LocalCluster]:
    """Run a group on some nodes of this process, for the length of the block.

    The nodes talk through real sockets on free ports, with a cookie of their own, so
    that clusters of tests that run side by side do not meet; `GROUP_...` variables of
    the environment are not heard.

        with cluster(3) as c:
            a, b, _ = c
            a.register("user/1", {"name": "Ann"}, actor=ref)
            assert b.wait_for("user/1", timeout=5).meta["name"] == "Ann"

    Args:
        nodes: How many, named a, b, c and so on; or their names.
        group: The group's name.
        heartbeat: Seconds between two signs of life.
        lease: Seconds of silence after which a link is cut. Shorter ones find
            partitions sooner, and take a busy machine for one.
        grace: Seconds that a node without a link may take to come back.
        **options: As `Group.start`: `shards`, `conflict_rank` and so on.
    """
    __tracebackhide__ = True
    timing = Timing(heartbeat=heartbeat, lease=lease, grace=grace)
    made = LocalCluster(group, timing, options, Network())
    try:
        made.open(names_of(nodes))
        yield made
    finally:
        made.close()


def _seen_by(group: Group) -> list[str]:
    try:
        return group.nodes()
    except StoppedError as error:
        raise AssertionError(f"{error}; c.stop(name) would have let it go") from error


def names_of(nodes: int | Iterable[str]) -> list[str]:
    """Return the names of so many nodes, or those that were given.

    Raises:
        ValueError: It is neither. A text is one name, not a name for each letter.
    """
    if isinstance(nodes, Iterable) and not isinstance(nodes, str):
        return list(nodes)
    if type(nodes) is not int or nodes < 0:
        raise ValueError(f"nodes must be a number of them, or names, got {nodes!r}")
    letters = list(ascii_lowercase)
    return [*letters, *(f"n{n}" for n in range(len(letters), nodes))][:nodes]


def running(nodes: Mapping[str, T], name: str) -> T:
    """Return what runs under a name.

    Raises:
        KeyError: Nothing does; it says what there is.
    """
    if name not in nodes:
        there = ", ".join(nodes) or "none"
        raise KeyError(f"no node {name!r} runs; there are {there}")
    return nodes[name]


def start_behind_gate(network: Network, name: str, options: NodeOptions) -> Node:
    """Start a node at a place that the network gives it."""
    # Options go before the rest of the environment; this would come on top.
    join = os.environ.pop("GROUP_JOIN", None)
    try:
        for _ in range(TRIES - 1):
            # Somebody may have taken the port meanwhile.
            with suppress(ListenError):
                return _start_at(network.place(name), name, options)
        return _start_at(network.place(name), name, options)
    finally:
        if join is not None:
            os.environ["GROUP_JOIN"] = join


def _start_at(place: Place, name: str, options: NodeOptions) -> Node:
    given: NodeOptions = {
        **options,
        "listen": place.listen,
        "advertise": place.advertise,
    }
    return Node.start(name, **given)
