"""What actors and callers do, all the time, everywhere."""

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING

from group._core import requests as ask
from group._core.keys import shard_of
from tests.sim.profiles import CLUSTERS, KEYS, SHARDS

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.world import World

PATIENCE = 1.0
METAS = tuple(b"\xa1%d" % number for number in range(9))
Deed = Callable[["Host", str, str], None]


class Callers:
    """Draws who does what, does it, and notes what the caller was told."""

    def __init__(self, world: "World") -> None:
        self.world = world
        shares = self.shares()
        self._deeds = [*shares]
        *self._upto, _one = accumulate(shares.values())

    def shares(self) -> dict[Deed, float]:
        """Return what may be done, and how much of all is that."""
        return {
            self._register_new: 0.29,
            self._register: 0.10,
            self._unregister: 0.10,
            self._join: 0.12,
            self._leave: 0.08,
            self._exit: 0.15,
            self._disconnect: 0.07,
            self._connect: 0.06,
            self._settle: 0.02,
            self._subscribe: 0.01,
        }

    def act(self) -> None:
        """Do one thing somewhere."""
        draw = self.world.draw
        running = [h for h in self.world.hosts.values() if h.paused is None]
        if not running:
            return
        host, cluster, key = draw(running), draw(CLUSTERS), draw(KEYS)
        doomed = host.replica.condemned & host.actors
        if doomed and self.world.random.random() < 0.5:
            self._claim(host, draw(sorted(doomed)), cluster, key)
        else:
            self._draw()(host, cluster, key)

    def _draw(self) -> Deed:
        return self._deeds[bisect_right(self._upto, self.world.random.random())]

    # Deeds

    def _register_new(self, host: "Host", cluster: str, key: str) -> None:
        self._claim(host, host.spawn(), cluster, key)

    def _register(self, host: "Host", cluster: str, key: str) -> None:
        self._claim(host, self._somebody(host), cluster, key)

    def _claim(self, host: "Host", n: int, cluster: str, key: str) -> None:
        until, meta = self.world.now + PATIENCE, self._meta()
        doomed = n in host.replica.condemned
        request = ask.Register(n, "Sim", cluster, key, meta, until)
        if self._ask(host, cluster, key, request):
            self.world.checks.registered(host, request)
            if doomed:
                self.world.problem(f"{host.name} let condemned {n} register {key}")

    def _unregister(self, host: "Host", cluster: str, key: str) -> None:
        until = self.world.now + PATIENCE
        self._ask(host, cluster, key, ask.Unregister(cluster, key, until))

    def _join(self, host: "Host", cluster: str, key: str) -> None:
        n, until = self._somebody(host), self.world.now + PATIENCE
        request = ask.Join(n, "Sim", cluster, key, self._meta(), until)
        self._ask(host, cluster, key, request)

    def _leave(self, host: "Host", cluster: str, key: str) -> None:
        n, until = self._somebody(host), self.world.now + PATIENCE
        self._ask(host, cluster, key, ask.Leave(n, cluster, key, until))

    def _exit(self, host: "Host", cluster: str, key: str) -> None:
        host.end_actor(self._somebody(host), "exit")

    def _disconnect(self, host: "Host", cluster: str, key: str) -> None:
        host.replica.disconnect("red")

    def _connect(self, host: "Host", cluster: str, key: str) -> None:
        host.replica.connect("red")

    def _settle(self, host: "Host", cluster: str, key: str) -> None:
        host.replica.settle()

    def _subscribe(self, host: "Host", cluster: str, key: str) -> None:
        host.subscribe(cluster)

    def _somebody(self, host: "Host") -> int:
        actors = sorted(host.actors)
        return self.world.draw(actors) if actors else host.spawn()

    def _meta(self) -> bytes:
        return self.world.draw(METAS)

    # Answers

    def _ask(self, host: "Host", cluster: str, key: str, request: object) -> bool:
        """Tell whether the request was carried out."""
        index = shard_of(cluster, key, SHARDS)
        was_down = host.replica.down[index]
        answer = host.replica.call(index, request)
        if isinstance(answer, ask.Done):
            host.ledger.done(request)
            return True
        if answer is None and not was_down:
            self._half_done(host, index, cluster, request)
        return False

    def _half_done(
        self, host: "Host", index: int, cluster: str, request: object
    ) -> None:
        """The shard has failed in the middle: see what its successor makes of it."""
        ledger = host.ledger
        had = ledger.has(request)
        if isinstance(request, ask.Unregister | ask.Leave):
            ledger.done(request)
        host.replica.restart(index)
        lane = host.replica.tables[index].lanes.get(cluster)
        if lane is None:
            return
        rows = {at: row for at, row in lane.rows.items() if row.n in host.actors}
        ledger.reread(request, rows)
        if had and not ledger.has(request):
            self.world.problem(f"I2 {host.name} has lost the row of {request}")
        if isinstance(request, ask.Register) and ledger.has(request):
            self.world.checks.registered(host, request)
