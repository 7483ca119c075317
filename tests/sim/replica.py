"""The group of one host: the real directory and shards, with a queue for each shard.

What the shell does with threads is done here with queues that are drained after a
random delay, or by the caller at once, as the shell does when a shard is idle.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from group._core import effects
from group._core import messages as wire
from group._core import requests as ask
from group._core.conflict import Rank, constant_rank
from group._core.directory import Directory, is_outdated_by_rebuild
from group._core.events import Entry, Event
from group._core.keys import ALL
from group._core.narrate import Narrator
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from tests.sim.crashes import Fuse, PlannedCrashError
from tests.sim.fences import Fences
from tests.sim.profiles import LOG_SIZE, SHARDS
from transport._core.frames import Kind

if TYPE_CHECKING:
    from actors import AnyRef
    from tests.sim.host import Host

# Seconds that a shard takes to come to what waits for it.
DELAYS = (0.0, 0.001, 0.02)
OF_CATALOGUE = (wire.Catalogue, wire.Joined, wire.Left)


class Replica:
    """One group on one host.

    Attributes:
        fuses: For each shard, whether and when it will fail in mid-operation.
        down: For each shard, whether it has failed and is not yet replaced.
        crashes: How often each shard has failed.
    """

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.world = host.world
        self.directory = Directory(host.node)
        self.views: dict[str, View] = {}
        self.condemned: set[int] = set()
        self.narrator = Narrator("sim", _entry)
        rank: Rank = _rank if self.world.profile.ranked else constant_rank
        self.tables = [
            Tables(host.node, (index, SHARDS), self.views, rank)
            for index in range(SHARDS)
        ]
        self.shards = [self._new_shard(index) for index in range(SHARDS)]
        self.inbox: list[deque[object]] = [deque() for _ in range(SHARDS)]
        self.watching: dict[int, set[int]] = {}
        self.closing: dict[str, int] = {}
        self.fuses: list[Fuse | None] = [None] * SHARDS
        self.down = [False] * SHARDS
        self.crashes = [0] * SHARDS
        self.fences = Fences(self)
        self._run: dict[type, Callable[..., None]] = {
            effects.Send: self._send,
            effects.Watch: self._watch,
            effects.Notify: self._notify,
            effects.Evict: self._evict,
            effects.Settled: self.fences.settled,
            effects.Cut: self._cut,
            effects.Report: self._report,
            effects.Reply: self._reply,
        }

    def _new_shard(self, index: int) -> Shard:
        return Shard(self.tables[index], self.narrator, self.condemned, LOG_SIZE)

    # The directory

    def route(self, message: object) -> None:
        """Hand what came over a link to the directory, or to the shard it is for."""
        if isinstance(message, ask.Frame) and not isinstance(
            message.message, OF_CATALOGUE
        ):
            self.post(message.message.shard, message)
        else:
            self._decide(message)

    def connect(self, cluster: str) -> None:
        """Join a cluster."""
        self._decide(ask.Connect((cluster,)))

    def disconnect(self, cluster: str) -> None:
        """Leave a cluster; what follows happens when every shard has closed it."""
        if self.is_in(cluster):
            self.closing[cluster] = SHARDS
            self.host.ledger.cluster_left(cluster)
            self._decide(ask.Disconnect((cluster,)))

    def is_in(self, cluster: str) -> bool:
        """Tell whether this host is in a cluster and not about to leave it."""
        return cluster in self.directory.own and cluster not in self.directory.closing

    def _decide(self, message: object) -> None:
        """Run a turn of the directory."""
        for effect in self.directory.step(message):
            if isinstance(effect, effects.ToShards):
                self.post_all(effect.request)
            else:
                self._run[type(effect)](0, effect)

    def _closed(self, cluster: str) -> None:
        self.closing[cluster] -= 1
        if not self.closing[cluster]:
            del self.closing[cluster]
            self._decide(ask.Closed((cluster,)))

    # The shards

    def post_all(self, message: object) -> None:
        """Post a message to every shard."""
        for index in range(SHARDS):
            self.post(index, message)

    def post(self, index: int, message: object, *, inline: bool = True) -> None:
        """Put a message into a shard's queue, or run it if the shard is idle."""
        inbox, world = self.inbox[index], self.world
        if self.down[index]:
            inbox.append(message)
        elif inline and not inbox and world.random.random() < 0.5:
            self.turn(index, message)
        else:
            inbox.append(message)
            at = world.now + DELAYS[int(world.random.random() * 3)]
            world.at(at, self.host.when_running, self.drain, index)

    def drain(self, index: int) -> None:
        """Run what waits for a shard."""
        inbox = self.inbox[index]
        while inbox and not self.down[index]:
            self.turn(index, inbox.popleft())

    def call(self, index: int, request: object) -> object:
        """Run a local request: after what waits already, like a caller would.

        Returns:
            The answer; None when the shard is down or fails.
        """
        self.drain(index)
        return None if self.down[index] else self.turn(index, request)

    def turn(self, index: int, message: object) -> object:
        """Run one turn of a shard and carry out its effects."""
        host, world = self.host, self.world
        try:
            found = self.shards[index].step(message, world.now, host.wall())
        except PlannedCrashError:
            self.crash(index, message)
            return None
        answer = None
        for effect in found:
            if type(effect) is effects.Reply:
                answer = effect.answer
            else:
                self._run[type(effect)](index, effect)
        world.checks.after_turn(host, index, message)
        if type(message) is ask.CloseCluster:
            self._closed(message.cluster)
        return answer

    # A shard that fails

    def arm(self, index: int, steps: int) -> None:
        """Let a shard fail after so many steps of its next operations."""
        if self.fuses[index] is None and not self.down[index]:
            self.fuses[index] = Fuse(self.shards[index], steps)

    def crash(self, index: int, message: object = None) -> None:
        """A shard has failed; another takes its tables up in a moment."""
        if self.down[index]:
            return
        self.down[index] = True
        self.crashes[index] += 1
        self.host.count("shard_crashes")
        self._disarm(index)
        self.fences.forget(index)
        self.world.absorb(self.shards[index].stats)
        if isinstance(message, ask.CloseCluster):
            # Its successor will have closed the cluster, and must say so.
            self.inbox[index].appendleft(message)
        at = self.world.now + self.world.random.choice((0.0, 0.02, 0.5))
        self.world.at(at, self.host.when_running, self.restart, index)

    def restart(self, index: int) -> None:
        """Put a new shard over the tables of the one that failed."""
        if not self.down[index]:
            return
        self.shards[index] = self._new_shard(index)
        self.down[index] = False
        closed = self._supersede(index)
        self.turn(index, self.directory.rebuild())
        for cluster in closed:
            self._closed(cluster)
        self.drain(index)

    def _supersede(self, index: int) -> list[str]:
        """Drop what `Rebuild` makes outdated; return the clusters to be closed."""
        waiting = list(self.inbox[index])
        kept = [m for m in waiting if not is_outdated_by_rebuild(m)]
        self.inbox[index] = deque(kept)
        return [m.cluster for m in waiting if isinstance(m, ask.CloseCluster)]

    def disarm(self) -> None:
        """Let no shard fail any more; those that are down come back."""
        for index in range(SHARDS):
            self._disarm(index)
            self.restart(index)

    def _disarm(self, index: int) -> None:
        fuse, self.fuses[index] = self.fuses[index], None
        if fuse is not None:
            fuse.remove()

    # Requests of callers

    def subscribe(self, cluster: str) -> list[Event]:
        """Subscribe to a cluster anew; return the rows to start from."""
        events: list[Event] = []
        for index in range(SHARDS):
            if self.tables[index].subscriptions.any(cluster):
                self._insist(index, ask.Unsubscribe(cluster, cluster, None))
            request = ask.Subscribe(cluster, cluster, ALL, snapshot=True)
            answer = self._insist(index, request)
            assert isinstance(answer, ask.Snapshot)
            events += answer.events
        return events

    def settle(self) -> None:
        """Fence every link, in every shard."""
        number = self.fences.next()
        for index in range(SHARDS):
            self.drain(index)
            if not self.down[index]:
                self.fences.promise(index, number)
                self.turn(index, ask.Settle(number))

    def actor_ended(self, n: int, reason: object) -> None:
        """Tell each shard that watches an actor that it has ended."""
        for index in sorted(self.watching.pop(n, ())):
            self.post(index, ask.ActorDown(n, reason))

    def _insist(self, index: int, request: object) -> object:
        answer = self.call(index, request)
        while answer is None:
            self.restart(index)
            answer = self.call(index, request)
        return answer

    # Effects

    def _send(self, _index: int, effect: effects.Send) -> None:
        body = wire.encode(effect.message)
        host, world = self.host, self.world
        for token in effect.tokens:
            host.links.write(token, Kind.CHANNEL, body)
            if world.random.random() < world.network.full_rate:
                self._fill(token)

    def _fill(self, token: int) -> None:
        """The link is full for a while: every shard hears of it, sooner or later."""
        self.host.count("links_filled")
        for index in range(SHARDS):
            self.post(index, ask.Blocked(token), inline=False)
        at = self.world.now + self.world.random.random() * 0.5
        self.world.at(at, self.host.when_running, self.post_all, ask.Writable(token))

    def _watch(self, index: int, effect: effects.Watch) -> None:
        if effect.n in self.host.actors:
            self.watching.setdefault(effect.n, set()).add(index)
        else:
            self.post(index, ask.ActorDown(effect.n, "gone"), inline=False)

    def _notify(self, _index: int, effect: effects.Notify) -> None:
        self.host.stories.add(effect.subscriber, effect.events)

    def _evict(self, _index: int, effect: effects.Evict) -> None:
        self.world.checks.evicted(self.host, effect)
        self.host.ledger.claim_lost(effect.cluster, effect.key)
        at = self.world.now + self.world.random.random() * 0.5
        self.world.at(at, self.host.when_running, self.host.end_actor, effect.n, "lost")

    def _cut(self, _index: int, effect: effects.Cut) -> None:
        if not self.world.profile.chaos:
            self.world.problem(f"{self.host.name} cut a link: {effect.why}")
        self.host.count("cut")
        cut = self.host.links.cut
        self.world.at(
            self.world.now, self.host.when_running, cut, effect.token, effect.why
        )

    def _report(self, _index: int, effect: effects.Report) -> None:
        if effect.level == "error":
            self.world.problem(f"{self.host.name} {effect.event} {effect.fields}")

    def _reply(self, _index: int, _effect: effects.Reply) -> None:
        """Do nothing: who asked the directory is not here."""


def _entry(row: Row) -> Entry:
    return Entry(cast("AnyRef", (row.origin, row.n)), {"meta": row.meta})


def _rank(_key: str, row: Row) -> object:
    return row.meta
