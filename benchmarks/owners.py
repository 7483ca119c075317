"""Actors that own rows, and a group that talks to nobody."""

import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from actors import Actor, AnyRef, mailbox
from group import Group
from transport import Node, NodeOptions

PATIENCE = 60.0
"""Seconds after which a wait is given up: something hangs."""

COOKIE = os.environ.get("GROUP_COOKIE") or secrets.token_hex(32)
"""The secret of the nodes of this run; other processes get it that way."""

GROUP = "bench"


def hush() -> None:
    """Let nodes not say that the machine is busy: whoever measures knows."""
    logging.getLogger("transport").setLevel(logging.ERROR)


class Idler(Actor):
    """A thread actor that has nothing to do but to own."""


@contextmanager
def lone_group() -> Iterator[Group]:
    """A group on a node without peers, as `Group.start` makes it."""
    with Group.start(GROUP, log=False) as group:
        yield group


class Timing(NamedTuple):
    """Of a node, in seconds; all nodes of a cluster have the same."""

    heartbeat: float = 1.0
    lease: float = 5.0
    grace: float = 2.0


USUAL = Timing()


@contextmanager
def open_node(
    name: str, timing: Timing = USUAL, *, join: str | None = None
) -> Iterator[Node]:
    """A node that others can join, or that has joined one when the block begins."""
    options = NodeOptions(
        cookie=COOKIE,
        heartbeat=timing.heartbeat,
        lease=timing.lease,
        grace=timing.grace,
    )
    if join is not None:
        options.update(NodeOptions(join=join, require_peers=1))
    with Node.start(name, **options) as node:
        yield node


def open_mailboxes(count: int) -> list[AnyRef]:
    """Open actors that have no thread; they live until `end_all`."""
    # On a thread of its own, since a mailbox is its thread's current actor.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_open, count).result(PATIENCE)


def _open(count: int) -> list[AnyRef]:
    return [mailbox().__enter__().ref for _ in range(count)]


def end_all(refs: Sequence[AnyRef]) -> None:
    """End mailboxes, on this thread; the oldest first, which Pykka finds quickest."""
    for ref in refs:
        ref.stop()


@contextmanager
def mailboxes(count: int) -> Iterator[list[AnyRef]]:
    """Actors that have no thread, which end with the block."""
    refs = open_mailboxes(count)
    try:
        yield refs
    finally:
        end_all(refs)


@contextmanager
def filled(
    name: str, node: Node, keys: Sequence[str], owners: int = 100
) -> Iterator[Group]:
    """A group on a node, with these keys, of so many owners in turns."""
    with (
        Group.start(name, node=node, log=False) as group,
        mailboxes(min(owners, len(keys))) as refs,
    ):
        for index, key in enumerate(keys):
            group.register(key, actor=refs[index % len(refs)])
        yield group


def stop_all(refs: Sequence[AnyRef]) -> None:
    """Ask actors of either kind to stop, all of them first; return when all have."""
    # One request each: a stock actor does not answer a second one if it has just ended.
    stopped = [ref.stop(block=False) for ref in refs]
    for each in stopped:
        each.get(timeout=PATIENCE)


def keys_of(prefix: str, count: int) -> list[str]:
    """Return keys, made beforehand so that making them is not measured."""
    return [f"{prefix}/{index}" for index in range(count)]
