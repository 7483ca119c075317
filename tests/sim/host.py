"""One simulated node: the real mesh, sessions, directory and shards, no thread."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from group._core import requests as ask
from tests.sim.ledger import Ledger
from tests.sim.links import Links
from tests.sim.profiles import HEARTBEAT
from tests.sim.replica import Replica
from tests.sim.stories import Stories
from transport import NodeId
from transport._core import messages

if TYPE_CHECKING:
    from tests.sim.world import World

# Wall clock of the start of a history, in seconds: room for clocks that are behind.
EPOCH = 1_000_000


class Host:
    """A process of the simulated world, one incarnation of it.

    Attributes:
        paused: What waits while the process is stopped; None: it runs.
        skew: Seconds that its wall clock is ahead.
    """

    def __init__(self, world: "World", name: str, incarnation: bytes) -> None:
        self.world = world
        self.name = name
        self.address = f"{name}:1"
        self.node = NodeId(name, incarnation)
        self.alive = True
        self.paused: list[tuple[Callable[..., object], tuple[object, ...]]] | None
        self.paused = None
        self.skew = 0.0
        self.stats: dict[str, int] = {}
        self.actors: set[int] = set()
        self._next_actor = 1
        self.ledger = Ledger()
        self.stories = Stories()
        self.links = Links(self)
        self.replica = Replica(self)

    def start(self, peers: list[str]) -> None:
        """Open the default cluster, watch everything, dial everybody."""
        for cluster in self.stories.clusters():
            self.subscribe(cluster)
        self.replica.connect("")
        for peer in peers:
            self.links.step(messages.Join(f"{peer}:1"))
        self.world.at(self.world.now + self.world.random.random(), self._tick)
        self.world.at(self.world.now + 0.1, self._mesh_tick)

    def subscribe(self, cluster: str) -> None:
        """Begin the story of a cluster again, with a snapshot."""
        self.stories.pause(cluster)
        self.stories.begin(cluster, self.replica.subscribe(cluster))

    # Time, and being stopped

    def when_running(self, action: Callable[..., object], *args: object) -> None:
        """Do something now; later if the process is stopped; never if it is dead."""
        if not self.alive:
            return
        if self.paused is not None:
            self.paused.append((action, args))
            return
        action(*args)

    def resume(self) -> None:
        """Let a stopped process go on with what waits for it."""
        waiting, self.paused = self.paused, None
        for action, args in waiting or ():
            self.when_running(action, *args)

    def wall(self) -> int:
        """Return the wall clock in milliseconds."""
        return int((EPOCH + self.world.now + self.skew) * 1000)

    def _tick(self) -> None:
        if self.alive:
            self.world.at(self.world.now + HEARTBEAT, self._tick)
            self.when_running(self.replica.post_all, ask.Tick())

    def _mesh_tick(self) -> None:
        if self.alive:
            self.world.at(self.world.now + HEARTBEAT / 2, self._mesh_tick)
            if self.paused is None:
                self.links.step(messages.Tick())

    # Actors

    def spawn(self) -> int:
        """Start an actor."""
        n = self._next_actor
        self._next_actor += 1
        self.actors.add(n)
        return n

    def end_actor(self, n: int, reason: object) -> None:
        """An actor of this node dies: each shard that watches it hears of it."""
        if n in self.actors:
            self.actors.discard(n)
            self.ledger.actor_ended(n)
            self.replica.actor_ended(n, reason)

    def count(self, what: str) -> None:
        """Count something that tests want to see happen."""
        self.stats[what] = self.stats.get(what, 0) + 1
