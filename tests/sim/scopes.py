"""Scopes in the simulated world: counted joins, batches, patterns, crashes in between.

All invariants of the other histories hold here too, for a scope's rows are rows. On
top: every host counts what the callers were told; what events tell of joins and leaves
adds up to what is there; all agree on who is the oldest and the newest, and on where a
name leads.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from group._core import effects, occurrences
from group._core import requests as ask
from group._core.changes import GROUPS
from group._core.choosing import How, Wish, choose
from group._core.conflict import constant_rank
from group._core.events import Event, EventType
from group._core.keys import DEFAULT, shard_of
from group._core.occurrences import OCCURRENCES, Runs
from group._core.patterns import Patterns, has_wildcard
from group._core.rows import Row
from group._core.scoped import (
    Counts,
    JoinCounts,
    LeaveCounts,
    NotIn,
    PatternIndex,
    ScopeShard,
    ScopeTables,
)
from group._core.views import Members, PrefixIndex, View
from tests.sim.callers import PATIENCE, Callers, Deed
from tests.sim.host import Host
from tests.sim.profiles import LOG_SIZE, SHARDS, Profile
from tests.sim.replica import Replica
from tests.sim.world import World
from transport import NodeId

NOBODY = NodeId("nobody", b"")
NAMES = ("k/0", "k/1", "k/*", "k/?/x", "k/0/*")
ASKED = ("k/0", "k/7", "k/0/x", "k/a/b/x", "z")
BY_AGE: tuple[How, ...] = ("oldest", "newest")
At = tuple[str, int]
"""A group and an actor of one host."""


def runs_of(meta: Mapping[str, object] | None) -> Runs:
    """Return the occurrences that an event of a simulated host tells of."""
    written = b"" if meta is None else meta["meta"]
    assert isinstance(written, bytes)
    return occurrences.read(Row(NOBODY, 0, "", 0, written)) if written else ()


class Index(PatternIndex):
    """Also has the prefixes, by which the other invariants look rows up."""

    def add(self, key: str) -> None:
        super().add(key)
        PrefixIndex.add(self, key)

    def discard(self, key: str) -> None:
        super().discard(key)
        PrefixIndex.discard(self, key)


class SimTables(ScopeTables):
    index_class = Index


class ScopeReplica(Replica):
    """A scope on one host. (With as many shards as the others; a batch is in one.)"""

    def __init__(self, host: "ScopeHost") -> None:
        super().__init__(host)
        self.tables = [
            SimTables(host.node, (index, SHARDS), self.views, constant_rank)
            for index in range(SHARDS)
        ]
        self.shards = [self._new_shard(index) for index in range(SHARDS)]

    def _notify(self, index: int, effect: effects.Notify) -> None:
        super()._notify(index, effect)
        host = self.host
        assert isinstance(host, ScopeHost)
        if effect.subscriber == DEFAULT:
            host.hear(effect.events)

    def _new_shard(self, index: int) -> ScopeShard:
        tables = self.tables[index]
        # Called by the base first, before the tables are a scope's.
        if not isinstance(tables, ScopeTables):
            tables = SimTables(self.host.node, (index, SHARDS), {}, constant_rank)
        return ScopeShard(tables, self.narrator, self.condemned, LOG_SIZE)


class ScopeHost(Host):
    """A process that runs a scope.

    Attributes:
        counts: How often which actor is in which group, as its callers were told.
        told: What joins and leaves of events add up to, from the last snapshot on.
    """

    def __init__(self, world: "ScopeWorld", name: str, incarnation: bytes) -> None:
        super().__init__(world, name, incarnation)
        self.replica = ScopeReplica(self)
        self.counts: dict[At, int] = {}
        self.told: Counter[tuple[str, object]] = Counter()

    def subscribe(self, cluster: str) -> None:
        """Begin the story of a cluster again, with a snapshot."""
        self.stories.pause(cluster)
        events = self.replica.subscribe(cluster)
        self.stories.begin(cluster, events)
        if cluster == DEFAULT:
            self.told.clear()
            self.hear(events)

    def hear(self, events: Iterable[Event]) -> None:
        """Add up what events tell, each by itself."""
        for event in events:
            before, after = runs_of(event.previous_meta), runs_of(event.meta)
            if event.type is EventType.LEFT:
                before, after = after, ()
            came, went = occurrences.difference(before, after)
            self.told[(event.key, event.ref)] += came - went
            self.world.count("joins_told", came)
            self.world.count("leaves_told", went)

    def end_actor(self, n: int, reason: object) -> None:
        """Forget what an actor had."""
        self.counts = {at: number for at, number in self.counts.items() if at[1] != n}
        super().end_actor(n, reason)

    def row(self, key: str, n: int) -> Row | None:
        """Return an own row, as the lane has it."""
        lane = self.replica.tables[shard_of(DEFAULT, key, SHARDS)].lanes[DEFAULT]
        return lane.rows.get((key, n))

    def view(self) -> View:
        return self.replica.views[DEFAULT]


class ScopeCallers(Callers):
    """Join and leave in batches, and notes what the callers were told."""

    def __init__(self, world: "ScopeWorld") -> None:
        super().__init__(world)
        self._next = 0

    def shares(self) -> dict[Deed, float]:
        """Return what may be done, and how much of all is that."""
        return {
            self._join_counts: 0.45,
            self._leave_counts: 0.25,
            self._leave_all: 0.05,
            self._exit: 0.15,
            self._settle: 0.05,
            self._subscribe: 0.05,
        }

    def _join_counts(self, host: Host, _cluster: str, _key: str) -> None:
        n = host.spawn() if self.world.random.random() < 0.3 else self._somebody(host)
        counts = self._batch()
        request = JoinCounts(self._id(), n, "Sim", counts, self._until())
        if self._insist(host, counts[0][0], request) == ask.DONE:
            self._change(host, n, dict(counts), 1)

    def _leave_counts(self, host: Host, _cluster: str, _key: str) -> None:
        n, counts = self._somebody(host), self._batch()
        assert isinstance(host, ScopeHost)
        missing = [key for key, _ in counts if (key, n) not in host.counts]
        request = LeaveCounts(self._id(), n, counts, self._until())
        answer = self._insist(host, counts[0][0], request)
        if answer != (NotIn(missing[0]) if missing else ask.DONE):
            self.world.problem(f"{host.name} answers {answer}, {missing} are missing")
        if not missing:
            self._change(host, n, dict(counts), -1)
        else:
            self.world.count("batches_refused")

    def _leave_all(self, host: Host, _cluster: str, key: str) -> None:
        n, index = self._somebody(host), shard_of(DEFAULT, key, SHARDS)
        assert isinstance(host, ScopeHost)
        mine = {
            name: number
            for (name, owner), number in host.counts.items()
            if owner == n and shard_of(DEFAULT, name, SHARDS) == index
        }
        request = LeaveCounts(self._id(), n, None, self._until())
        answer = self._insist(host, key, request)
        if answer != (ask.DONE if mine else NotIn(None)):
            self.world.problem(f"{host.name} answers {answer}, {mine} are there")
        self._change(host, n, mine, -1)

    def _batch(self) -> Counts:
        """Draw groups of one shard, and how often."""
        random = self.world.random
        first = random.choice(NAMES)
        index = shard_of(DEFAULT, first, SHARDS)
        some = [name for name in NAMES if shard_of(DEFAULT, name, SHARDS) == index]
        names = {first, *random.sample(some, random.randint(1, len(some)))}
        return tuple((name, random.randint(1, 3)) for name in sorted(names))

    def _id(self) -> int:
        self._next += 1
        return self._next

    def _until(self) -> float:
        return self.world.now + PATIENCE

    def _insist(
        self, host: Host, key: str, request: JoinCounts | LeaveCounts
    ) -> object:
        """Hand a request in again as long as the shard fails over it."""
        index = shard_of(DEFAULT, key, SHARDS)
        answer = host.replica.call(index, request)
        while answer is None:
            self.world.count("requests_repeated")
            # What becomes of these rows is known when the request is answered.
            unsure = [at for at in host.ledger.members if at[2] == request.n]
            for at in unsure:
                del host.ledger.members[at]
            host.replica.restart(index)
            answer = host.replica.call(index, request)
            self._reread(host, unsure)
        return answer

    def _reread(self, host: Host, unsure: list[tuple[str, str, int]]) -> None:
        assert isinstance(host, ScopeHost)
        for _, key, n in unsure:
            row = host.row(key, n)
            if row is not None and n in host.actors:
                host.ledger.members[(DEFAULT, key, n)] = row.meta

    def _change(self, host: Host, n: int, counts: dict[str, int], sign: int) -> None:
        """Note what a caller was told; the lane must have as many."""
        assert isinstance(host, ScopeHost)
        for key, number in counts.items():
            left = max(0, host.counts.pop((key, n), 0) + sign * number)
            row = host.row(key, n)
            found = 0 if row is None else occurrences.count(occurrences.read(row))
            if found != left:
                self.world.problem(f"S1 {host.name} {key} of {n}: {found}, not {left}")
            if row is not None:
                host.counts[(key, n)] = left
                # Only the shard knows the stamps.
                host.ledger.members[(DEFAULT, key, n)] = row.meta
            else:
                host.ledger.members.pop((DEFAULT, key, n), None)


class ScopeWorld(World):
    """One history of a scope."""

    def __init__(self, seed: int, profile: Profile) -> None:
        super().__init__(seed, profile)
        self.callers = ScopeCallers(self)

    def start(self, name: str) -> None:
        """Start a process, unless it runs."""
        if name in self.hosts:
            return
        self.add(ScopeHost(self, name, self.random.randbytes(16)))

    def _wait_for_agreement(self, linked_at: float) -> None:
        super()._wait_for_agreement(linked_at)
        if self._finished:
            for words in scope_problems(self):
                self.problem(words)


def scope_problems(world: World) -> Iterator[str]:
    """What must hold for scopes when all is quiet."""
    hosts = [host for host in world.hosts.values() if isinstance(host, ScopeHost)]
    wanted = {
        (key, host.node, n): number
        for host in hosts
        for (key, n), number in host.counts.items()
    }
    for host in hosts:
        groups = host.view().groups
        if counted(groups) != wanted:
            yield f"S1 {host.name} counts {counted(groups)}, not {wanted}"
        if led_to(host) != slowly_led_to(groups):
            yield f"S3 {host.name} leads to {led_to(host)}"
        there = {(key, (node, n)): m for (key, node, n), m in wanted.items()}
        if +host.told != Counter(there) or -host.told:
            yield f"S2 {host.name} was told {host.told}, there is {there}"
    chosen = [by_age(host) for host in hosts]
    if any(each != chosen[0] for each in chosen):
        yield f"S4 oldest and newest differ: {chosen}"


def counted(groups: dict[str, Members]) -> dict[tuple[str, NodeId, int], int]:
    """How often which actor is in which group."""
    return {
        (key, row.origin, row.n): occurrences.count(occurrences.read(row))
        for key, members in groups.items()
        for row in members.rows.values()
    }


def led_to(host: ScopeHost) -> dict[str, str | None]:
    """Where names lead, by the indexes of a host's shards."""
    found: dict[str, str | None] = {}
    for name in ASKED:
        some = [each.match(name) for each in patterns_of(host)]
        known = [pattern for pattern in some if pattern is not None]
        found[name] = Patterns(known).match(name)
    return found


def patterns_of(host: ScopeHost) -> Iterator[Patterns]:
    for tables in host.replica.tables:
        index = tables.prefixes.get((GROUPS, DEFAULT))
        if isinstance(index, PatternIndex):
            yield index.patterns


def slowly_led_to(groups: dict[str, Members]) -> dict[str, str | None]:
    """Where names lead, by the groups that are there."""
    patterns = Patterns(filter(has_wildcard, groups))
    return {name: patterns.match(name) for name in ASKED}


def by_age(host: ScopeHost) -> list[object]:
    """Who is the oldest and the newest of each group, and all in their order."""
    found: list[object] = []
    for key, members in sorted(host.view().groups.items()):
        for how in BY_AGE:
            row = choose(members, Wish(how, "any", None), host.node, float, OCCURRENCES)
            found.append((key, how, None if row is None else (row.origin, row.n)))
        rows = occurrences.newest_first(members.snapshot())
        found.append((key, [(row.origin, row.n) for row in rows]))
    return found
