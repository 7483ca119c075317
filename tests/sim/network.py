"""Connections of virtual time: two streams of bytes, a prefix of which arrives.

Bytes arrive in order, split anywhere, after a delay. A reset or a crash loses a random
suffix of what was under way. What had arrived at a host whose link ended meanwhile can
be handed to its cores late: the shell would never do that, but the core must not care.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transport import NodeId

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.world import World
    from transport._core.session import Session


@dataclass
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
    other: "End" = field(init=False)

    def send(self, data: bytes) -> None:
        """Put bytes on their way to the other end."""
        world = self.host.world
        if self.closed or self.broken or self.other.closed or not data:
            return
        at = world.now + world.latency()
        for piece in world.split(data):
            self.other.coming.append((at, piece))
        world.at(at, self.other.arrive)

    def arrive(self) -> None:
        """Hand over what is due, unless the way is blocked or nobody reads."""
        world = self.host.world
        if world.cut(self.other.host.name, self.host.name):
            return
        while self.coming and self.coming[0][0] <= world.now and not self.closed:
            _, data = self.coming.popleft()
            self.host.when_running(self.host.receive, self, data)

    def close(self) -> None:
        """Close this end; the other reads what was under way, then end of file."""
        if self.closed:
            return
        self.closed = True
        self.leave_late_frames()
        world = self.host.world
        world.at(world.now + world.latency() * 2, self.other.end_of_file)

    def end_of_file(self) -> None:
        """Notice that the other end has closed."""
        world = self.host.world
        if self.closed:
            return
        if world.cut(self.other.host.name, self.host.name) or self.coming:
            world.at(world.now + 0.3, self.end_of_file)
            self.arrive()
            return
        self.lose("closed by peer")

    def lose(self, reason: str) -> None:
        """The connection is gone for this end."""
        if not self.closed:
            self.closed = True
            self.leave_late_frames()
            self.host.when_running(self.host.lost, self, reason)

    def forget_some(self, world: "World") -> None:
        """Lose a random suffix of what is under way to this end, and all after it."""
        self.other.broken = True
        for _ in range(world.random.randrange(len(self.coming) + 1)):
            self.coming.pop()

    def leave_late_frames(self) -> None:
        """What had arrived here reaches the cores after the link is gone."""
        world = self.host.world
        at = world.now + world.random.random() * 4
        while self.coming:
            _, data = self.coming.popleft()
            at += world.random.random() * 0.05
            world.at(at, self.host.late, self, data)


def connect(world: "World", dialler: "Host", answerer: "Host", address: str) -> End:
    """Open a connection; return the dialler's end."""
    one = End(dialler, dialler.session(dialler=True), dialled=address)
    two = End(answerer, answerer.session(dialler=False))
    one.other, two.other = two, one
    world.connections.append(one)
    return one
