"""What a world is made of: a few numbers, and what may still happen."""

from array import array
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from tests.search.book import Deed

T = TypeVar("T", bound=Hashable)


class Left(NamedTuple):
    """What may still happen, and what has.

    Attributes:
        lives: How often each node has started.
        dead: The last states of nodes that have crashed.
        beats: Ticks since the world is left to itself.
    """

    calls: int
    ticks: tuple[int, ...]
    cuts: int
    crashes: int
    leaves: int
    failures: int
    fences: int
    fills: int
    lives: tuple[int, ...]
    dead: tuple[int, ...] = ()
    beats: int = 0


class World(NamedTuple):
    """Numbers of the nodes' states, of the pairs, and of what is left."""

    nodes: tuple[int, ...]
    pairs: tuple[int, ...]
    left: int

    def packed(self) -> bytes:
        """Return it as few bytes."""
        return array("I", (*self.nodes, *self.pairs, self.left)).tobytes()


class Step(NamedTuple):
    """One thing that happens: to node `at[0]`, or to connection `at` of a pair."""

    kind: str
    at: tuple[int, ...]
    deed: Deed = ()


class Numbers(Generic[T]):
    """Gives equal values the same number."""

    def __init__(self) -> None:
        self._values: list[T] = []
        self._numbers: dict[T, int] = {}

    def of(self, value: T) -> int:
        """Return the number of a value."""
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def __getitem__(self, number: int) -> T:
        return self._values[number]
