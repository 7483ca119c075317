"""Why nodes that should be linked are not, for whoever asks."""

import threading
from dataclasses import dataclass, replace

from transport import _clock as clock

# What still stands is met again sooner: by the next dial, or the caller's.
FORGET_AFTER = 60.0
# Callers from many addresses may make as many; they push out only each other.
MAX_OF_A_KIND = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One reason why a peer, or one of its channels, is not reached.

    Attributes:
        source: The address that was dialled, the host that called, or the peer's name.
        reason: What stands in the way; the same as long as it is the same.
        words: All of it in a sentence.
        channel: The name of the channel that was refused; "" where there is no link.
        since: Wall clock of the first time.
        last: Wall clock of the last time.
        count: How many times.
    """

    source: str
    reason: str
    words: str
    channel: str = ""
    since: float
    last: float
    count: int = 1


class Troubles:
    """The troubles of one node. Any thread."""

    def __init__(self) -> None:
        # By kind, oldest first; the lock guards both.
        self._kinds: dict[str, dict[tuple[str, str, str], Trouble]] = {}
        self._standing: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def note(
        self,
        kind: str,
        source: str,
        reason: str,
        words: str,
        *,
        channel: str = "",
        standing: bool = False,
    ) -> None:
        """Remember one more; a standing one until it is cleared.

        Args:
            kind: "dial", "call", "lookup" or "channel".
            source: See `Trouble`, as the following.
            reason: One word, or what the system says.
            words: A sentence.
            channel: Its name.
            standing: It will not be met again, and holds until it is cleared.
        """
        key, now = (source, channel, reason), clock.wall()
        with self._lock:
            held = self._kinds.setdefault(kind, {})
            old = held.pop(key, None)
            if old is None:
                made = Trouble(
                    source=source,
                    reason=reason,
                    words=words,
                    channel=channel,
                    since=now,
                    last=now,
                )
            else:
                made = replace(old, words=words, last=now, count=old.count + 1)
            held[key] = made
            if standing:
                self._standing.add(key)
            while len(held) > MAX_OF_A_KIND:
                self._drop(kind, next(iter(held)))

    def clear(self, kind: str, source: str, channel: str | None = None) -> None:
        """Forget what stood in the way of a source, or of one channel of it."""
        with self._lock:
            for key in list(self._kinds.get(kind, ())):
                if key[0] == source and channel in (None, key[1]):
                    self._drop(kind, key)

    def clear_channel(self, channel: str) -> None:
        """Forget what all peers had against a channel: it has ended."""
        with self._lock:
            for key in list(self._kinds.get("channel", ())):
                if key[1] == channel:
                    self._drop("channel", key)

    def current(self) -> list[Trouble]:
        """Return those that stand, or were met within the last minute."""
        now = clock.wall()
        with self._lock:
            for kind, held in self._kinds.items():
                for key, trouble in list(held.items()):
                    if key not in self._standing and now - trouble.last > FORGET_AFTER:
                        self._drop(kind, key)
            return [each for held in self._kinds.values() for each in held.values()]

    def _drop(self, kind: str, key: tuple[str, str, str]) -> None:
        del self._kinds[kind][key]
        self._standing.discard(key)
