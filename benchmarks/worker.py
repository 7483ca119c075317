"""The other process: `python -m benchmarks.worker`, told what to do on its input.

Each line is a JSON list, a command and its arguments, and is answered by at least one
line of JSON. Times are CLOCK_MONOTONIC in nanoseconds, good for the whole machine.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from actors import AnyRef, Mailbox, mailbox
from benchmarks.noise import Noise
from benchmarks.owners import (
    GROUP,
    PATIENCE,
    USUAL,
    Timing,
    hush,
    keys_of,
    open_mailboxes,
    open_node,
)
from benchmarks.references import redis_peer, wire
from benchmarks.relay import Relay
from benchmarks.scenario import clock
from benchmarks.scenarios import actor_costs, busy_app, clusters, memory
from benchmarks.scenarios.messages import Countdown, Listener, listeners
from benchmarks.waiting import (
    await_count,
    await_members,
    await_peer,
    await_rows,
    rows_of,
)
from group import ALL, Events, EventType, Group
from transport import Node


class Worker:
    """One node with one group, and the commands."""

    def __init__(self, me: Mailbox, stack: ExitStack) -> None:
        self._me = me
        self._stack = stack
        self._groups: dict[str, Group] = {}
        self._node: Node | None = None
        self._owners: list[AnyRef] = []
        self._noise = Noise()
        self._heard = Countdown()
        self._relays: list[Relay] = []
        self.commands: dict[str, Callable[..., object]] = {
            "open": self.open,
            "start": self.start,
            "fill": self.fill,
            "write_and_await": self.write_and_await,
            "clear": self.clear,
            "connect": self.connect,
            "burn": self._noise.burn,
            "flood": self.flood,
            "listen": self.listen,
            "await_heard": self.await_heard,
            "settle": self.settle,
            "relay": self.relay,
            "relay_bytes": self.relay_bytes,
            "monitor": self.monitor,
            "hear": self.hear,
            "count": self.count,
            "cpu": time.process_time_ns,
            "await_count": self.await_count,
            "await_members": self.with_group(await_members),
            "await_rows": self.with_group(await_rows),
            "busy": self.with_group(busy_app.live),
            "connect_list": self.with_group(clusters.connect_list),
            "connect_all": self.with_group(clusters.connect_all),
            "await_clusters": self.with_group(clusters.await_clusters),
            "await_no_clusters": self.with_group(clusters.await_no_clusters),
            "disconnect_all": self.with_group(clusters.disconnect_all),
            "late_clusters": clusters.late_clusters,
            "memory_of_owner": memory.of_owner,
            "memory_of_replica": memory.of_replica,
            "memory_of_actors": actor_costs.grown,
            "memory_of_bare": memory.of_bare,
            "await_events": self.await_events,
            "late_join": late_join,
            "load": wire.load,
            "echo": wire.echo,
            "drain": wire.drain,
            "hold": wire.hold,
            "redis_hear": partial(redis_peer.hear, say),
            "redis_await_all": partial(redis_peer.await_all, say),
            "redis_hold": partial(redis_peer.hold, say),
            "redis_load": partial(redis_peer.load, say),
        }

    def open(self, name: str) -> object:
        """Start the group on a node of its own; say where it listens."""
        self._node = self._stack.enter_context(open_node(name))
        self._start_group(GROUP)
        return self._node.address

    def start(
        self,
        name: str,
        address: str,
        group: str = GROUP,
        timing: Sequence[float] = USUAL,
    ) -> object:
        """Start a group on a node that is linked with the one at this address.

        `timing` is of a node that has not been started yet.
        """
        if self._node is None:
            self._node = self._stack.enter_context(
                open_node(name, Timing(*timing), join=address)
            )
        return await_peer(self._start_group(group))

    def _start_group(self, name: str) -> Group:
        group = Group.start(name, node=self._node, log=False)
        self._groups[name] = self._stack.enter_context(group)
        return group

    @property
    def _group(self) -> Group:
        """The one that most commands are about."""
        return self._groups[GROUP]

    def fill(self, owners: int, keys: int) -> object:
        """Register so many keys, of that many owners in turns."""
        group = self._group
        self._own(owners)
        for index, key in enumerate(keys_of("user", keys)):
            group.register(key, actor=self._owners[index % owners])
        return keys

    def write_and_await(self, prefix: str, keys: int, known: int) -> object:
        """Register so many keys; say when so many are known in all."""
        group = self._group
        self._own(1)
        for key in keys_of(prefix, keys):
            group.register(key, actor=self._owners[0])
        return await_count(group, known)

    def _own(self, owners: int) -> None:
        self._owners += open_mailboxes(max(0, owners - len(self._owners)))

    def clear(self) -> object:
        """Unregister all keys of this node; say when nobody has any."""
        group = self._group
        for record in group.local_entries():
            group.unregister(record.key)
        return await_count(group, 0)

    def connect(self, cluster: str) -> object:
        """Connect to a cluster."""
        self._group.connect(cluster)
        return True

    def monitor(self, cluster: str | None = None) -> object:
        """Monitor everything, with the mailbox of this thread."""
        self._group.monitor(ALL, cluster=cluster)
        return True

    def hear(self, count: int) -> object:
        """Say when each of the next so many registrations has been heard of."""
        heard = 0
        while heard < count:
            events = self._me.receive(timeout=PATIENCE)
            now = clock()
            assert isinstance(events, Events)
            for event in events:
                if event.type is EventType.REGISTERED:
                    heard += 1
                    say(now)
        return heard

    def await_events(self, type_: str, count: int) -> object:
        """Say when so many events of a type have been received."""
        while count > 0:
            events = self._me.receive(timeout=PATIENCE)
            assert isinstance(events, Events)
            count -= sum(event.type == type_ for event in events)
        return clock()

    def count(self) -> object:
        """How many keys and rows this node knows of."""
        group = self._group
        return group.registry_count(), rows_of(group)

    def with_group(self, work: Callable[..., object]) -> Callable[..., object]:
        """Make a command of a function of this node's group."""
        return lambda *args: work(self._group, *args)

    def await_count(self, count: int, group: str = GROUP) -> object:
        """Say when so many keys are known."""
        return await_count(self._groups[group], count)

    def flood(self, kind: str) -> object:
        """Write without a pause, or no more."""
        self._own(1)
        return self._noise.flood(self._group, self._owners[0], kind)

    def listen(self, key: str, count: int) -> object:
        """Join so many thread actors to a group."""
        refs = self._stack.enter_context(listeners(Listener, count, self._heard))
        for ref in refs:
            self._group.join(key, actor=ref)
        return count

    def await_heard(self, count: int) -> object:
        """Say when they have handled so many messages more."""
        self._heard.more(count)
        self._heard.wait()
        return clock()

    def settle(self) -> object:
        """Say when all peers know what this node knows."""
        self._group.settle(PATIENCE)
        return clock()

    def relay(self, address: str, delay: float) -> object:
        """Forward to an address; say at which port."""
        self._relays.append(Relay(address, delay))
        return self._relays[-1].port

    def relay_bytes(self) -> object:
        """How many bytes have been forwarded."""
        return sum(each.passed_bytes for each in self._relays)


def late_join(
    name: str, group_name: str, address: str, count: int, timing: Sequence[float]
) -> object:
    """Return the ns from dialling a node until so many of its keys are known here."""
    with (
        open_node(name, Timing(*timing)) as node,
        Group.start(group_name, node=node, log=False) as group,
    ):
        began = clock()
        node.join(address)
        return await_count(group, count) - began


def say(what: object) -> None:
    """Answer."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what is said until the input ends."""
    hush()
    with mailbox() as me, ExitStack() as stack:
        worker = Worker(me, stack)
        for line in sys.stdin:
            command, *args = json.loads(line)
            say(worker.commands[command](*args))


if __name__ == "__main__":
    main()
