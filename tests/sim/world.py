"""A seeded world: virtual time, a faulty network, actors that come and go.

One seed is one history. `run` returns what went wrong, in words.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from group._core import requests as ask
from group._core.effects import Evict
from group._core.keys import shard_of
from tests.sim import invariants
from tests.sim.host import CLUSTERS, GRACE, HEARTBEAT, LEASE, SHARDS, Host
from tests.sim.network import End, connect
from transport import NodeId
from transport._core import messages as mesh_messages

KEYS = ("k/0", "k/1", "k/2")


@dataclass(frozen=True)
class Profile:
    """What kinds of faults a history has, and how much of everything.

    Durations in virtual seconds, rates per virtual second.
    """

    hosts: int = 3
    duration: float = 30.0
    calls_per_second: float = 12.0
    faults: tuple[str, ...] = ("reset", "crash", "delay")
    faults_per_second: float = 0.6
    late_joiner: bool = True
    sealed: bool = False


STANDARD = Profile()


class Violation(AssertionError):
    """An invariant does not hold."""


class World:
    """One history."""

    def __init__(self, seed: int, profile: Profile = STANDARD) -> None:
        self.random = random.Random(seed)
        self.profile = profile
        self.sealed = profile.sealed
        self.now = 0.0
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.counter = 0
        self.faulty = True
        self.slow = 0.0
        self.block_rate = 0.02
        self.hosts: dict[str, Host] = {}
        self.names = [f"n{i}" for i in range(profile.hosts)]
        self.blocked: set[tuple[str, str]] = set()
        self.connections: list[End] = []
        self.history: dict[tuple[NodeId, int, int], dict[int, int]] = {}
        self.cursors: dict[tuple[NodeId, NodeId, int, int], int] = {}
        self.kills: set[tuple[NodeId, int, str, str]] = set()
        self.needless_kills = 0
        self.stats: dict[str, int] = {}
        self.skews = {
            name: self.random.choice((0.0, 0.0, -25.0, 25.0)) * self.random.random()
            for name in self.names
        }
        self._schedule()

    def _schedule(self) -> None:
        late = self.profile.late_joiner
        for name in self.names:
            joins_late = late and name == self.names[-1]
            at = self.profile.duration * 0.6 * self.random.random() if joins_late else 0
            self.at(at, self.start, name)
        self.at(0.0, self.call)
        for _ in range(int(self.profile.duration * self.profile.faults_per_second)):
            self.at(self.random.random() * self.profile.duration, self.fault)
        self.at(self.profile.duration, self.heal)

    # Time

    def at(self, when: float, action: Callable[..., None], *args: Any) -> None:
        """Do something at a moment."""
        self.counter += 1
        heapq.heappush(self.events, (when, self.counter, action, args))

    def run(self) -> None:
        """Live through the history.

        Raises:
            Violation: An invariant did not hold.
        """
        end = self.profile.duration + 2 * LEASE + GRACE + 8 * HEARTBEAT
        while self.events and self.events[0][0] <= end:
            self.now, _, action, args = heapq.heappop(self.events)
            action(*args)
        for problem in invariants.agreement(self):
            self.problem(problem)

    def problem(self, words: str) -> None:
        """Stop: something is wrong."""
        raise Violation(f"at {self.now:.3f} s: {words}")

    def after_turn(self, host: Host, index: int) -> None:
        """Check what must hold at every turn."""
        invariants.record(self, host, index)
        invariants.see(host, index)
        for problem in invariants.positions(self, host, index):
            self.problem(problem)
        for problem in invariants.told(host):
            self.problem(problem)

    # The network

    def latency(self) -> float:
        """Return the delay of some bytes."""
        slow = self.slow if self.faulty else 0.0
        return 0.005 + self.random.random() * (0.05 + slow)

    def split(self, data: bytes) -> list[bytes]:
        """Cut some bytes into the pieces that are read."""
        if len(data) < 2 or self.random.random() < 0.9:
            return [data]
        cut = self.random.randrange(1, len(data))
        return [data[:cut], data[cut:]]

    def cut(self, sender: str, receiver: str) -> bool:
        """Tell whether bytes from one host to another are held up."""
        return (sender, receiver) in self.blocked

    def dial(self, host: Host, address: str) -> None:
        """Open a connection, if somebody answers."""
        name = address.partition(":")[0]
        wait = self.latency()
        if self.cut(host.name, name) or self.cut(name, host.name):
            failed = mesh_messages.DialFailed(address, "timed out")
            self.at(self.now + 1.0, host.when_running, host.mesh_step, failed)
            return
        other = self.hosts.get(name)
        if other is None:
            failed = mesh_messages.DialFailed(address, "refused", refused=True)
            self.at(self.now + wait, host.when_running, host.mesh_step, failed)
            return
        end = connect(self, host, other, address)
        end.send(end.session.take())

    # Hosts

    def start(self, name: str) -> None:
        """Start a process."""
        if name in self.hosts:
            return
        host = Host(self, name, self.random.randbytes(16))
        host.skew = self.skews[name]
        self.hosts[name] = host
        host.start([other for other in self.names if other != name])
        if self.random.random() < 0.7:
            host.connect("red")

    def crash(self, name: str) -> None:
        """Kill a process; it may come back under its name."""
        host = self.hosts.pop(name)
        host.alive = False
        self.absorb(host)
        for one in self.connections:
            for end in (one, one.other):
                if end.host is host and not end.closed:
                    end.other.forget_some(self)
                    end.closed = True
                    self.at(self.now + self.latency() * 2, end.other.end_of_file)
        wait = self.random.choice((0.05, 0.5, 3.0, 9.0))
        self.at(self.now + wait, self.start, name)
        self.count("crashes")

    def absorb(self, host: Host) -> None:
        """Take over the counters of a host."""
        for stats in (host.stats, *(shard.stats for shard in host.shards)):
            for what, number in stats.items():
                self.stats[what] = self.stats.get(what, 0) + number

    # Faults

    def fault(self) -> None:
        """Break something."""
        if not self.hosts:
            return
        kind = self.random.choice(self.profile.faults)
        getattr(self, f"fault_{kind}")(self.random.choice(sorted(self.hosts)))
        self.count(f"fault_{kind}")

    def fault_crash(self, name: str) -> None:
        self.crash(name)

    def fault_reset(self, name: str) -> None:
        """Reset a connection: prefixes survive, the ends notice apart."""
        ends = [one for one in self.connections if not one.closed]
        ends = [end for end in ends if name in (end.host.name, end.other.host.name)]
        if not ends:
            return
        one = self.random.choice(ends)
        for end in (one, one.other):
            end.forget_some(self)
            self.at(self.now + self.random.random() * 0.3, end.lose, "reset")

    def fault_delay(self, _name: str) -> None:
        """Everything is slow for a while."""
        self.slow = self.random.choice((0.0, 0.2, 1.0))

    def fault_block(self, name: str) -> None:
        """Cut both ways between two hosts, or heal all cuts."""
        other = self._another(name)
        if self.random.random() < 0.6:
            self.unblock()
        else:
            self.blocked |= {(name, other), (other, name)}

    def fault_oneway(self, name: str) -> None:
        """Cut one way."""
        self.blocked.add((name, self._another(name)))

    def _another(self, name: str) -> str:
        return self.random.choice([each for each in self.names if each != name])

    def fault_pause(self, name: str) -> None:
        """Stop a process, and let it go on later."""
        host = self.hosts[name]
        if host.paused is None:
            host.paused = []
            wait = self.random.choice((0.5, 3.0, 8.0))
            self.at(self.now + wait, self.resume, host)

    def fault_skew(self, name: str) -> None:
        """Move a wall clock."""
        self.skews[name] = 25.0 * (self.random.random() * 2 - 1)
        self.hosts[name].skew = self.skews[name]

    def resume(self, host: Host) -> None:
        """Let a stopped process go on with what waits for it."""
        waiting, host.paused = host.paused, None
        for action, args in waiting or ():
            host.when_running(action, *args)

    def unblock(self) -> None:
        """Heal every cut."""
        self.blocked.clear()
        for one in self.connections:
            for end in (one, one.other):
                self.at(self.now + 0.01, end.arrive)

    def heal(self) -> None:
        """No more faults; everybody is back."""
        self.faulty = False
        self.block_rate = 0.0
        self.unblock()
        for host in list(self.hosts.values()):
            self.resume(host)
        for name in self.names:
            self.start(name)

    # What actors and callers do

    def call(self) -> None:
        """Do one thing somewhere, and come back."""
        if not self.faulty:
            return
        pause = self.random.expovariate(self.profile.calls_per_second)
        self.at(self.now + pause, self.call)
        running = [h for _, h in sorted(self.hosts.items()) if h.paused is None]
        if not running:
            return
        host = self.random.choice(running)
        cluster, key = self.random.choice(CLUSTERS), self.random.choice(KEYS)
        self._act(host, cluster, key)

    def _act(self, host: Host, cluster: str, key: str) -> None:
        meta = b"\xa1%d" % self.random.randrange(9)
        index = shard_of(cluster, key, SHARDS)
        late = self.now + 1.0
        draw = self.random.random()
        actors = sorted(host.actors)
        n = self.random.choice(actors) if actors else host.spawn()
        if host.condemned and self.random.random() < 0.5:
            n = self.random.choice(sorted(host.condemned))
            self._register(host, n, cluster, key, meta)
        elif draw < 0.30:
            self._register(host, host.spawn(), cluster, key, meta)
        elif draw < 0.40:
            self._register(host, n, cluster, key, meta)
        elif draw < 0.50:
            host.call(index, ask.Unregister(cluster, key, late))
        elif draw < 0.62:
            host.call(index, ask.Join(n, "Sim", cluster, key, meta, late))
        elif draw < 0.70:
            host.call(index, ask.Leave(n, cluster, key, late))
        elif draw < 0.85:
            host.end_actor(n, "exit")
        elif draw < 0.93:
            host.disconnect("red")
        else:
            host.connect("red")

    def _register(
        self, host: Host, n: int, cluster: str, key: str, meta: bytes
    ) -> None:
        index = shard_of(cluster, key, SHARDS)
        answer = host.call(
            index, ask.Register(n, "Sim", cluster, key, meta, self.now + 1.0)
        )
        doomed = n in host.condemned and n in host.actors
        if isinstance(answer, ask.Done):
            seen = frozenset(host.seen.get((cluster, key), ()))
            host.after.setdefault((n, cluster, key), seen)
        if doomed and isinstance(answer, ask.Done):
            self.problem(f"{host.name} let condemned {n} register {key}")

    def evicted(self, host: Host, effect: Evict) -> None:
        """A3: an actor is ended once for a claim, by its own node."""
        victim = (host.node, effect.n, effect.cluster, effect.key)
        if victim in self.kills:
            self.problem(f"A3 {victim} ended twice")
        if effect.winner.origin == host.node:
            self.problem(f"A3 {victim} ended by a claim of its own node")
        winner = effect.winner
        claim = (winner.origin, winner.n, winner.stamp)
        if claim in host.after.get(victim[1:], ()):
            self.problem(f"A4 {victim} ended by a claim that it came after")
        self.kills.add(victim)
        self.count("kills")
        self._needless(effect)
        wait = self.random.random() * 0.5
        self.at(self.now + wait, host.when_running, host.end_actor, effect.n, "lost")

    def _needless(self, effect: Evict) -> None:
        winner = effect.winner
        host = self.hosts.get(winner.origin.name)
        if host is not None and host.node == winner.origin:
            index = shard_of(effect.cluster, effect.key, SHARDS)
            lane = host.tables[index].lanes.get(effect.cluster)
            row = None if lane is None else lane.rows.get(effect.key)
            if row is not None and (row.n, row.stamp) == (winner.n, winner.stamp):
                return
        self.count("needless_kills")

    def count(self, what: str) -> None:
        self.stats[what] = self.stats.get(what, 0) + 1


def history(seed: int, profile: Profile = STANDARD) -> World:
    """Live through one history and return it.

    Raises:
        Violation: An invariant did not hold.
    """
    world = World(seed, profile)
    world.run()
    for host in world.hosts.values():
        world.absorb(host)
    return world
