"""Leases judged over real shards: a cluster is left when nobody here uses it."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from group._core import requests as ask
from group._core.keys import shard_of
from group._core.leases import Leases
from tests.group.bench import Bench
from tests.search.machines import Amount, live

SHARDS = 2
CLUSTERS = ("red", "blue")
NAMES = st.sampled_from(CLUSTERS)
TTLS = st.sampled_from([0.5, 1.0, 2.5])
KEYS = st.sampled_from(["k/0", "k/1"])
ACTORS = st.integers(1, 2)


class Lessee(RuleBasedStateMachine):
    """One node with two shards; time passes when a rule says so.

    Attributes:
        ends: The model: ttl and end of each lease.
        rows: The model: who is registered where.
        sealed: The cluster that is just being judged, and the shards that sealed it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.leases = Leases()
        self.shards = [
            Bench(place=(index, SHARDS), clusters=()) for index in range(SHARDS)
        ]
        self.cids = 0
        self.joined: set[str] = set()
        self.ends: dict[str, tuple[float, float]] = {}
        self.rows: dict[tuple[str, str], int] = {}
        self.sealed: tuple[str, list[int]] | None = None

    # Joining and leaving

    @rule(cluster=NAMES, ttl=st.one_of(TTLS, st.none()))
    def connect(self, cluster: str, ttl: float | None) -> None:
        if cluster in self.ends and ttl is not None:
            # It runs already, and is not refreshed.
            self.leases.add(cluster, ttl, self.now)
        elif cluster not in self.joined:
            self.cids += 1
            for shard in self.shards:
                shard.do(ask.OpenCluster(cluster, self.cids, self.cids))
            self.joined.add(cluster)
            if ttl is not None:
                self.leases.add(cluster, ttl, self.now)
                self.ends[cluster] = (ttl, self.now + ttl)

    @rule(cluster=NAMES)
    def disconnect(self, cluster: str) -> None:
        if cluster in self.joined and (self.sealed or ("",))[0] != cluster:
            self._leave(cluster)

    def _leave(self, cluster: str) -> None:
        for shard in self.shards:
            shard.do(ask.CloseCluster(cluster, self.cids))
        self.joined.discard(cluster)
        self.leases.drop(cluster)
        self.ends.pop(cluster, None)
        self.rows = {at: n for at, n in self.rows.items() if at[0] != cluster}

    # Callers

    @rule(n=ACTORS, cluster=NAMES, key=KEYS)
    def register(self, n: int, cluster: str, key: str) -> None:
        index = shard_of(cluster, key, SHARDS)

        answer = self.shards[index].register(key, n, cluster=cluster)

        held = self.rows.get((cluster, key))
        if self._is_sealed(cluster, index):
            assert answer == ask.SEALED
        elif cluster not in self.joined:
            assert answer == ask.NOT_CONNECTED
        elif held not in (None, n):
            assert isinstance(answer, ask.Taken)
        else:
            assert answer == ask.DONE
            self.rows[(cluster, key)] = n

    @rule(cluster=NAMES, key=KEYS)
    def unregister(self, cluster: str, key: str) -> None:
        index = shard_of(cluster, key, SHARDS)

        answer = self.shards[index].unregister(key, cluster=cluster)

        if self._is_sealed(cluster, index):
            assert answer == ask.SEALED
        elif cluster not in self.joined:
            assert answer == ask.NOT_CONNECTED
        elif self.rows.pop((cluster, key), None) is None:
            assert answer == ask.NOT_REGISTERED
        else:
            assert answer == ask.DONE

    @rule(n=ACTORS)
    def end(self, n: int) -> None:
        for shard in self.shards:
            shard.do(ask.ActorDown(n, "exit"))
        self.rows = {at: owner for at, owner in self.rows.items() if owner != n}

    def _is_sealed(self, cluster: str, index: int) -> bool:
        if self.sealed is None or cluster not in self.joined:
            return False
        return self.sealed[0] == cluster and index in self.sealed[1]

    # Judging, in two steps: callers come in between

    @rule(step=st.sampled_from([3.0, 0.5]), monitored=st.booleans())
    def wait(self, *, step: float, monitored: bool) -> None:
        if self.sealed is not None:
            self._judge(monitored=monitored)
        self.now += step
        self._seal()

    def _seal(self) -> None:
        for cluster in self.leases.due(self.now)[:1]:
            sealed = []
            for index, shard in enumerate(self.shards):
                answer = shard.do(ask.SealCluster(cluster))
                assert answer == (ask.BUSY if self._used(cluster, index) else ask.DONE)
                if answer == ask.DONE:
                    sealed.append(index)
            self.sealed = (cluster, sealed)

    def _used(self, cluster: str, index: int) -> bool:
        keys = (key for name, key in self.rows if name == cluster)
        return any(shard_of(cluster, key, SHARDS) == index for key in keys)

    def _judge(self, *, monitored: bool) -> None:
        assert self.sealed is not None
        (cluster, sealed), self.sealed = self.sealed, None
        if len(sealed) == SHARDS and not monitored:
            assert not [key for name, key in self.rows if name == cluster]
            self._leave(cluster)
            return
        for index in sealed:
            self.shards[index].do(ask.UnsealCluster(cluster))
        self.leases.extend(cluster, self.now)
        ttl, _ = self.ends[cluster]
        self.ends[cluster] = (ttl, self.now + ttl)

    # What must hold

    @invariant()
    def leases_end_when_they_should(self) -> None:
        ended = [(end, name) for name, (_, end) in self.ends.items() if end <= self.now]
        assert self.leases.due(self.now) == [name for _, name in sorted(ended)]
        ends = [end for _, end in self.ends.values()]
        assert self.leases.next_end() == min(ends, default=None)

    @invariant()
    def what_is_left_of_a_lease_is_known(self) -> None:
        for cluster in CLUSTERS:
            lease = self.ends.get(cluster)
            left = None if lease is None else max(0.0, lease[1] - self.now)
            assert self.leases.left(cluster, self.now) == left

    @invariant()
    def shards_hold_what_callers_know(self) -> None:
        for cluster in CLUSTERS:
            found = {
                (cluster, str(row_key)): row.n
                for shard in self.shards
                if (lane := shard.tables.lanes.get(cluster)) is not None
                for row_key, row in lane.rows.items()
            }
            known = {at: n for at, n in self.rows.items() if at[0] == cluster}
            assert found == known
            assert cluster in self.joined or not known


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_cluster_is_left_when_its_lease_ends_and_nobody_uses_it(
    seed: int, request: pytest.FixtureRequest
) -> None:
    live(Lessee, seed, request, Amount(examples=150, steps=40))
