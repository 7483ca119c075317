"""Peers whose frames crash shards: one bad peer must not exhaust the restarts."""

from dataclasses import dataclass

from transport import NodeId

WINDOW = 60.0
"""Seconds within which a second fault sends a peer into quarantine."""
FIRST, LONGEST = 1.0, 60.0
"""Seconds of the first quarantine, doubled each time, and of the longest."""


@dataclass(slots=True)
class Record:
    """What one life of a node has done."""

    node: NodeId
    faults: int = 0
    last_at: float = 0.0
    times: int = 0
    until: float = 0.0
    error: str = ""


class Blame:
    """Faults by the name of the node that is blamed. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def note(self, node: NodeId, error: str, now: float) -> float:
        """Blame a peer for a crash; return the seconds of quarantine, 0 for none yet.

        A quarantine doubles each time; a minute without a fault forgives all.
        """
        record = self._records.get(node.name)
        if record is None or record.node != node or now - record.last_at > WINDOW:
            record = self._records[node.name] = Record(node)
        record.faults += 1
        record.last_at, record.error = now, error
        if record.faults < 2:
            return 0.0
        wait = min(LONGEST, FIRST * float(1 << record.times))
        record.times += 1
        # The minute of forgiveness begins when the peer is let in again.
        record.until = record.last_at = now + wait
        return wait

    def words(self, name: str, now: float) -> str | None:
        """Say why a peer is kept out, and for how long; None if it is not."""
        record = self._records.get(name)
        if record is None or now >= record.until:
            return None
        return (
            f"quarantined: node {name} for {record.until - now:.0f} s "
            f"after {record.faults} faults ({record.error})"
        )
