"""When a subcluster lapses: leases are local policy and never travel."""

from collections.abc import Container
from dataclasses import dataclass


@dataclass(slots=True)
class Lease:
    """A cluster that is left at `ends_at` unless somebody here is interested."""

    ttl: float
    ends_at: float


class Leases:
    """The leases of one group on one node. Times are monotonic seconds.

    Any thread: each method reads or writes the dict in one step, and loops over a copy.
    """

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}

    def add(self, cluster: str, ttl: float, now: float) -> None:
        """Begin a lease; one that runs already is not refreshed."""
        self._leases.setdefault(cluster, Lease(ttl, now + ttl))

    def drop(self, cluster: str) -> None:
        """End a lease: the cluster has been left."""
        self._leases.pop(cluster, None)

    def extend(self, cluster: str, now: float) -> None:
        """Let a lease run for another ttl from now."""
        lease = self._leases.get(cluster)
        if lease is not None:
            lease.ends_at = now + lease.ttl

    def due(self, now: float) -> list[str]:
        """Return the clusters whose leases have ended, the longest over first."""
        ended = [
            (lease.ends_at, cluster)
            for cluster, lease in self._leases.copy().items()
            if lease.ends_at <= now
        ]
        return [cluster for _, cluster in sorted(ended)]

    def next_end(self, but: Container[str] = ()) -> float | None:
        """Return when the next lease ends, of all clusters but these."""
        leases = self._leases.copy().items()
        ends = [lease.ends_at for cluster, lease in leases if cluster not in but]
        return min(ends, default=None)

    def left(self, cluster: str, now: float) -> float | None:
        """Return the seconds until a lease ends, at least 0; None without one."""
        lease = self._leases.get(cluster)
        return None if lease is None else max(0.0, lease.ends_at - now)
