"""One started group on one node: what its verbs, its actors and its links share."""

import itertools
import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol

from actors import (
    AnyRef,
    Future,
    Timeout,
    class_name,
    deliver,
    is_ref,
    whereis,
)
from group._callbacks import safe_extract, safe_rank
from group._clock import monotonic
from group._core.config import Config
from group._core.errors import shown
from group._core.events import Entry
from group._core.keys import DEFAULT
from group._core.leases import Leases
from group._core.meta import Meta
from group._core.narrate import Narrator
from group._core.plain import RefAddress
from group._core.requests import (
    Closed,
    Connect,
    Describe,
    Disconnect,
    Full,
    Snapshot,
)
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import EndedView, View
from group._coroutines.helpers import Helpers
from group._errors import InvalidClusterError, StoppedError
from group._events.stream import EventStream
from group._events.subscribers import ActorSubscriber, Subscriber
from group._log import GroupLog
from group._looking.departed import Departed
from group._tree.desk import DirectoryDesk
from group._tree.effects import Effects
from group._tree.fences import Fences
from group._tree.runner import Runner, countdown
from group._tree.store import Store, Subscription
from transport import Channel, ForkError, Node, NodeId

LEASES_CHANGED = "leases changed"
LOOK_AGAIN = 0.05
"""Seconds after which a caller looks again at what it waits for."""

_numbers = itertools.count(1)


class Waiter(Protocol):
    """Somebody who waits for a row, in a thread or in an event loop."""

    def set(self) -> None:
        """Let it look again. Any thread."""


class Instance:
    """The parts of a started group. Lives from `Group.start` to the end of `stop`."""

    kind: ClassVar[str] = "group"
    tables_class: ClassVar[type[Tables]] = Tables
    shard_class: ClassVar[type[Shard]] = Shard

    def __init__(self, config: Config, node: Node) -> None:
        self.config, self.node, self.me = config, node, node.id
        self.log = GroupLog(config.name, node.name, config.log)
        self.stopped = threading.Event()
        self.process = os.getpid()
        self.forked = False
        self.started_at = monotonic()
        # Whose doing it is, for hooks; by direction, where there is one.
        whose = {"group": config.name, "node": node.name}
        self.about: dict[str, Mapping[str, object]] = {"": MappingProxyType(whose)}
        for way in ("in", "out"):
            self.about[way] = MappingProxyType({**whose, "direction": way})
        self.channel: Channel | None = None
        self.conflicts = 0
        self._extract = safe_extract(config.extract_meta, self.log)
        rank = safe_rank(config.conflict_rank, self.ref_in, self.log)
        self.store = Store(self.me, config.shards, rank, tables_class=self.tables_class)
        # What most reads begin with: the view of the default cluster, while it runs.
        self.front: View | EndedView = self.store.views[DEFAULT]
        self.narrator = Narrator(config.name, self.realise)
        self.effects = Effects(self)
        self.runners = [Runner(index, self.effects) for index in range(config.shards)]
        self.directory = DirectoryDesk(self.store.directory, self.runners, self.effects)
        self.fences = Fences(config.shards)
        self.leases = Leases()
        self.departed = Departed()
        self.streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        # Of callers that wait for a row: set when they should look again.
        self.waiting: set[Waiter] = set()
        self.helpers = Helpers(f"group-aio-{config.name}", self.ended)
        # Set when a cluster whose lease was being judged has been decided about.
        self.decided = threading.Condition()
        # Names of the registry's and the sweeper's current actors. Not made of node
        # and name alone: an interpreter may run two nodes of one name, and start a
        # group again before the actors of its last life have ended.
        number = next(_numbers)
        self.registry_name = f"{config.name}/monitors@{node.name}/{number}"
        self.sweeper_name = f"{config.name}/leases@{node.name}/{number}"

    def ended(self) -> StoppedError | ForkError:
        """Return what callers are told once this group is stopped."""
        if self.forked:
            return ForkError(
                f"group {self.config.name!r} was started in pid {self.process}; "
                "start a new one after fork"
            )
        return StoppedError(self.config.name)

    def abandon(self) -> None:
        """In a forked child: neither the actors nor the links of the parent are here.

        Takes no lock: a thread that is not here may hold it.
        """
        self.forked = True
        self.stopped = threading.Event()
        self.stopped.set()
        self._close_views()
        for stream in list(self.streams):
            stream.abandon()

    def params(self) -> dict[str, str | int]:
        """Return what must be equal on all nodes that run this group."""
        config = self.config
        return {
            "shards": config.shards,
            "rank": config.rank_id,
            "hash": "msgpack-blake2b-8",
        }

    def use_channel(self, channel: Channel) -> None:
        """Speak to peers over this channel."""
        self.channel = channel

    def shard_name(self, index: int) -> str:
        """Return the name under which a shard's actor is registered."""
        return f"{self.config.name}/shard/{index}@{self.node.name}"

    # Clusters

    def connect(self, clusters: tuple[str, ...], timeout: float) -> tuple[str, ...]:
        """Join clusters, so that every later write finds them open.

        Returns:
            Those that this node was not in before.

        Raises:
            InvalidClusterError: These are too many.
            Timeout: One of them is just being left, and that takes too long.
        """
        deadline = monotonic() + timeout
        while True:
            answer = self.directory.run(Connect(clusters))
            if isinstance(answer, tuple):
                return answer
            if isinstance(answer, Full):
                raise InvalidClusterError(
                    f"this node is in {answer.clusters} clusters, and the names of so "
                    "many more cannot be told to peers; disconnect() some first",
                    shown(clusters),
                )
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
        shards = len(self.runners)

        def finish() -> None:
            for cluster in clusters:
                # Not before: a sweeper that has crashed half-way finds the lease, and
                # goes on. Nor later: the next to connect may have begun another.
                if cluster in self.store.directory.closing:
                    self.store.views.pop(cluster, None)
                    self.leases.drop(cluster)
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
        at_rest = [runner.close() for runner in self.runners]
        self._close_views()
        if all(at_rest):
            for tables in self.store.tables:
                tables.let_go()
        for stream in list(self.streams):
            stream.finish()
        for knocked in list(self.waiting):
            knocked.set()
        self.fences.close()
        self._decide()
        self.helpers.close()

    def _close_views(self) -> None:
        self.front = EndedView(self.ended)
        self.store.views.clear()

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

    def address(self, ref: AnyRef | None) -> tuple[NodeId, int] | None:
        """Return whose rows are an actor's; None stays None.

        Raises:
            TypeError: It is no actor ref.
        """
        if ref is None:
            return None
        if not is_ref(ref):
            raise TypeError(f"{shown(ref)} is no actor ref")
        return self.node.address_of(ref)

    def ref_in(self, address: RefAddress) -> AnyRef:
        """Return the ref for an address in a meta."""
        name, incarnation, n, cls = address
        return self.node.ref(NodeId(name, incarnation), n, cls)

    def ref_out(self, value: object) -> RefAddress | None:
        """Return the address of a ref in a meta; None for anything else."""
        if not is_ref(value):
            return None
        try:
            node, n = self.node.address_of(value)
        except TypeError:
            # It stands for a name, and so for nobody in particular.
            return None
        return node.name, node.incarnation, n, class_name(value)
