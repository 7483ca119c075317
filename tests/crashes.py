"""Faults that would go unseen: a supervisor restarts what has crashed, and all is well.

Whatever `actors`, `transport` and `group` log as an error fails the test in which it
happens, also where the log is silenced, unless the test is marked:

    @pytest.mark.crashes("ShardActor", by="killed")

for which an actor of that class must crash, or end when it should not, for a reason in
which that expression is found; or with `always=False`, it may. Actors that tests bring
along crash as they like. What is no actor's goes by the name of its event. In processes
of their own, `told` reads the log.

Threads that die of an exception, and exceptions that nobody can raise, are pytest's to
see; `filterwarnings = error` makes failures of them.
"""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import pykka
import pytest

from actors import Actor
from actors._log import log as log_of_actors
from group._log import log as log_of_group
from transport._log import log as log_of_transport

PACKAGES = ("actors", "transport", "group")
DEMO = "group._cli.player"
"""Whose people crash as its story wants."""

OF_ACTORS = frozenset(
    {"actor_crashed", "child_terminated", "shutdown_error", "start_error"}
)
"""What is told of one actor, which may be a test's own."""

OF_OTHERS = frozenset(
    {
        # Follows from what is told of the children.
        "supervisor_gave_up",
        # What the code of others has done, and what operators have to hear.
        *("callback_failed", "future_callback_failed", "on_failure_failed"),
        "hook_failed",
        *("registry_conflict", "nomad_given_up"),
    }
)
OF_OURS = frozenset(
    {
        *("answer_not_given", "asker_not_told_of_a_broken_message"),
        *("asker_not_told_of_the_end", "asker_not_told_of_the_stop"),
        *("stop_at_exit_failed", "timer_action_failed", "watcher_failed"),
        *(
            "link_handler_failed",
            "page_failed",
            "node_gave_up",
            "group_gave_up",
            "audit_mismatch",
        ),
    }
)

Fields = MutableMapping[str, Any]


MANY = 10
"""Faults that are shown; the first ones tell most."""


class Fault(NamedTuple):
    """One error in the log, and the name and the reason by which it is expected."""

    name: str
    why: str
    line: str

    def expected(self, mark: pytest.Mark) -> bool:
        """Tell whether a mark speaks of this."""
        why = mark.kwargs.get("by", "")
        return self.name in mark.args and re.search(why, self.why) is not None


class Faults:
    """Writes down the faults of ours, from any thread, whatever the level of a log."""

    def __init__(self) -> None:
        self._seen: list[Fault] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Write them down meanwhile."""
        logs: list[Any] = [log_of_actors, log_of_transport, log_of_group]
        for log in logs:
            log._processors.insert(0, self._note)
        try:
            yield
        finally:
            for log in logs:
                log._processors.remove(self._note)

    def take(self) -> list[Fault]:
        """Return those that came since this was called last."""
        seen, self._seen = self._seen, []
        return seen

    def _note(self, _logger: object, method: str, fields: Fields) -> Fields:
        name = _whose(fields) if method in ("error", "critical", "exception") else None
        if name is not None:
            why = str(fields.get("error", fields.get("reason", "")))
            self._seen.append(Fault(name, why, _line(fields)))
        return fields


def _line(fields: Fields) -> str:
    words = [f"{key}={value}" for key, value in fields.items() if key not in _APART]
    return "\n".join((" ".join((fields["event"], *words)), fields.get("traceback", "")))


_APART = ("event", "traceback")


def _whose(fields: Fields) -> str | None:
    event = fields["event"]
    if event in OF_OTHERS:
        return None
    if event not in OF_ACTORS:
        return str(event)
    if fields.get("actor") is not None:
        return _name_of(fields["actor"], PACKAGES)
    # A child that could not even be made. Every supervisor may have such; those of a
    # node and a group must not.
    return _name_of(fields["supervisor"], ("transport", "group"))


def _name_of(who: object, packages: tuple[str, ...]) -> str | None:
    """Return the name of the class of ours that an actor is of, if it is of one."""
    kind = who.actor_class if isinstance(who, pykka.ActorRef) else type(who)
    bases: tuple[type, ...] = kind.__mro__
    for base in bases:
        if issubclass(base, Actor) and base is not Actor and _is_of(base, packages):
            return base.__name__
    return None


def _is_of(kind: type, packages: tuple[str, ...]) -> bool:
    return kind.__module__.partition(".")[0] in packages


def judge(faults: list[Fault], marks: list[pytest.Mark]) -> str:
    """Say what a test did not expect, and what it has expected in vain."""
    lines = [f.line for f in faults if not any(f.expected(mark) for mark in marks)]
    if len(lines) > MANY:
        lines[MANY:] = [f"and {len(lines) - MANY} more"]
    seen = {fault.name for fault in faults}
    for mark in marks:
        if mark.kwargs.get("always", True):
            missing = sorted({*mark.args} - seen)
            lines += [f"{name} was to crash, and did not" for name in missing]
    return "\n".join(lines)


def told(log: str) -> list[str]:
    """Return the lines of a process's log, or of its errors, that tell of a fault."""
    return [line for line in log.splitlines() if _tells(line)]


_EVENT = re.compile(rf"\b({'|'.join(sorted(OF_ACTORS | OF_OURS))})\b")
_ACTOR = re.compile(r" actor=(\w+)")
_UNSEEN = ("Exception in thread ", "Exception ignored in")


def _tells(line: str) -> bool:
    if line.startswith(_UNSEEN):
        return True
    found = _EVENT.search(line)
    if found is None:
        return False
    actor = _ACTOR.search(line, found.end())
    if actor is None:
        return found[1] in OF_OURS
    return actor[1] in _our_names()


def _our_names() -> set[str]:
    # It brings the actors of the command line.
    import_module("group.__main__")
    ours = (kind for kind in _heirs(Actor) if _is_of(kind, PACKAGES))
    return {kind.__name__ for kind in ours if kind.__module__ != DEMO}


def _heirs(kind: type) -> Iterator[type]:
    heirs: list[type] = kind.__subclasses__()
    for heir in heirs:
        yield heir
        yield from _heirs(heir)
