"""The nodes that ran a group and are gone: what they had, and why they went."""

from dataclasses import dataclass

from group._clock import monotonic

# As long as the mesh remembers an address.
FORGET_AFTER = 600.0
MOST = 64


@dataclass(frozen=True, slots=True)
class Gone:
    """One node that is gone.

    Attributes:
        name: Its name.
        address: Where it was.
        cause: Why it is gone.
        keys: Registrations that it owned.
        members: Memberships that it owned.
        at: When, by the monotonic clock.
    """

    name: str
    address: str
    cause: str
    keys: int
    members: int
    at: float


class Departed:
    """Written on the node's I/O thread; read by any."""

    def __init__(self) -> None:
        # Single dict operations only: no lock needed.
        self._gone: dict[str, Gone] = {}

    def note(self, gone: Gone) -> None:
        """Remember a node that is gone."""
        self._gone.pop(gone.name, None)
        self._gone[gone.name] = gone
        while len(self._gone) > MOST:
            self._gone.pop(next(iter(self._gone)), None)

    def back(self, name: str) -> None:
        """Forget it: it is here again."""
        self._gone.pop(name, None)

    def recent(self) -> list[Gone]:
        """Return those of the last ten minutes, by name."""
        now = monotonic()
        kept = [g for g in self._gone.copy().values() if now - g.at < FORGET_AFTER]
        return sorted(kept, key=lambda gone: gone.name)
