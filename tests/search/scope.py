"""How much of everything the searched worlds have."""

from dataclasses import dataclass

CLUSTER = "red"
"""The only cluster, a named one: it can be left."""

KEY = "k/0"
METAS = (b"\xa1a", b"\xa1b")
LOG_SIZE = 2
"""So short that who misses three operations is sent a snapshot."""

SETTLING_TICKS = 3
"""Heartbeats after which all must agree: L1 of the protocol."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What may happen in one path, at most.

    Attributes:
        actors: That a node ever starts, in each of its lives.
        calls: Of register, unregister, join, leave that change something, and ends of
            actors; of all nodes together.
        ticks: Of each node.
        cuts: Of links; what is under way is lost from some point on.
        crashes: Of nodes, which come back with nothing.
        leaves: Of the cluster, which the node may join again.
        failures: Of shards, in the middle of an operation.
        fences: That callers wait for.
        fills: Of links, which take no more for a while.
        linked: Whether the first world is quiet, or its links are just coming up.
    """

    nodes: int = 2
    actors: int = 2
    calls: int = 2
    ticks: int = 0
    cuts: int = 0
    crashes: int = 0
    leaves: int = 0
    failures: int = 0
    fences: int = 0
    fills: int = 0
    linked: bool = True


SCOPES = {
    "cut": Scope(cuts=1, ticks=1),
    "crash": Scope(crashes=1, ticks=1),
    "leave": Scope(leaves=1, ticks=1),
    "failure": Scope(failures=1, ticks=1),
    "failing_leave": Scope(failures=1, leaves=1, calls=1),
    "fence": Scope(fences=1, cuts=1, calls=1),
    "fill": Scope(fills=1, fences=1, cuts=1),
    "new": Scope(ticks=1, linked=False),
    "all": Scope(cuts=1, crashes=1, leaves=1, failures=1, fences=1, fills=1, ticks=1),
}
