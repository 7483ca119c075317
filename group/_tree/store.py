"""Everything that a group on this node knows: what its Data actor owns."""

from dataclasses import dataclass, field
from typing import NamedTuple

from actors import AnyRef
from group._core.conflict import Rank
from group._core.directory import Directory
from group._core.keys import DEFAULT, Pattern
from group._core.tables import Tables
from group._core.views import View
from group._events.subscribers import ActorSubscriber
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
    tables_class: type[Tables] = Tables

    def __post_init__(self) -> None:
        self.directory = Directory(self.me)
        self.views[DEFAULT] = View()
        self.tables = [
            self.tables_class(self.me, (index, self.shards), self.views, self.rank)
            for index in range(self.shards)
        ]
