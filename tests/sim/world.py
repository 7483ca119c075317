"""A seeded world: virtual time, a faulty network, actors that come and go.

One seed is one history: the same events in the same order, always.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.sim.agreement import disagreements
from tests.sim.callers import Callers
from tests.sim.chaos import Chaos
from tests.sim.checks import Checks, rows_of_the_lost
from tests.sim.faults import FAULTS
from tests.sim.host import Host
from tests.sim.network import Network
from tests.sim.profiles import GRACE, HEARTBEAT, LEASE, STANDARD, Profile

# Virtual seconds after the last fault in which all must be linked: both ends of a
# link may believe in it for a lease, and a dial may wait for its longest backoff.
LINKED_WITHIN = LEASE + GRACE + 5.0 + 2 * HEARTBEAT
# Rows of a lost node: lease and grace, judged once a heartbeat, and what was under way
# on slow links. A host that is stopped takes longer, as it should.
GONE_WITHIN = LEASE + GRACE + HEARTBEAT + 2.5
AGREED_WITHIN = 3 * HEARTBEAT
POLL = 0.25

T = TypeVar("T")


class InvariantError(AssertionError):
    """Something does not hold that must."""


class World:
    """One history."""

    def __init__(self, seed: int, profile: Profile = STANDARD) -> None:
        self.random = random.Random(seed)
        self.profile = profile
        self.now = 0.0
        self.faulty = True
        self.stats: dict[str, int] = {}
        self.agreed_after: float | None = None
        self._finished = False
        self._count = 0
        self._events: list[
            tuple[float, int, Callable[..., object], tuple[object, ...]]
        ] = []
        self.names = [f"n{i}" for i in range(profile.hosts)]
        self.skews = {
            name: profile.skew * self.random.choice((0.0, 0.0, self._signed()))
            for name in self.names
        }
        self.hosts: dict[str, Host] = {}
        self.network = Network(self)
        self.chaos = Chaos(self)
        self.checks = Checks(self)
        self.callers = Callers(self)
        self._schedule()

    def _signed(self) -> float:
        return self.random.random() * 2 - 1

    def _schedule(self) -> None:
        profile = self.profile
        for name in self.names:
            late = profile.late_joiner and name == self.names[-1]
            after = profile.duration * 0.6 * self.random.random() if late else 0.0
            self.at(after, self.start, name)
        self.at(0.0, self._act)
        for _ in range(int(profile.duration * profile.faults_per_second)):
            self.at(self.random.random() * profile.duration, self._fault)
        self.at(profile.duration, self._heal)

    # Time

    def at(self, when: float, action: Callable[..., object], *args: object) -> None:
        """Do something at a moment."""
        self._count += 1
        heapq.heappush(self._events, (when, self._count, action, args))

    def run(self) -> None:
        """Live through the history.

        Raises:
            InvariantError: An invariant did not hold.
        """
        try:
            events, pop = self._events, heapq.heappop
            while not self._finished:
                self.now, _, action, args = pop(events)
                action(*args)
        except InvariantError:
            raise
        except Exception as error:
            text = f"at {self.now:.3f} s: {type(error).__name__}: {error}"
            raise InvariantError(text) from error

    def problem(self, words: str) -> None:
        """Stop: something is wrong.

        Raises:
            InvariantError: Always.
        """
        raise InvariantError(f"at {self.now:.3f} s: {words}")

    def count(self, what: str, number: int = 1) -> None:
        """Count something that tests want to see happen."""
        self.stats[what] = self.stats.get(what, 0) + number

    def absorb(self, stats: dict[str, int]) -> None:
        """Take over the counters of a shard or host."""
        for what, number in stats.items():
            self.count(what, number)

    # Hosts

    def in_order(self) -> list[Host]:
        """Return the hosts that live, by name."""
        return list(self.hosts.values())

    def draw(self, what: Sequence[T]) -> T:
        """Draw one of several, for a fraction of what `random.choice` costs."""
        return what[int(self.random.random() * len(what))]

    def another(self, name: str) -> str:
        """Draw the name of another host."""
        return self.random.choice([each for each in self.names if each != name])

    def start(self, name: str) -> None:
        """Start a process, unless it runs."""
        if name in self.hosts:
            return
        host = Host(self, name, self.random.randbytes(16))
        self.add(host)
        if self.random.random() < 0.7:
            host.replica.connect("red")

    def add(self, host: Host) -> None:
        """Let a new process begin."""
        host.skew = self.skews[host.name]
        self.hosts = dict(sorted({**self.hosts, host.name: host}.items()))
        host.start([other for other in self.names if other != host.name])

    def crash(self, name: str) -> None:
        """Kill a process; what it has sent may or may not arrive."""
        host = self.hosts.pop(name)
        host.alive = False
        self._absorb_host(host)
        for end in self.network.open_ends():
            if end.host is host and not end.closed:
                end.other.forget_some()
                end.closed = True
                end.hang_up()
        if "pause" not in self.profile.faults:
            self.at(self.now + GONE_WITHIN, self._must_be_gone, host)

    def _must_be_gone(self, host: Host) -> None:
        for words in rows_of_the_lost(self, host.node):
            self.problem(words)

    def _absorb_host(self, host: Host) -> None:
        self.absorb(host.stats)
        for shard in host.replica.shards:
            self.absorb(shard.stats)

    # What happens all the time

    def _act(self) -> None:
        if self.faulty:
            pause = self.random.expovariate(self.profile.calls_per_second)
            self.at(self.now + pause, self._act)
            self.callers.act()

    def _fault(self) -> None:
        if self.hosts:
            kind = self.random.choice(self.profile.faults)
            FAULTS[kind](self, self.random.choice(sorted(self.hosts)))
            self.count(f"fault_{kind}")

    # The end

    def _heal(self) -> None:
        """No more faults; everybody is back."""
        self.faulty = False
        self.network.slow_down(0.0)
        self.network.full_rate = 0.0
        self.network.heal()
        for host in self.in_order():
            host.resume()
            host.replica.disarm()
        for name in self.names:
            self.start(name)
        self._wait_for_links(self.now + LINKED_WITHIN)

    def _wait_for_links(self, deadline: float) -> None:
        if self._all_linked():
            self._wait_for_agreement(self.now)
        elif self.now > deadline:
            self.problem("L2 not all hosts are linked")
        else:
            self.at(self.now + POLL, self._wait_for_links, deadline)

    def _all_linked(self) -> bool:
        hosts = self.in_order()
        return all(
            host.links.linked_to(other)
            for host in hosts
            for other in hosts
            if host is not other
        )

    def _wait_for_agreement(self, linked_at: float) -> None:
        """L1: all agree within three heartbeats, and then still do."""
        if self.agreed_after is None and next(disagreements(self), None) is None:
            self.agreed_after = self.now - linked_at
        if self.now - linked_at < AGREED_WITHIN:
            self.at(self.now + POLL, self._wait_for_agreement, linked_at)
            return
        for words in disagreements(self):
            self.problem(words)
        for host in self.in_order():
            self._absorb_host(host)
        self._finished = True


def history(seed: int, profile: Profile = STANDARD) -> World:
    """Live through one history and return it.

    Raises:
        InvariantError: An invariant did not hold.
    """
    world = World(seed, profile)
    world.run()
    return world
