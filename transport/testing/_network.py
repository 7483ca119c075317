"""Network: the links between some nodes of this machine, in the hands of a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable
from itertools import permutations
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from transport.testing._gate import HOST, Gate, Sky, free_ports

PATIENCE = 10.0
"""Seconds for what takes none."""
TRIES = 10
"""Ports that are tried before it is somebody else's fault."""

T = TypeVar("T")


class Place(NamedTuple):
    """Where a node must listen, and what it must tell others, to be behind its gate."""

    listen: str
    advertise: str


class Network:
    """The network between some nodes on loopback. Any thread. A context manager.

    A node takes part by starting at the place that it is given:

        with Network() as net:
            a = Node.start("a", **net.place("a")._asdict())

    Its links then pass through a gate, whoever dials. What is blocked is not lost but
    late, as on a real network: the nodes notice by their lease, or not at all.
    """

    def __init__(self) -> None:
        # Touched by the loop's thread alone, but for the names.
        self._sky = Sky()
        self._gates: dict[str, Gate] = {}
        self._ports = free_ports()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="transport-testing-network", daemon=True
        )
        self._thread.start()

    def place(self, name: str) -> Place:
        """Open the gate of a node, in its first life or another, and say where it is.

        What dials before the node listens is reset.
        """
        return self._do(lambda: self._place(name))

    def refuse(self, name: str) -> None:
        """Shut the gate of a node, as when its process has ended.

        Its links break, dials to it are refused, and its own get nowhere, until it has
        a place again.
        """
        self._do(lambda: self._refuse(name))

    def partition(self, *sides: str | Collection[str]) -> None:
        """Let nothing pass between different sides. Replaces an earlier partition.

        Args:
            sides: Names of nodes, one or several for each side. Nodes that are in none
                form one more.

        Raises:
            ValueError: No such node, one that is on two sides, or nobody to be cut off.
        """
        named = [{side} if isinstance(side, str) else set(side) for side in sides]
        self._check({name for side in named for name in side})
        if sum(map(len, named)) != len(set().union(*named)):
            raise ValueError(f"a node is on two sides of {named}")
        rest = self._gates.keys() - set().union(*named)
        whole = [*named, rest]
        if sum(map(bool, whole)) < 2:
            nodes = ", ".join(sorted(self._gates))
            raise ValueError(f"{named} has nodes on one side only (there are {nodes})")
        side_of = {name: n for n, side in enumerate(whole) for name in side}
        apart = [
            pair
            for pair in permutations(self._gates, 2)
            if side_of[pair[0]] != side_of[pair[1]]
        ]
        self._do(lambda: self._block(apart, anew=True))

    def block(self, sender: str, receiver: str) -> None:
        """Let nothing pass from one node to another; the other way stays open."""
        self._check({sender, receiver})
        self._do(lambda: self._block([(sender, receiver)], anew=False))

    def delay(self, one: str, two: str, seconds: float) -> None:
        """Let each byte between two nodes be late, both ways."""
        self._check({one, two})

        async def slow_down() -> None:
            for pair in ((one, two), (two, one)):
                self._sky.between(*pair).delay = seconds

        self._do(slow_down)

    def reset(self, one: str, two: str) -> None:
        """Break the connections between two nodes; they may dial again."""
        self._check({one, two})

        async def break_them() -> None:
            for connection in self._sky.connections(one, two):
                connection.reset()

        self._do(break_them)

    def heal(self) -> None:
        """Let everything pass freely, what has waited first."""

        async def clear() -> None:
            self._sky.clear()

        self._do(clear)

    def close(self) -> None:
        """Break all links, close the gates and end the thread. Twice does nothing."""
        if self._loop.is_closed():
            return
        try:
            self._do(self._close)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self, names: set[str]) -> None:
        unknown = names - self._gates.keys()
        if unknown:
            raise ValueError(
                f"no such node: {', '.join(sorted(unknown))} "
                f"(there are {', '.join(sorted(self._gates)) or 'none'})"
            )

    def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        async def done() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(PATIENCE)

    # In the loop

    async def _place(self, name: str) -> Place:
        target = next(self._ports)
        self._sky.gone.discard(name)
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = self._new_gate(name, target)
        else:
            gate.open(target)
        return Place(f"{HOST}:{target}", gate.address)

    def _new_gate(self, name: str, target: int) -> Gate:
        # Others look for free ports, too, and may be faster.
        for attempt in range(TRIES):
            gate = Gate(name, next(self._ports), self._sky)
            try:
                gate.open(target)
            except OSError:
                if attempt == TRIES - 1:
                    raise
            else:
                return gate
        raise AssertionError(TRIES)

    async def _refuse(self, name: str) -> None:
        self._sky.gone.add(name)
        self._gates[name].shut()
        for other in self._gates:
            for connection in self._sky.connections(name, other):
                connection.reset()

    async def _block(self, pairs: Iterable[tuple[str, str]], *, anew: bool) -> None:
        if anew:
            for pair in permutations(self._gates, 2):
                self._sky.between(*pair).open.set()
        for pair in pairs:
            self._sky.between(*pair).open.clear()

    async def _close(self) -> None:
        self._sky.clear()
        for gate in self._gates.values():
            await gate.close()
