"""A hybrid logical clock: stamps that follow causes, and the wall clock when they can.

A stamp is 48 bits of milliseconds and 16 bits of counter. After Kulkarni and others,
"Logical Physical Clocks" (2014).
"""

MAX_SKEW_MS = 60_000


class Clock:
    """The clock of one shard. Its stamps only ever grow."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def stamp(self, wall_ms: int) -> int:
        """Return a stamp greater than every stamp made or seen before."""
        physical = wall_ms << 16
        self.last = physical if physical > self.last else self.last + 1
        return self.last

    def see(self, stamp: int, wall_ms: int) -> bool:
        """Take note of a peer's stamp; False when it is too far ahead to be believed.

        A stamp from a clock that runs wild keeps its place in the order, but must not
        drag everybody's clock along.
        """
        if stamp <= self.last:
            return True
        if (stamp >> 16) - wall_ms > MAX_SKEW_MS:
            return False
        self.last = stamp
        return True
