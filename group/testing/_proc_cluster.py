"""Clusters of real processes, to be killed, frozen and cut off."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Unpack

from actors import ActorDeadError
from group._group import Group, GroupOptions
from group.testing._app import App, Factory, where
from group.testing._child import WITNESS, Orders
from group.testing._cluster import (
    Parting,
    Timing,
    names_of,
    running,
    start_behind_gate,
)
from group.testing._process import NodeProcess
from group.testing._waiting import eventually
from transport import NodeOptions
from transport.testing import Network

HERE = "test"
"""The name of the test's own node."""
EVERYWHERE = ""
"""In place of a node's name: any that has no app of its own."""
START_TIME = 30.0
"""Seconds for an interpreter to start and to import the app."""
SHOWN = 4000
"""Bytes at the end of a process's output that are shown when something fails."""


class ProcessCluster:
    """Nodes in processes of their own, and one in the test's. Made by `proc_cluster`.

    `c.here` is the group on the test's own node, "test": by it the test looks up,
    calls and monitors what the processes do. `c["a"]` is the process of node a. The
    methods wait until what they do is seen by every node that can see it.
    """

    def __init__(
        self,
        apps: Mapping[str, App | None],
        group: str,
        timing: Timing,
        options: GroupOptions,
        network: Network,
    ) -> None:
        """Made by `proc_cluster`."""
        self.network = network
        self._apps = apps
        self._group = group
        self._timing = timing
        self._options = options
        self._cookie = secrets.token_hex(32)
        self._processes: dict[str, NodeProcess] = {}
        self._frozen: set[str] = set()
        self._parted = Parting()
        node = start_behind_gate(network, HERE, timing.options(self._cookie))
        self._gates = {HERE: node.address}
        self.here = Group.start(group, node=node, **options)

    @property
    def names(self) -> list[str]:
        """The nodes whose processes run, frozen ones, too; without the test's.

        In the order in which they were first started.
        """
        known = [name for name in self._gates if name in self._processes]
        return [name for name in known if self._processes[name].running]

    def __getitem__(self, name: str) -> NodeProcess:
        return running(self._processes, name)

    def __repr__(self) -> str:
        names = ", ".join(self.names) or "no node"
        return f"<ProcessCluster {self._group!r} on {names}>"

    # Nodes

    def start(self, *names: str) -> None:
        """Start nodes: new ones, or some that have ended.

        Raises:
            ValueError: One runs.
            NodeStartError: One did not start; says why.
        """
        __tracebackhide__ = True
        running = set(names) & {*self.names, HERE}
        if running:
            raise ValueError(f"node {', '.join(sorted(running))} runs")
        places = {name: self.network.place(name) for name in names}
        self._gates.update({name: place.advertise for name, place in places.items()})
        for name, place in places.items():
            before = self._processes.pop(name, None)
            if before is not None:
                before.close()
            node: NodeOptions = {
                **self._timing.options(self._cookie),
                "listen": place.listen,
                "advertise": place.advertise,
                "join": [a for other, a in self._gates.items() if other != name],
            }
            orders: Orders = {
                "name": name,
                "group": self._group,
                "node": node,
                "options": self._options,
                "app": self._apps.get(name, self._apps.get(EVERYWHERE)),
                "report": -1,
            }
            self._processes[name] = NodeProcess(name, orders)
        for name in names:
            self._processes[name].await_ready(START_TIME)
        self.await_nodes()

    def stop(self, name: str) -> None:
        """Stop a node in order, as SIGTERM would."""
        self._frozen.discard(name)
        self[name].stop()
        self.network.refuse(name)
        self.await_nodes()

    def kill(self, name: str) -> None:
        """End a process with SIGKILL, and wait until the others know."""
        self._frozen.discard(name)
        self[name].kill()
        self.network.refuse(name)
        self.await_nodes()

    def freeze(self, name: str) -> None:
        """Stop a process's time with SIGSTOP, and wait until the others have lost it.

        Calls to actors there do not come back until it is lost, or thawed.
        """
        self[name].signal(signal.SIGSTOP)
        self._frozen.add(name)
        self.await_nodes()

    def thaw(self, name: str) -> None:
        """Let its time go on with SIGCONT, and wait until all see each other again."""
        self[name].signal(signal.SIGCONT)
        self._frozen.discard(name)
        self.await_nodes()

    # The network

    def partition(self, *sides: str | Collection[str]) -> None:
        """Cut the network into sides, and wait until each side believes it.

        As `LocalCluster.partition`; the test's node is called "test", and is on the
        side of those that are not named if it is not named itself.
        """
        self.network.partition(*sides)
        self._parted.part(sides, self._gates)
        self.await_nodes()

    def heal(self) -> None:
        """Let everything pass again, and wait until all see each other."""
        self.network.heal()
        self._parted.part((), self._gates)
        self.await_nodes()

    # What nodes see

    def nodes(self, name: str) -> list[str]:
        """Return the peers that a node sees. It must be within the test's reach."""
        return list(self._ask(name, "nodes"))

    def keys(self, name: str, prefix: str | None = None) -> list[str]:
        """Return the keys that a node sees. It must be within the test's reach."""
        return list(self._ask(name, "keys", prefix))

    def await_nodes(self, timeout: float | None = None) -> None:
        """Wait until every node sees exactly those that it can reach, and their rows.

        Nodes that are out of the test's reach are not asked.

        Raises:
            AssertionError: One does not in time.
            ShardTimeoutError: It sees them, and a shard is busy for longer.
        """
        awake = {HERE, *self.names} - self._frozen

        def seen() -> bool:
            for name in [HERE, *self._parted.reached(HERE, awake)]:
                found = self.here.nodes() if name == HERE else self._seen_by(name)
                wanted = sorted(self._parted.reached(name, awake))
                assert found == wanted, f"{name} sees {found}, not {wanted}"
            return True

        eventually(seen, self._timing.patience if timeout is None else timeout)
        # Each shard has then dropped the rows of those that are gone.
        self.settle(self._timing.patience)

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until what was written on any node in reach is seen where it is linked.

        Raises:
            ShardTimeoutError: It is not in time.
        """
        self.here.settle(timeout)
        for name in self._parted.reached(HERE, set(self.names) - self._frozen):
            self._ask(name, "settle", timeout)

    def close(self) -> None:
        """Stop all processes, the test's node and the network."""
        try:
            for each in self._processes.values():
                with suppress(OSError):
                    each.signal(signal.SIGCONT)
                each.stop()
                each.close()
            self.here.stop()
            self.here.node.stop()
        finally:
            self.network.close()

    def show_output(self) -> None:
        """Print what the processes have written last, for whoever reads a failure."""
        for name, each in self._processes.items():
            print(f"--- {name} (pid {each.pid}) wrote:\n{each.output[-SHOWN:]}")

    def _seen_by(self, name: str) -> list[str]:
        try:
            return self.nodes(name)
        except (ActorDeadError, TimeoutError) as error:
            raise AssertionError(f"{name} does not answer: {error}") from error

    def _ask(self, name: str, what: str, *args: object) -> list[str]:
        witness = self.here.node.actor(name, WITNESS).proxy()
        answer: list[str] = getattr(witness, what)(*args).get(timeout=5)
        return answer


@contextmanager
def proc_cluster(
    nodes: int | Iterable[str] | Mapping[str, Factory | str | None] = 2,
    *,
    app: Factory | str | None = None,
    group: str = "app",
    heartbeat: float = 0.2,
    lease: float = 1.0,
    grace: float = 0.5,
    **options: Unpack[GroupOptions],
) -> Iterator[ProcessCluster]:
    """Run a group on some nodes, each in a process of its own, for the block.

        def service(g: Group) -> ChildSpec:
            return child(Counter, g)

        with proc_cluster(2, app=service) as c:
            counter = c.here.wait_for("counter", timeout=5).ref

    They end when the block does, and when the test's own process ends, whatever ends
    it. When the block raises, the end of what they wrote is printed.

    Args:
        nodes: How many, named a, b, c and so on; or their names; or an app for each
            name.
        app: Puts the service on each node that has no app of its own: a function at
            the top of a module, or "module:function". It gets the group and returns
            specs of children made with `actors.child`, the ref of an actor that it has
            started, or None.
        group: The group's name.
        heartbeat: See `cluster`.
        lease: See `cluster`.
        grace: See `cluster`.
        **options: As `Group.start`, but only those that are plain data.

    Raises:
        ValueError: The app is no function that another process can find.
        NodeStartError: A node did not start; says why.
    """
    __tracebackhide__ = True
    timing = Timing(heartbeat=heartbeat, lease=lease, grace=grace)
    own = nodes if isinstance(nodes, Mapping) else {}
    apps = {
        name: None if each is None else where(each)
        for name, each in {EVERYWHERE: app, **own}.items()
    }
    network = Network()
    try:
        made = ProcessCluster(apps, group, timing, options, network)
    except BaseException:
        network.close()
        raise
    try:
        made.start(*names_of(nodes))
        yield made
    except BaseException:
        made.show_output()
        raise
    finally:
        made.close()
