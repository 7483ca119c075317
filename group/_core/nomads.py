"""Which children move to another node when they end, and to which one.

A child keeps the moments of its restarts as ages when it travels, for every node has a
clock of its own.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from group._core.views import Member

T = TypeVar("T")


class Limit(NamedTuple):
    """How often a child may move: so many times within so many seconds."""

    restarts: int
    seconds: float


def moves(restart: str, reason: object, limit: Limit) -> bool:
    """Tell whether a child that ended by itself is started again at all.

    As in a supervisor; and one that may never move stays where it ended.
    """
    if restart == "temporary" or limit.restarts == 0:
        return False
    return restart == "permanent" or not orderly(reason)


def orderly(reason: object) -> bool:
    """Tell whether an actor with this exit reason has ended as it was meant to."""
    match reason:
        case "normal" | "shutdown" | ("shutdown", _):
            return True
        case _:
            return False


def spend(ages: Iterable[float], limit: Limit) -> tuple[tuple[float, ...], bool]:
    """Count one more move; return all that still count, and whether it is allowed."""
    recent = (*(age for age in ages if age <= limit.seconds), 0.0)
    return recent, len(recent) <= limit.restarts


def heir(child: str, supervisors: dict[Member, T]) -> T | None:
    """Return the supervisor that takes a child whose own one is lost.

    All that see the same supervisors choose the same one, each child its own.
    """
    if not supervisors:
        return None
    return supervisors[max(supervisors, key=lambda each: _weight(child, each))]


def _weight(child: str, member: Member) -> bytes:
    node, n = member
    text = f"{child}\0{node.name}\0{n}".encode() + node.incarnation
    return blake2b(text, digest_size=8).digest()
