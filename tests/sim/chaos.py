"""Frames that go astray inside a link: worse than TCP can be.

On an ordered link no operation is ever missing or doubled, so the rules against it
would never run. Only frames of lanes and conflicts go astray: everything else has no
rule against it, and needs none.
"""

from typing import TYPE_CHECKING

from group._core import messages as wire
from group._core import requests as ask
from transport import NodeId

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.world import World

ASTRAY = (
    *(wire.Ops, wire.SnapBegin, wire.SnapRows, wire.SnapEnd, wire.Need),
    *(wire.Beat, wire.HeadsQuery, wire.Heads, wire.Ask, wire.Ans),
)

SNAPSHOT = (wire.SnapBegin, wire.SnapRows, wire.SnapEnd)
Snapshot = wire.SnapBegin | wire.SnapRows | wire.SnapEnd


class Chaos:
    """Delivers frames, a share of them wrongly while there are faults."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.share = world.profile.chaos
        # The frames of each lane's last snapshot so far.
        self._snapshots: dict[tuple[NodeId, int, int, int], list[ask.Frame]] = {}

    def deliver(self, host: "Host", frame: ask.Frame) -> None:
        """Hand a frame to its replica now, later, twice or never."""
        if not self.share:
            host.replica.route(frame)
            return
        if isinstance(frame.message, SNAPSHOT):
            self._repeat_snapshot(host, frame, frame.message)
        if self._goes_astray(frame):
            self._misdeliver(host, frame)
        else:
            host.replica.route(frame)

    def _repeat_snapshot(
        self, host: "Host", frame: ask.Frame, message: Snapshot
    ) -> None:
        """Sometimes repeat all frames of a snapshot later: one alone does no harm."""
        lane = (host.node, frame.token, message.shard, message.cid)
        if isinstance(message, wire.SnapBegin):
            self._snapshots[lane] = []
        frames = self._snapshots.setdefault(lane, [])
        frames.append(frame)
        if isinstance(message, wire.SnapEnd) and self._goes_astray(frame):
            host.count("snapshots_repeated")
            at = self.world.now + self.world.random.random() * 2
            for each in frames:
                self.world.at(at, host.when_running, host.replica.route, each)

    def _goes_astray(self, frame: ask.Frame) -> bool:
        if not self.world.faulty or not isinstance(frame.message, ASTRAY):
            return False
        return self.world.random.random() < self.share

    def _misdeliver(self, host: "Host", frame: ask.Frame) -> None:
        random = self.world.random
        how = random.choice(("dropped", "doubled", "held_back"))
        host.count(f"frames_{how}")
        if how == "doubled":
            host.replica.route(frame)
        if how != "dropped":
            # Later, not at once: a double that follows immediately tests nothing.
            at = self.world.now + random.random() * 2
            self.world.at(at, host.when_running, host.replica.route, frame)
