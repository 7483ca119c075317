"""Who lives in this interpreter, for tools and metrics. Asks no actor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors._ends.orphans import orphans
from actors._live import live
from actors._ref import class_name
from actors._supervision import roster
from actors._supervision.tree import waiting

if TYPE_CHECKING:
    from actors._types import AnyRef


@dataclass(frozen=True, slots=True)
class Living:
    """One actor that lives.

    Attributes:
        id: Its number, never used again in this process.
        class_name: The name of its class.
        mailbox: Messages that wait for it, about.
        ref: Its ref.
    """

    id: int
    class_name: str
    mailbox: int
    ref: AnyRef


@dataclass(frozen=True, slots=True)
class Census:
    """All of them, of about one moment.

    Attributes:
        actors: Our own; plain Pykka actors are not counted.
        restarts: How often supervisors that run have restarted children, by class.
        zombies: Abandoned threads that still run.
    """

    actors: tuple[Living, ...]
    restarts: Mapping[str, int]
    zombies: int


def census() -> Census:
    """Count the actors of this interpreter. Any thread; what changes may be missed."""
    restarts: Counter[str] = Counter()
    for children in roster.everyone().values():
        name = class_name(children.owner)
        restarts[name] += sum(record.restarts for record in children.all())
    actors = (
        Living(number, class_name(ref), waiting(ref), ref)
        for number, ref in live.copy().items()
    )
    return Census(tuple(actors), restarts, len(orphans()))
