"""The other process: `python -m benchmarks.worker`, told what to do on its input.

Each line is a JSON list, a command and its arguments, and is answered by at least one
line of JSON. Times are CLOCK_MONOTONIC in nanoseconds, good for the whole machine.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from actors import AnyRef, Mailbox, mailbox
from benchmarks.owners import GROUP, PATIENCE, keys_of, open_mailboxes
from benchmarks.references import redis_peer, wire
from benchmarks.scenario import clock
from benchmarks.scenarios import busy_app, clusters, memory
from benchmarks.waiting import (
    await_count,
    await_members,
    await_peer,
    await_rows,
    rows_of,
)
from group import ALL, Events, EventType, Group
from transport import Node

SWITCH_INTERVAL = sys.getswitchinterval()


class Worker:
    """One node with one group, and the commands."""

    def __init__(self, me: Mailbox, stack: ExitStack) -> None:
        self._me = me
        self._stack = stack
        self._groups: list[Group] = []
        self._owners: list[AnyRef] = []
        # Set: nothing burns.
        self._quiet = threading.Event()
        self.commands: dict[str, Callable[..., object]] = {
            "start": self.start,
            "fill": self.fill,
            "write_and_await": self.write_and_await,
            "clear": self.clear,
            "connect": self.connect,
            "burn": self.burn,
            "monitor": self.monitor,
            "hear": self.hear,
            "count": self.count,
            "cpu": time.process_time_ns,
            "await_count": self.with_group(await_count),
            "await_members": self.with_group(await_members),
            "await_rows": self.with_group(await_rows),
            "busy": self.with_group(busy_app.live),
            "connect_all": self.with_group(clusters.connect_all),
            "await_clusters": self.with_group(clusters.await_clusters),
            "await_no_clusters": self.with_group(clusters.await_no_clusters),
            "disconnect_all": self.with_group(clusters.disconnect_all),
            "late_clusters": clusters.late_clusters,
            "memory_of_owner": memory.of_owner,
            "memory_of_replica": memory.of_replica,
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

    def start(self, name: str, address: str) -> object:
        """Start the group on a node that is linked with the one at this address."""
        node = self._stack.enter_context(
            Node.start(name, join=address, require_peers=1)
        )
        group = self._stack.enter_context(Group.start(GROUP, node=node, log=False))
        self._groups.append(group)
        return await_peer(group)

    def fill(self, owners: int, keys: int) -> object:
        """Register so many keys, of that many owners in turns."""
        group = self._groups[-1]
        self._own(owners)
        for index, key in enumerate(keys_of("user", keys)):
            group.register(key, actor=self._owners[index % owners])
        return keys

    def write_and_await(self, prefix: str, keys: int, known: int) -> object:
        """Register so many keys; say when so many are known in all."""
        group = self._groups[-1]
        self._own(1)
        for key in keys_of(prefix, keys):
            group.register(key, actor=self._owners[0])
        return await_count(group, known)

    def _own(self, owners: int) -> None:
        self._owners += open_mailboxes(max(0, owners - len(self._owners)))

    def clear(self) -> object:
        """Unregister all keys of this node; say when nobody has any."""
        group = self._groups[-1]
        for record in group.local_entries():
            group.unregister(record.key)
        return await_count(group, 0)

    def connect(self, cluster: str) -> object:
        """Connect to a cluster."""
        self._groups[-1].connect(cluster)
        return True

    def burn(self, interval: float) -> object:
        """Let a thread compute without end, and threads switch so often; 0 ends it."""
        if interval:
            sys.setswitchinterval(interval)
            self._quiet.clear()
            threading.Thread(target=self._burn, name="bench-burner").start()
        else:
            self._quiet.set()
            sys.setswitchinterval(SWITCH_INTERVAL)
        return True

    def _burn(self) -> None:
        while not self._quiet.is_set():
            sum(range(100))

    def monitor(self, cluster: str | None = None) -> object:
        """Monitor everything, with the mailbox of this thread."""
        self._groups[-1].monitor(ALL, cluster=cluster)
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
        group = self._groups[-1]
        return group.registry_count(), rows_of(group)

    def with_group(self, work: Callable[..., object]) -> Callable[..., object]:
        """Make a command of a function of this node's group."""
        return lambda *args: work(self._groups[-1], *args)


def late_join(name: str, group_name: str, address: str, count: int) -> object:
    """Return the ns from dialling a node until so many of its keys are known here."""
    with (
        Node.start(name) as node,
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
    with mailbox() as me, ExitStack() as stack:
        worker = Worker(me, stack)
        for line in sys.stdin:
            command, *args = json.loads(line)
            say(worker.commands[command](*args))


if __name__ == "__main__":
    main()
