"""Connections between the nodes of a searched world: frames in order, or lost.

A connection that is cut still delivers what was under way up to some point; its two
ends see that it is gone at any later moment, and what then still comes is late.
"""

from typing import NamedTuple

FRESH, OPEN, OVER = 0, 1, 2
"""What an end knows: nothing yet, that the link is up, that it is gone."""

UP = b""
"""What comes first: the other end has opened its channel."""

Frames = tuple[bytes, ...]


class Wire(NamedTuple):
    """One connection. Pairs are in the order of the nodes' indexes.

    Attributes:
        coming: Frames on their way to each end.
        lives: Which life of each node it belongs to.
    """

    token: int
    coming: tuple[Frames, Frames]
    ends: tuple[int, int]
    lives: tuple[int, int]
    alive: bool = True

    def with_coming(self, end: int, frames: Frames) -> "Wire":
        """Return it with other frames on their way to an end."""
        pair = (frames, self.coming[1]) if end == 0 else (self.coming[0], frames)
        return self._replace(coming=pair)

    def with_end(self, end: int, knows: int) -> "Wire":
        """Return it with an end that knows something else."""
        pair = (knows, self.ends[1]) if end == 0 else (self.ends[0], knows)
        return self._replace(ends=pair)

    def cut(self) -> "Wire":
        """Return it broken: an end that had not heard of it never will."""
        wire = self._replace(alive=False)
        for end in (0, 1):
            if self.ends[end] == FRESH:
                wire = wire.with_coming(end, ()).with_end(end, OVER)
        return wire

    def without(self, end: int) -> "Wire":
        """Return it with one node gone."""
        return self.cut().with_coming(end, ()).with_end(end, OVER)

    def forgotten(self) -> bool:
        """Tell whether nothing can come of it any more."""
        return self.ends == (OVER, OVER) and self.coming == ((), ())


Wires = tuple[Wire, ...]


class Pair(NamedTuple):
    """Two nodes and all their connections, the oldest first; `made`: how many ever."""

    made: int
    wires: Wires

    def alive(self) -> bool:
        """Tell whether there is a connection, or one that is coming up."""
        return any(wire.alive for wire in self.wires)

    def put(self, index: int, wire: Wire) -> "Pair":
        """Return it with one connection changed."""
        wires = (*self.wires[:index], wire, *self.wires[index + 1 :])
        return self._replace(wires=tuple(w for w in wires if not w.forgotten()))

    def connected(self, base: int, lives: tuple[int, int]) -> "Pair":
        """Return it with a new connection."""
        coming, ends = ((UP,), (UP,)), (FRESH, FRESH)
        wire = Wire(base + self.made, coming, ends, lives)
        return Pair(self.made + 1, (*self.wires, wire))

    def ready(self, index: int, end: int) -> bool:
        """Tell whether an end can take the next frame of a connection.

        A link is only told as up when the one before is told as gone.
        """
        wire = self.wires[index]
        if not wire.coming[end]:
            return False
        if wire.coming[end][0] != UP:
            return True
        return all(other.ends[end] != OPEN for other in self.wires[:index])
