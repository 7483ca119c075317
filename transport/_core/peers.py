"""What a mesh knows of its own node and of every other."""

from dataclasses import dataclass, field
from enum import StrEnum

from transport._core.identity import NodeId
from transport._core.quarantine import Record


class State(StrEnum):
    """What is believed of a peer."""

    UP = "up"
    SUSPECT = "suspect"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a mesh must know of its node. Durations in seconds."""

    me: NodeId
    address: str = ""
    heartbeat: float = 1.0
    lease: float = 5.0
    grace: float = 2.0
    hidden: bool = False
    max_links: int = 256


@dataclass(slots=True)
class Peer:
    """One life of another node. Written by the mesh alone.

    `token` is None unlinked. `parted` says that one of the two disconnected the other,
    so that what third nodes tell is no reason to dial it. `lease` is the longer of the
    two: they differ only where one end hides, and who only looks need not know what the
    others have agreed on.
    """

    node: NodeId
    address: str
    hidden: bool
    state: State
    since: float
    lease: float = 0.0
    token: int | None = None
    last_token: int = 0
    dialled_here: bool = False
    parted: bool = False
    heard_at: float = 0.0
    grace_ends: float = 0.0
    probe_ends: float | None = None
    cause: str = ""
    record: Record = field(default_factory=Record)

    def barred(self, node: NodeId, now: float) -> bool:
        """Tell whether this very life gets no link for now."""
        return self.node == node and now < self.record.until
