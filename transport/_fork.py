"""A forked child must not hold the sockets of its parent's nodes.

It would keep links alive that the parent has lost: peers would see no end of file
when the parent is killed.
"""

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What has sockets."""

    def abandon(self) -> None:
        """Close this process's copies; send nothing, change nothing shared."""


_open: weakref.WeakSet[Forked] = weakref.WeakSet()


def add(node: Forked) -> None:
    """Let a node's sockets be closed in children."""
    _open.add(node)


def discard(node: Forked) -> None:
    """A node has closed its sockets itself."""
    _open.discard(node)


def _in_child() -> None:
    for node in list(_open):
        node.abandon()
    _open.clear()


os.register_at_fork(after_in_child=_in_child)
