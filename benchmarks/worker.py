"""The other process: `python -m benchmarks.worker`, told what to do on its input.

Each line is a JSON list, a command and its arguments, and is answered by at least one
line of JSON. Times are CLOCK_MONOTONIC in nanoseconds, good for the whole machine.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from actors import AnyRef, Mailbox, mailbox
from benchmarks import wire
from benchmarks.owners import GROUP, PATIENCE, keys_of, open_mailboxes
from benchmarks.scenario import clock
from group import ALL, Events, EventType, Group
from transport import Node

NAP = 0.0005
"""Seconds between two looks at a count."""


class Worker:
    """One node with one group, and the commands."""

    def __init__(self, me: Mailbox, stack: ExitStack) -> None:
        self._me = me
        self._stack = stack
        self._groups: list[Group] = []
        self._owners: list[AnyRef] = []
        self.commands: dict[str, Callable[..., object]] = {
            "start": self.start,
            "fill": self.fill,
            "monitor": self.monitor,
            "hear": self.hear,
            "count": self.count,
            "cpu": time.process_time_ns,
            "await_count": self.await_count,
            "await_events": self.await_events,
            "late_join": late_join,
            "load": wire.load,
            "echo": wire.echo,
            "drain": wire.drain,
            "hold": wire.hold,
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
        self._owners += open_mailboxes(owners)
        for index, key in enumerate(keys_of("user", keys)):
            group.register(key, actor=self._owners[index % owners])
        return keys

    def monitor(self) -> object:
        """Monitor everything, with the mailbox of this thread."""
        self._groups[-1].monitor(ALL)
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
        """How many keys and memberships this node knows of."""
        group = self._groups[-1]
        return group.registry_count(), len(list(group.entries()))

    def await_count(self, count: int) -> object:
        """Say when this node knows of so many keys."""
        return await_count(self._groups[-1], count)


def late_join(name: str, group_name: str, address: str, count: int) -> object:
    """Return the ns from dialling a node until so many of its keys are known here."""
    with (
        Node.start(name) as node,
        Group.start(group_name, node=node, log=False) as group,
    ):
        began = clock()
        node.join(address)
        return await_count(group, count) - began


def await_peer(group: Group) -> bool:
    """Return when the group has met another node."""
    while not group.nodes():
        time.sleep(NAP)
    return True


def await_count(group: Group, count: int) -> int:
    """Return the time at which so many keys were seen; look every half millisecond."""
    deadline = clock() + int(PATIENCE * 1e9)
    while group.registry_count() != count:
        if clock() > deadline:
            raise TimeoutError(f"{group.registry_count()} keys, not {count}")
        time.sleep(NAP)
    return clock()


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
