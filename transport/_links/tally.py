"""What goes wrong between nodes, counted since the start."""

from transport._core.identity import NodeId

# Beyond so many pairs of peer and cause, the peer is not told apart.
MAX_PAIRS = 256
OTHER = "other"

# Words that say why a link was lost, and the one that stands for them.
_CAUSES = (
    ("no sign of life", "silent"),
    ("no answer to a ping", "silent"),
    ("protocol error", "protocol"),
    ("connection closed", "closed"),
    ("reset", "reset"),
    ("broken pipe", "reset"),
    ("timed out", "timeout"),
    ("replaced", "replaced"),
    ("simultaneous", "replaced"),
    ("restarted", "restarted"),
    ("stopped", "goodbye"),
    ("disconnected", "goodbye"),
)


class Tally:
    """Written by the I/O thread, read by all."""

    def __init__(self) -> None:
        self._lost: dict[tuple[str, str], int] = {}
        self._dropped: dict[str, int] = {}

    def link_lost(self, peer: NodeId, reason: str) -> None:
        """A link was lost, for a reason in words."""
        key = (peer.name, cause_of(reason))
        if key not in self._lost and len(self._lost) >= MAX_PAIRS:
            key = (OTHER, key[1])
        self._lost[key] = self._lost.get(key, 0) + 1

    def dropped(self, cause: str) -> None:
        """A message was not sent; two threads at once may count as one."""
        self._dropped[cause] = self._dropped.get(cause, 0) + 1

    def links_lost(self) -> dict[tuple[str, str], int]:
        """Return how many links were lost, by peer and cause."""
        return self._lost.copy()

    def messages_dropped(self) -> dict[str, int]:
        """Return how many messages were dropped, by cause."""
        return self._dropped.copy()


def cause_of(reason: str) -> str:
    """Return one of few words for a reason."""
    found = (word for words, word in _CAUSES if words in reason.lower())
    return next(found, OTHER)
