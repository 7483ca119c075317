"""One started group on one node: what its verbs, its actors and its links share."""

import itertools
import threading
import weakref
from collections.abc import Iterable, Mapping
from functools import partial

from actors import (
    AnyRef,
    Future,
    Timeout,
    class_name,
    deliver,
    is_ref,
    on_down,
    stop_with,
    whereis,
)
from group._callbacks import safe_extract, safe_rank
from group._clock import monotonic
from group._core import messages as wire
from group._core.config import Config
from group._core.effects import (
    Cut,
    Effect,
    Evict,
    Notify,
    Reply,
    Report,
    Send,
    Settled,
    ToShards,
    Watch,
)
from group._core.events import Entry
from group._core.leases import Leases
from group._core.meta import Meta
from group._core.narrate import Narrator
from group._core.plain import RefAddress
from group._core.requests import (
    ActorDown,
    Blocked,
    Closed,
    Connect,
    Describe,
    Disconnect,
    Snapshot,
)
from group._core.rows import Row
from group._log import GroupLog
from group._reasons import RegistryConflict
from group._runner import Runner, countdown
from group._store import DirectoryDesk, Store, Subscription
from group._stream import EventStream
from group._subscribers import ActorSubscriber, Subscriber
from transport import Channel, Node, NodeId

LEASES_CHANGED = "leases changed"
LOOK_AGAIN = 0.05
"""Seconds after which a caller looks again at what it waits for."""

_numbers = itertools.count(1)


class Instance:
    """The parts of a started group. Lives from `Group.start` to the end of `stop`."""

    def __init__(self, config: Config, node: Node) -> None:
        self.config = config
        self.node = node
        self.me = node.id
        self.log = GroupLog(config.name, node.name, config.log)
        self.stopped = threading.Event()
        self.started_at = monotonic()
        self.channel: Channel | None = None
        self.conflicts = 0
        self._extract = safe_extract(config.extract_meta, self.log)
        rank = safe_rank(config.conflict_rank, self.ref_in, self.log)
        self.store = Store(self.me, config.shards, rank)
        self.narrator = Narrator(config.name, self.realise)
        self.runners = [
            Runner(index, self.perform, self.flush) for index in range(config.shards)
        ]
        self.directory = DirectoryDesk(
            self.store.directory, self.runners, self._say, self.flush
        )
        self.fences = Fences(config.shards)
        self.leases = Leases()
        self.streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        # Of callers that wait for a row: set when they should look again.
        self.waiting: set[threading.Event] = set()
        # Set when a cluster whose lease was being judged has been decided about.
        self.decided = threading.Condition()
        # Refs of the registry's and the sweeper's current actors, by child id.
        # Not by node and name alone: an interpreter may run two nodes of one name, and
        # start a group again before the actors of its last life have ended.
        number = next(_numbers)
        self.registry_name = f"{config.name}/monitors@{node.name}/{number}"
        self.sweeper_name = f"{config.name}/leases@{node.name}/{number}"

    def shard_name(self, index: int) -> str:
        """Return the name under which a shard's actor is registered."""
        return f"{self.config.name}/shard/{index}@{self.node.name}"

    # Clusters

    def connect(self, clusters: tuple[str, ...], timeout: float) -> tuple[str, ...]:
        """Join clusters, so that every later write finds them open.

        Returns:
            Those that this node was not in before.

        Raises:
            Timeout: One of them is just being left, and that takes too long.
        """
        deadline = monotonic() + timeout
        while True:
            answer = self.directory.run(Connect(clusters))
            if isinstance(answer, tuple):
                return answer
            self.await_decision(deadline)

    def await_decision(self, deadline: float) -> None:
        """Wait until a cluster that is being left, or judged, may have been.

        Raises:
            Timeout: The deadline has passed.
        """
        left = deadline - monotonic()
        if left <= 0:
            raise Timeout("a cluster is still being left")
        # Bounded, since the decision may fall between our look and the wait.
        with self.decided:
            self.decided.wait(min(left, LOOK_AGAIN))

    def disconnect(self, clusters: tuple[str, ...]) -> Future[None]:
        """Leave clusters; the future is done when peers have been told.

        Carried on by whichever thread closes the last shard, so that it is finished
        even if nobody waits for it.
        """
        left: Future[None] = Future()
        clusters = tuple(dict.fromkeys(clusters))
        if not clusters:
            left.set(None)
        for cluster in clusters:
            self.leases.drop(cluster)
        shards = len(self.runners)

        def finish() -> None:
            for cluster in clusters:
                self.store.views.pop(cluster, None)
            self.directory.run(Closed(clusters))
            self._decide()
            left.set(None)

        all_done = countdown(len(clusters) * shards, finish)
        answer = self.directory.run(Disconnect(clusters), lambda _done: all_done())
        leaving = answer if isinstance(answer, tuple) else ()
        for _ in range((len(clusters) - len(leaving)) * shards):
            all_done()
        return left

    def _decide(self) -> None:
        with self.decided:
            self.decided.notify_all()

    def unsealed(self) -> None:
        """Let callers look again that met a cluster whose lease was being judged."""
        self._decide()

    def lend(self, clusters: tuple[str, ...], ttl: float) -> None:
        """Begin leases of clusters, and tell the sweeper."""
        for cluster in clusters:
            self.leases.add(cluster, ttl, monotonic())
        sweeper = whereis(self.sweeper_name)
        if sweeper is not None:
            deliver(sweeper, LEASES_CHANGED)

    def close(self) -> None:
        """Let go: readers and waiters learn that the group is stopped."""
        for runner in self.runners:
            runner.close()
        self.store.views.clear()
        for stream in list(self.streams):
            stream.finish()
        for knocked in list(self.waiting):
            knocked.set()
        self.fences.close()
        self._decide()

    def monitored(self, cluster: str) -> bool:
        """Tell whether an actor of this node monitors something in a cluster."""
        return any(
            name == cluster
            for monitor in list(self.store.monitors.values())
            for name, _ in list(monitor.held)
        )

    def restart(self, subscriber: Subscriber, held: Iterable[Subscription]) -> None:
        """Give a subscriber the rows that match what it holds, shard by shard."""
        request = Describe(tuple(held))
        for runner in self.runners:

            def described(answer: object, shard: int = runner.index) -> None:
                if isinstance(answer, Snapshot):
                    subscriber.restart(shard, answer.events)

            runner.post(request, described)

    def refresh(self, subscriber: ActorSubscriber) -> None:
        """Let an actor that has lagged begin again."""
        monitor = self.store.monitors.get(subscriber.ref)
        if monitor is not None:
            self.restart(subscriber, monitor.held)

    def await_restart(self) -> None:
        """Wait a moment for an actor of the tree to be started again."""
        self.stopped.wait(LOOK_AGAIN)

    # Refs and meta

    def realise(self, row: Row) -> Entry:
        """Make what readers get of a row."""
        ref = self.node.ref(row.origin, row.n, row.cls)
        return Entry(ref, self._extract(self.raw_meta(row)))

    def raw_meta(self, row: Row) -> Meta:
        """Return a row's meta as it was written."""
        return Meta.of(row.meta, self.ref_in)

    def ref_in(self, address: RefAddress) -> AnyRef:
        """Return the ref for an address in a meta."""
        name, incarnation, n, cls = address
        return self.node.ref(NodeId(name, incarnation), n, cls)

    def ref_out(self, value: object) -> RefAddress | None:
        """Return the address of a ref in a meta; None for anything else."""
        if not is_ref(value):
            return None
        node, n = self.node.address_of(value)
        return node.name, node.incarnation, n, class_name(value)

    # Effects

    def perform(self, runner: Runner, effect: Effect) -> Iterable[int]:
        """Carry out an effect of a shard, in its turn; return the links to write to."""
        match effect:
            case Send(tokens, message):
                self._send(runner, tokens, message)
                return tokens
            case Notify(subscriber, events):
                if isinstance(subscriber, Subscriber):
                    subscriber.take(runner.index, events)
            case Watch(n):
                down = partial(self._actor_down, runner, n)
                on_down(self.node.ref(self.me, n, ""), down)
            case Evict() | Settled() | Report() | Cut() | Reply() | ToShards():
                self._perform_rare(runner, effect)
        return ()

    def _perform_rare(
        self, runner: Runner, effect: Evict | Settled | Report | Cut | Reply | ToShards
    ) -> None:
        match effect:
            case Evict():
                self._evict(effect)
            case Settled(number):
                self.fences.settled(number, runner.index)
            case Report(level, event, fields):
                self._report(level, event, fields)
            case Cut(token, why):
                self._cut(token, why)
            case Reply() | ToShards():
                # The runner keeps replies; only the directory speaks to shards.
                pass

    def _send(
        self, runner: Runner, tokens: tuple[int, ...], message: wire.Message
    ) -> None:
        channel = self.channel
        if channel is None:
            return
        body = wire.encode(message)
        for token in tokens:
            if not channel.send(token, body):
                runner.blocked(Blocked(token))

    def _say(self, tokens: tuple[int, ...], effect: Send | Cut) -> None:
        """Carry out an effect of the directory."""
        if isinstance(effect, Cut):
            self._cut(effect.token, effect.why)
        elif self.channel is not None:
            body = wire.encode(effect.message)
            for token in tokens:
                self.channel.send(token, body)

    def use_channel(self, channel: Channel) -> None:
        """Speak to peers over this channel."""
        self.channel = channel

    def flush(self, tokens: Iterable[int]) -> None:
        """Write what is queued on these links; never in a turn."""
        if self.channel is not None:
            self.channel.flush(tokens)

    def _cut(self, token: int, why: str) -> None:
        if self.channel is not None:
            self.channel.cut(token, why)

    def _report(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        if level == "error":
            self.log.error(event, **fields)
        else:
            self.log.warning(event, **fields)

    def _actor_down(self, runner: Runner, n: int, reason: object) -> None:
        runner.post(ActorDown(n, reason))

    def _evict(self, effect: Evict) -> None:
        """Stop an actor of ours that has lost its key."""
        winner = self.narrator.entry(effect.winner)
        loser = self.node.ref(self.me, effect.n, "")
        self.conflicts += 1
        self.log.error(
            "registry_conflict",
            key=effect.key,
            cluster=effect.cluster or None,
            loser=loser,
            winner=winner.ref,
            node=effect.winner.origin.name,
        )
        stop_with(loser, RegistryConflict(effect.key, winner.ref, winner.meta))


class Fences:
    """Who waits for which fence. Any thread."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[set[int], Future[None]]] = {}

    def new(self) -> tuple[int, Future[None]]:
        """Return a fence's number, and the future of all shards having settled it."""
        passed: Future[None] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = (set(range(self._shards)), passed)
        return number, passed

    def settled(self, number: int, shard: int) -> None:
        """Note that one shard has."""
        with self._lock:
            left, passed = self._waiting.get(number, (None, None))
            if left is None or passed is None:
                return
            left.discard(shard)
            if left:
                return
            del self._waiting[number]
        passed.set(None)

    def close(self) -> None:
        """Let everybody go: the group has ended."""
        with self._lock:
            waiting = [passed for _, passed in self._waiting.values()]
        for passed in waiting:
            passed.set(None)

    def forget(self, number: int) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._waiting.pop(number, None)
