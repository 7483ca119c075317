"""What supervises what, now: to be drawn, or read by tools."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors._ends.orphans import orphans
from actors._live import by_actor_id
from actors._ref import actor_id, class_name
from actors._supervision import roster

if TYPE_CHECKING:
    from actors._reasons import Reason
    from actors._supervision.children import Record
    from actors._types import AnyRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One actor and those it supervises, oldest first.

    Attributes:
        id: Its id as a child; the name of its class for a root.
        class_name: The name of its class; None for a child that does not run.
        ref: Its ref; None for a child that does not run.
        state: "running", "restarting" or "down".
        restarts: How many times its supervisor has restarted it.
        last_reason: Why it ended last, None if it has not.
        mailbox: Messages that wait for it, about.
        zombies: Threads of its earlier lives that were abandoned and still run.
        children: The actors it supervises.
    """

    id: Hashable
    class_name: str | None
    ref: AnyRef | None
    state: str
    restarts: int = 0
    last_reason: Reason = None
    mailbox: int = 0
    zombies: int = 0
    children: tuple[Branch, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Give it as plain data, for JSON."""
        reason = self.last_reason
        return {
            "id": self.id if isinstance(self.id, str | int) else str(self.id),
            "class": self.class_name,
            "state": self.state,
            "restarts": self.restarts,
            "last_reason": None if reason is None else str(reason),
            "mailbox": self.mailbox,
            "zombies": self.zombies,
            "children": [each.to_dict() for each in self.children],
        }

    def __str__(self) -> str:
        words = [str(self.id)]
        if self.class_name not in (None, self.id):
            words.append(f"({self.class_name})")
        words.append(self.state)
        if self.restarts:
            words.append(f"restarts={self.restarts}")
        if self.last_reason is not None:
            words.append(f"last={self.last_reason}")
        if self.mailbox:
            words.append(f"mailbox={self.mailbox}")
        if self.zombies:
            words.append(f"zombies={self.zombies}")
        return " ".join(words)

    def lines(self) -> Iterator[str]:
        """Draw it, one line per actor."""
        yield str(self)
        for child in self.children:
            is_last = child is self.children[-1]
            first, rest = ("└── ", "    ") if is_last else ("├── ", "│   ")
            for number, line in enumerate(child.lines()):
                yield (rest if number else first) + line


@dataclass(frozen=True, slots=True)
class Tree:
    """A picture of one supervision tree or all of them. `str()` draws it.

    Attributes:
        roots: The actors at the top.
        zombies: Abandoned threads in the whole process that still run.
    """

    roots: tuple[Branch, ...]
    zombies: int

    def to_dict(self) -> dict[str, object]:
        """Give it as plain data, for JSON."""
        return {
            "roots": [root.to_dict() for root in self.roots],
            "zombies": self.zombies,
        }

    def __str__(self) -> str:
        lines = [line for root in self.roots for line in root.lines()]
        if self.zombies:
            lines.append(f"zombies: {self.zombies} abandoned threads still run")
        return "\n".join(lines)


def tree(root: AnyRef | None = None) -> Tree:
    """Look at a supervision tree without disturbing it.

    Asks no actor, so it also shows supervisors that are busy or stuck; what changes
    meanwhile may be seen half changed. Safe from any thread.

    Args:
        root: The actor at the top; None for every supervisor that has none itself.
    """
    refs = _roots() if root is None else [root]
    return Tree(tuple(_root(ref) for ref in refs), len(orphans()))


def _roots() -> list[AnyRef]:
    tops = [number for number in roster.everyone() if not roster.is_child(number)]
    refs = [by_actor_id(number) for number in sorted(tops)]
    return [ref for ref in refs if ref is not None]


def _root(ref: AnyRef) -> Branch:
    return Branch(
        id=class_name(ref),
        class_name=class_name(ref),
        ref=ref,
        state="running" if ref.is_alive() else "down",
        mailbox=waiting(ref),
        children=_below(ref),
    )


def _below(ref: AnyRef) -> tuple[Branch, ...]:
    children = roster.children_of(actor_id(ref))
    return () if children is None else tuple(_child(each) for each in children.all())


def _child(record: Record) -> Branch:
    # Read once: the supervisor may change it meanwhile.
    shown = record.shown()
    ref = shown.ref
    return Branch(
        id=shown.id,
        class_name=None if ref is None else class_name(ref),
        ref=ref,
        state=shown.state,
        restarts=record.restarts,
        last_reason=record.last_reason,
        mailbox=0 if ref is None else waiting(ref),
        zombies=record.zombies,
        children=() if ref is None else _below(ref),
    )


def waiting(ref: AnyRef) -> int:
    """Return how many messages wait for an actor, about; 0 for a dead one."""
    if not ref.is_alive():
        return 0
    inbox: object = ref.actor_inbox
    for name in ("__len__", "qsize"):
        length = getattr(inbox, name, None)
        if length is not None:
            return int(length())
    return 0
