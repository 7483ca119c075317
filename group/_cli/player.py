"""One node of the demo: a process that does what its stdin says and tells what it sees.

It ends when its stdin ends, be it that the demo is over or that it was killed.
"""

import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from actors import Actor, ChildSpec, NodeDown, Supervisor, child
from group._cli.script import GROUP, ROOM, News, Order, Role
from group._clock import monotonic
from group._core.events import Event, Events
from group._core.keys import ALL
from group._errors import KeyTakenError
from group._group import Group
from transport import Node

# Seconds: for a remote answer, and for the whole stop, after which the kernel ends it.
ANSWER_TIMEOUT = 5.0
STOP_SECONDS = 3


@dataclass(frozen=True)
class Say:
    """Somebody says something to a room."""

    author: str
    text: str
    sent: float


@dataclass(frozen=True)
class Upset:
    """A message that nobody survives."""


class Reporter:
    """Tells the demo what happens on this node. Any thread."""

    def __init__(self, node: str) -> None:
        self._node = node

    def tell(self, what: str, **fields: object) -> None:
        """Write one line, in one system call, so that lines do not mix."""
        values = {"at": monotonic(), "node": self._node, "what": what, **fields}
        line = msgspec.json.encode(msgspec.convert(values, News)) + b"\n"
        os.write(sys.stdout.fileno(), line)


class Person(Actor):
    """Has a name that all nodes know, and sits in a room."""

    def __init__(self, group: Group, name: str, report: Reporter) -> None:
        super().__init__()
        self._group = group
        self._name = name
        self._report = report

    def on_start(self) -> None:
        """Take the name, enter the room."""
        self._group.register(f"user/{self._name}", {"name": self._name})
        self._group.join(ROOM, {"name": self._name})

    def shout(self, text: str) -> str:
        """Answer a call, from this node or another."""
        return f"{text.upper()}!"

    def on_receive(self, message: object) -> None:
        """Hear what others say."""
        match message:
            case Say(author, text, sent) if author != self._name:
                self._report.tell("heard", text=text, sent=sent)
            case Upset():
                raise RuntimeError("that was too much")
            case _:
                pass


class Witness(Actor):
    """Tells of every event that this node sees."""

    def __init__(self, group: Group, report: Reporter) -> None:
        super().__init__()
        self._group = group
        self._report = report

    def on_start(self) -> None:
        """Watch every key."""
        self._group.monitor(ALL)

    def on_receive(self, message: object) -> None:
        """Tell it."""
        if isinstance(message, Events):
            for event in message.events:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        owner, _ = self._group.node.address_of(event.ref)
        reason = "" if event.reason is None else _words(event.reason)
        self._report.tell(
            event.type.value, key=event.key, owner=owner.name, text=reason
        )


class Household(Supervisor):
    """Starts its people again when they crash."""

    max_restarts = 5


def play() -> int:
    """Run one node until stdin ends; return the exit status."""
    lines = iter(sys.stdin.buffer)
    first = next(lines, None)
    if first is None:
        return 0
    role = msgspec.json.decode(first, type=Role)
    report = Reporter(role.node)
    with (
        Node.start(role.node, join=role.join or (), cookie=role.cookie) as node,
        Group.start(GROUP, node=node) as group,
    ):
        report.tell("up", text=node.address, pid=os.getpid())
        household = Household.start(children=_children(group, role, report))
        for line in lines:
            _obey(msgspec.json.decode(line, type=Order), group, role, report)
        # Whatever hangs from here on: nothing of a demo stays behind.
        signal.alarm(STOP_SECONDS)
        household.stop()
    return 0


def _children(group: Group, role: Role, report: Reporter) -> list[ChildSpec]:
    return [
        child(Witness, group, report, id="witness"),
        child(Person, group, role.person, report, id=role.person),
    ]


def _obey(order: Order, group: Group, role: Role, report: Reporter) -> None:
    match order.do:
        case "say":
            group.dispatch(ROOM, Say(role.person, order.text, monotonic()))
        case "ask":
            _ask(order, group, report)
        case "claim":
            _claim(order, group, role, report)
        case "upset":
            group.dispatch(order.key, Upset())
        case "look":
            report.tell("view", rows=tuple(sorted(_view(group))))
        case _:
            raise ValueError(f"no such order: {order.do}")


def _ask(order: Order, group: Group, report: Reporter) -> None:
    ref, _ = group.wait_for(order.key, timeout=ANSWER_TIMEOUT)
    sent = monotonic()
    answer = ref.proxy().shout(order.text).get(timeout=ANSWER_TIMEOUT)
    report.tell("answered", key=order.key, text=answer, sent=sent)


def _claim(order: Order, group: Group, role: Role, report: Reporter) -> None:
    claimant = group.whereis(f"user/{role.person}")
    try:
        group.register(order.key, actor=claimant)
    except KeyTakenError as error:
        report.tell("refused", key=order.key, owner=error.node, text=str(error))


def _view(group: Group) -> Iterable[str]:
    for kind, _, key, ref, _ in group.entries():
        owner, _ = group.node.address_of(ref)
        yield f"{kind} {key} {owner.name}"


def _words(reason: object) -> str:
    return reason.cause if isinstance(reason, NodeDown) else str(reason)
