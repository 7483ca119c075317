"""Exit reasons as peers tell them to each other: words and texts, never objects."""

from actors import Crash, NodeDown
from group._core.messages import Reason

_LONGEST = 2_000


def to_wire(reason: object) -> Reason:
    """Write any exit reason; one that only this program knows travels as its repr."""
    if isinstance(reason, str):
        return Reason("word", reason[:_LONGEST])
    if isinstance(reason, Crash):
        return Reason("crash", reason.type[:_LONGEST], reason.message[:_LONGEST])
    if isinstance(reason, NodeDown):
        return Reason("nodedown", reason.node[:_LONGEST], reason.cause[:_LONGEST])
    return Reason("word", repr(reason)[:_LONGEST])


def from_wire(reason: Reason) -> object:
    """Read an exit reason; a kind that a later version may bring becomes a word."""
    if reason.kind == "crash":
        return Crash(reason.first, reason.second, "")
    if reason.kind == "nodedown":
        return NodeDown(reason.first, reason.second)
    return reason.first
