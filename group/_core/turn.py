"""One turn of a shard: what it has been asked, and what it leaves behind."""

from group._core.effects import Effect, Report, Send
from group._core.messages import Message


class Turn:
    """The effects of the running turn, in order, and the lanes that have moved.

    Reused from turn to turn; `begin` and `end` frame each.
    """

    __slots__ = ("effects", "moved", "now", "stats", "wall")

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.moved: dict[str, None] = {}
        self.stats: dict[str, int] = {}
        self.now = 0.0
        self.wall = 0

    def begin(self, now: float, wall: int) -> None:
        """Start a turn at monotonic time `now` and wall clock `wall` in ms."""
        if self.effects:
            # Whoever has been handed the last ones may still be carrying them out.
            self.effects = []
        if self.moved:
            self.moved = {}
        self.now = now
        self.wall = wall

    def send(self, token: int | None, message: Message) -> None:
        """Queue a message for one link; without a link it goes nowhere."""
        if token is not None:
            self.effects.append(Send((token,), message))

    def report(self, level: str, event: str, **fields: object) -> None:
        """Tell an operator."""
        self.effects.append(Report(level, event, fields))

    def count(self, what: str) -> None:
        """Count something that tests and operators want to know of."""
        self.stats[what] = self.stats.get(what, 0) + 1
