"""The groups that run in this interpreter."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from actors import NoCurrentActorError, current
from group._errors import AlreadyStartedError

if TYPE_CHECKING:
    from group._group import Group
    from transport import Node, NodeId


class Running:
    """The groups of this interpreter, by node and name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[tuple[NodeId, str, str], Group] = {}

    def add(self, group: Group) -> None:
        with self._lock:
            if _key(group) in self._groups:
                raise AlreadyStartedError(group.name, group.node.name)
            self._groups[_key(group)] = group

    def discard(self, group: Group) -> None:
        with self._lock:
            # One that was refused has the name of the one that runs.
            if self._groups.get(_key(group)) is group:
                del self._groups[_key(group)]

    def on(self, node: Node) -> list[str]:
        """Return the names of the groups that run on a node, sorted."""
        with self._lock:
            return sorted(
                {group.name for group in self._groups.values() if group.node is node}
            )

    def named(self, name: str, node: Node | None) -> list[Group]:
        with self._lock:
            groups = list(self._groups.values())
        return [
            group
            for group in groups
            if (group.instance_class.kind, group.name) == ("group", name)
            and (node is None or group.node is node)
        ]

    def forked(self) -> None:
        """In a child: the groups of the parent are not ours. Takes no old lock."""
        self._lock = threading.Lock()
        for group in self._groups.values():
            group.forked()
        self._groups = {}


def _key(group: Group) -> tuple[NodeId, str, str]:
    return group.node.id, group.instance_class.kind, group.name


running = Running()
os.register_at_fork(after_in_child=running.forked)


def refuse_event_loop() -> None:
    """Raise RuntimeError if this thread runs an event loop, which would stand still.

    Within an actor it may: what is called there blocks that actor alone.
    """
    if not in_event_loop():
        return
    try:
        current()
    except NoCurrentActorError:
        raise RuntimeError(
            "start() blocks; use await asyncio.to_thread(Group.start, …)"
        ) from None


def in_event_loop() -> bool:
    """Tell whether this thread runs an event loop, which must not wait."""
    # Not imported for the question: without it there is no loop.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
