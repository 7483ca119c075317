"""Connections of virtual time: two streams of bytes, a prefix of which arrives.

Bytes arrive in order, split anywhere, after a delay. A reset or a crash loses a random
suffix of what was under way. What had arrived at a host whose link ended meanwhile can
be handed to its cores late: the shell would never do that, but the core must not care.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transport import NodeId
from transport._core import messages as mesh

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.world import World
    from transport._core.session import Session

DIAL_TIMEOUT = 1.0


@dataclass(slots=True)
class End:
    """One host's end of a connection."""

    host: "Host"
    session: "Session"
    dialled: str = ""
    token: int = 0
    node: NodeId | None = None
    closed: bool = False
    broken: bool = False
    coming: deque[tuple[float, bytes]] = field(default_factory=deque)
    other: "End" = field(init=False, repr=False)

    def send(self, data: bytes) -> None:
        """Put bytes on their way to the other end."""
        other = self.other
        if self.closed or self.broken or other.closed or not data:
            return
        world = self.host.world
        at = world.now + world.network.latency()
        if world.random.random() < 0.9 or len(data) < 2:
            other.coming.append((at, data))
        else:
            # Cut into two pieces, that are read one after the other.
            cut = world.random.randrange(1, len(data))
            other.coming += ((at, data[:cut]), (at, data[cut:]))
        world.at(at, other.arrive)

    def arrive(self) -> None:
        """Hand over what is due, unless the way is blocked or nobody reads."""
        host, coming = self.host, self.coming
        world = host.world
        if world.network.cuts and world.network.is_cut(self.other.host.name, host.name):
            return
        while coming and coming[0][0] <= world.now and not self.closed:
            _, data = coming.popleft()
            host.when_running(host.links.receive, self, data)

    def close(self) -> None:
        """Close this end; the other reads what was under way, then end of file."""
        if not self.closed:
            self.closed = True
            self._leave_late_frames()
            self.hang_up()

    def hang_up(self) -> None:
        """Let the other end notice that this one is closed."""
        world = self.host.world
        world.at(world.now + world.network.latency() * 2, self.other.end_of_file)

    def end_of_file(self) -> None:
        """Notice that the other end has closed."""
        world = self.host.world
        if self.closed:
            return
        if self.coming or world.network.is_cut(self.other.host.name, self.host.name):
            world.at(world.now + 0.3, self.end_of_file)
            self.arrive()
            return
        self.lose("closed by peer")

    def lose(self, reason: str) -> None:
        """The connection is gone for this end."""
        if not self.closed:
            self.closed = True
            self._leave_late_frames()
            self.host.when_running(self.host.links.lost, self, reason)

    def forget_some(self) -> None:
        """Lose a random suffix of what is under way to this end, and all after it."""
        self.other.broken = True
        for _ in range(self.host.world.random.randrange(len(self.coming) + 1)):
            self.coming.pop()

    def _leave_late_frames(self) -> None:
        """What had arrived here reaches the cores after the link is gone."""
        world = self.host.world
        at = world.now + world.random.random() * 4
        while self.coming:
            _, data = self.coming.popleft()
            at += world.random.random() * 0.05
            world.at(at, self.host.links.late, self, data)


class Network:
    """All connections, and what is wrong with them.

    Attributes:
        full_rate: How often a frame fills its link.
        cuts: Pairs of sender and receiver between which nothing arrives.
    """

    def __init__(self, world: "World") -> None:
        self.world = world
        self._slow = 0.0
        self._slow_until = 0.0
        self.full_rate = 0.02
        self.cuts: set[tuple[str, str]] = set()
        self.connections: list[End] = []

    def latency(self) -> float:
        """Return the delay of some bytes."""
        return 0.005 + self.world.random.random() * (0.03 + self._slow)

    def slow_down(self, seconds: float) -> None:
        """Let all bytes take up to so much longer than usual, till told otherwise."""
        self._slow_until = self.world.now + self._slow
        self._slow = seconds

    @property
    def is_slow(self) -> bool:
        """Whether something may be under way for unusually long."""
        return self._slow > 0 or self.world.now < self._slow_until

    def is_cut(self, sender: str, receiver: str) -> bool:
        """Tell whether bytes from one host to another are held up."""
        return (sender, receiver) in self.cuts

    def heal(self) -> None:
        """End every cut; what it held up arrives."""
        self.cuts.clear()
        for end in self.open_ends():
            self.world.at(self.world.now + 0.01, end.arrive)

    def open_ends(self) -> list[End]:
        """Return both ends of every connection of which one is not closed."""
        self.connections = [
            one for one in self.connections if not (one.closed and one.other.closed)
        ]
        return [end for one in self.connections for end in (one, one.other)]

    def dial(self, host: "Host", address: str) -> None:
        """Open a connection, if somebody answers."""
        name = address.partition(":")[0]
        if self.is_cut(host.name, name) or self.is_cut(name, host.name):
            failed = mesh.DialFailed(address, "timed out")
            self._later(DIAL_TIMEOUT, host, failed)
        elif name not in self.world.hosts:
            failed = mesh.DialFailed(address, "refused", refused=True)
            self._later(self.latency(), host, failed)
        else:
            end = self._connect(host, self.world.hosts[name], address)
            end.send(end.session.take())

    def _later(self, wait: float, host: "Host", failed: mesh.DialFailed) -> None:
        at = self.world.now + wait
        self.world.at(at, host.when_running, host.links.step, failed)

    def _connect(self, dialler: "Host", answerer: "Host", address: str) -> End:
        one = End(dialler, dialler.links.begin(dialler=True), dialled=address)
        two = End(answerer, answerer.links.begin(dialler=False))
        one.other, two.other = two, one
        self.connections.append(one)
        return one
