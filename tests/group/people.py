"""Actors and groups that the tests of the started group use."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import Any, Unpack

import pykka

from actors import Actor, ActorRef, Mailbox
from group import Event, Events, Group
from group._group import GroupOptions
from tests.waiting import eventually
from transport import Node

AnyRef = pykka.ActorRef[Any]

PATIENCE = 10.0
"""Seconds; what is waited for takes milliseconds."""


class Listener(Actor):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        self.heard.append(message)
        return len(self.heard)


class Plain(pykka.ThreadingActor):
    """Existing code that knows nothing of us."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    def on_receive(self, message: object) -> None:
        self.heard.append(message)


@contextmanager
def listeners(count: int = 1) -> Iterator[list[ActorRef[Listener]]]:
    """Actors that are stopped in the end."""
    refs: list[Any] = [Listener.start() for _ in range(count)]
    try:
        yield refs
    finally:
        for ref in refs:
            ref.stop(block=False)


def heard_by(ref: AnyRef) -> list[Any]:
    """What an actor has been told up to now."""
    heard: list[Any] = ref.proxy().heard.get(timeout=PATIENCE)
    return list(heard)


def await_heard(ref: AnyRef, expected: list[Any]) -> None:
    """Wait until an actor has been told exactly this."""
    eventually(lambda: heard_by(ref) == expected, PATIENCE, what="it was told")


def end_of(ref: AnyRef) -> None:
    """Stop an actor and wait until it has."""
    ref.stop(timeout=PATIENCE)


@contextmanager
def groups(
    *names: str, heartbeat: float = 1.0, **options: Unpack[GroupOptions]
) -> Iterator[list[Group]]:
    """Groups on linked nodes of these names; each sees all others."""
    with ExitStack() as stack:
        nodes: list[Node] = []
        for name in names:
            join = [node.address for node in nodes]
            node = Node.start(
                name, join=join, heartbeat=heartbeat, lease=5 * heartbeat, grace=1.0
            )
            nodes.append(stack.enter_context(node))
        options = {"log": False, **options}
        started = [
            stack.enter_context(Group.start("app", node=node, **options))
            for node in nodes
        ]
        await_meeting(*started)
        yield started


def await_meeting(*started: Group) -> None:
    """Wait until each of these groups is linked with all others, and follows them.

    A node that does not follow yet gets the difference of several writes, not each.
    """
    names = {group.node.name for group in started}

    def met() -> bool:
        return all({*g.nodes(), g.node.name} == names for g in started)

    eventually(met, PATIENCE, what="groups meet")
    settle(*started)


def settle(*started: Group) -> None:
    """Wait until each has applied what the others wrote."""
    for group in started:
        group.settle(PATIENCE)


def end_leases(g: Group, *clusters: str, seconds: float = 0.0) -> None:
    """Let the leases of clusters end so much later, whatever their ttl was.

    With a short ttl a test might not get to do what it does before that.
    """
    for cluster in clusters:
        lease = g._instance.leases._leases.get(cluster)
        if lease is not None:
            lease.ends_at = monotonic() + seconds
    # The sweeper looks again.
    g._instance.lend((), 1.0)


def told(me: Mailbox) -> Events:
    """The next message of a mailbox, which is about events."""
    message = me.receive(timeout=PATIENCE)
    assert isinstance(message, Events)
    return message


def event_of(me: Mailbox) -> Event:
    """The next event of a mailbox, alone in its message."""
    (event,) = told(me)
    return event


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """Run a function with 0, 1, 2... in as many threads; return what they return.

    What one of them raises is returned in its place.
    """
    gate = threading.Barrier(count)

    def run(index: int) -> object:
        gate.wait(PATIENCE)
        return work(index)

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run, index) for index in range(count)]
        errors = [future.exception(timeout=3 * PATIENCE) for future in futures]
    return [
        future.result() if error is None else error
        for future, error in zip(futures, errors, strict=True)
    ]
