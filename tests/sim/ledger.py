"""What the callers and actors of one host know: the truth that all views must show.

Written when a caller is answered or an actor ends, and never from the tables.
"""

from group._core import requests as ask
from group._core.rows import Row, RowKey

Held = tuple[int, bytes]


class Ledger:
    """Claims and memberships that this host's callers were told they have."""

    def __init__(self) -> None:
        self.claims: dict[tuple[str, str], Held] = {}
        self.members: dict[tuple[str, str, int], bytes] = {}

    def done(self, request: object) -> None:
        """A caller was told that its request is carried out."""
        match request:
            case ask.Register(n=n, cluster=cluster, key=key, meta=meta):
                self.claims[(cluster, key)] = (n, meta)
            case ask.Unregister(cluster=cluster, key=key):
                self.claims.pop((cluster, key), None)
            case ask.Join(n=n, cluster=cluster, key=key, meta=meta):
                self.members[(cluster, key, n)] = meta
            case ask.Leave(n=n, cluster=cluster, key=key):
                self.members.pop((cluster, key, n), None)
            case _:
                raise AssertionError(request)

    def actor_ended(self, n: int) -> None:
        """An actor is dead, and all that it had is gone."""
        self.claims = {at: held for at, held in self.claims.items() if held[0] != n}
        self.members = {at: meta for at, meta in self.members.items() if at[2] != n}

    def cluster_left(self, cluster: str) -> None:
        """The host has left a cluster."""
        self.claims = {at: held for at, held in self.claims.items() if at[0] != cluster}
        self.members = {at: m for at, m in self.members.items() if at[0] != cluster}

    def claim_lost(self, cluster: str, key: str) -> None:
        """A claim was given up in a conflict."""
        self.claims.pop((cluster, key), None)

    def rows(self, cluster: str) -> dict[RowKey, Held]:
        """Return the rows that the lanes of a cluster must hold."""
        rows: dict[RowKey, Held] = {
            key: held for (name, key), held in self.claims.items() if name == cluster
        }
        for (name, key, n), meta in self.members.items():
            if name == cluster:
                rows[(key, n)] = (n, meta)
        return rows

    def has(self, request: object) -> bool:
        """Tell whether a request asks for what its actor has already."""
        match request:
            case ask.Register(n=n, cluster=cluster, key=key):
                return self.claims.get((cluster, key), (0, b""))[0] == n
            case ask.Join(n=n, cluster=cluster, key=key):
                return (cluster, key, n) in self.members
            case _:
                return False

    def reread(self, request: object, rows: dict[RowKey, Row]) -> None:
        """A request has failed half-way: believe the rows, for once."""
        if isinstance(request, ask.Register | ask.Unregister):
            cluster, key = request.cluster, request.key
            self._reread_claim(cluster, key, rows.get(key))
        elif isinstance(request, ask.Join | ask.Leave):
            cluster, key, n = request.cluster, request.key, request.n
            self._reread_member(cluster, key, n, rows.get((key, n)))

    def _reread_claim(self, cluster: str, key: str, row: Row | None) -> None:
        self.claims.pop((cluster, key), None)
        if row is not None:
            self.claims[(cluster, key)] = (row.n, row.meta)

    def _reread_member(self, cluster: str, key: str, n: int, row: Row | None) -> None:
        self.members.pop((cluster, key, n), None)
        if row is not None:
            self.members[(cluster, key, n)] = row.meta
