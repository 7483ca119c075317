"""When a peer that sends what no peer may send gets a link again."""

from dataclasses import dataclass

# The first fault may be an accident; another within this time is not.
MEMORY = 60.0
LONGEST = 60.0


@dataclass(slots=True)
class Record:
    """The faults of one life of a node."""

    faults: int = 0
    last_at: float = 0.0
    until: float = 0.0

    def fault(self, now: float) -> float:
        """Count one more; return the seconds without a link, 0.0 for a first one."""
        recent = self.faults > 0 and now - self.last_at < MEMORY
        self.faults = self.faults + 1 if recent else 1
        self.last_at = now
        seconds = min(LONGEST, 2.0**self.faults) if self.faults > 1 else 0.0
        self.until = now + seconds
        return seconds
