"""Everything that a group on this node knows: what its Data actor owns."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from actors import AnyRef
from group._core.conflict import Rank
from group._core.directory import Directory
from group._core.effects import Cut, Effect, Reply, Send, ToShards
from group._core.keys import DEFAULT, Pattern
from group._core.requests import Rebuild
from group._core.tables import Tables
from group._core.views import View
from group._runner import Runner
from group._subscribers import ActorSubscriber
from transport import NodeId

Subscription = tuple[str, Pattern]


class Monitor(NamedTuple):
    """What one actor monitors: clusters and patterns."""

    subscriber: ActorSubscriber
    held: set[Subscription]


@dataclass
class Store:
    """The tables of all shards, the directory of clusters, monitors and leases.

    It outlives the shards, the monitor registry and the lease sweeper. Tables and
    views are written in the turns of their shards, the rest under its own lock.
    """

    me: NodeId
    shards: int
    rank: Rank
    views: dict[str, View] = field(default_factory=dict)
    condemned: set[int] = field(default_factory=set)
    tables: list[Tables] = field(default_factory=list)
    # Who monitors what, by the actor's ref; written by the monitor registry alone.
    monitors: dict[AnyRef, Monitor] = field(default_factory=dict)
    directory: Directory = field(init=False)

    def __post_init__(self) -> None:
        self.directory = Directory(self.me)
        self.views[DEFAULT] = View()
        self.tables = [
            Tables(self.me, (index, self.shards), self.views, self.rank)
            for index in range(self.shards)
        ]


class DirectoryDesk:
    """Runs the turns of the directory, on the calling thread, one at a time.

    What a turn says to the shards is put into their queues within it, and handled
    after it; so a link's frames, which come later, find their shard prepared.
    """

    def __init__(
        self,
        directory: Directory,
        runners: list[Runner],
        send: Callable[[tuple[int, ...], Send | Cut], None],
        flush: Callable[[tuple[int, ...]], None],
    ) -> None:
        self._directory = directory
        self._runners = runners
        self._send = send
        self._flush = flush
        self._lock = threading.Lock()

    def run(
        self, message: object, done: Callable[[object], None] | None = None
    ) -> object:
        """Run one turn; `done` is called by every shard for each request it gets."""
        tokens: set[int] = set()
        with self._lock:
            answer, told = self._carry_out(self._directory.step(message), tokens, done)
        if tokens:
            self._flush(tuple(tokens))
        if told:
            for runner in self._runners:
                runner.kick()
        return answer

    def _carry_out(
        self,
        effects: list[Effect],
        tokens: set[int],
        done: Callable[[object], None] | None,
    ) -> tuple[object, bool]:
        answer: object = None
        told = False
        for effect in effects:
            if isinstance(effect, ToShards):
                told = True
                for runner in self._runners:
                    runner.enqueue(effect.request, done)
            elif isinstance(effect, Reply):
                answer = effect.answer
            elif isinstance(effect, Send):
                tokens.update(effect.tokens)
                self._send(effect.tokens, effect)
            elif isinstance(effect, Cut):
                self._send((effect.token,), effect)
        return answer, told

    def rebuild(self, runner: Runner) -> Rebuild:
        """Return what a shard that takes up its tables must know.

        What it has been told before and has not handled yet is in there.
        """
        with self._lock:
            runner.supersede()
            return self._directory.rebuild()

    def nodes(self, cluster: str | None) -> list[str]:
        """Return the nodes of a cluster, or the peers of this node."""
        with self._lock:
            return self._directory.nodes(cluster)

    def node_of(self, token: int) -> NodeId | None:
        """Return the peer at the other end of a link."""
        with self._lock:
            peer = self._directory.linked.get(token)
            return None if peer is None else peer.node

    def own(self) -> list[str]:
        """Return the named clusters that this node is in."""
        with self._lock:
            closing = self._directory.closing
            names = [name for name in self._directory.own if name not in closing]
        return sorted(name for name in names if name != DEFAULT)
