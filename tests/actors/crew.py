"""Workers and supervisors that tests of supervision share."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pykka

from actors import Actor, ChildSpec, Supervisor, SupervisorRef, child

Ref: TypeAlias = pykka.ActorRef[Any]
Boss: TypeAlias = SupervisorRef[Any]
# Options are checked where they go.
Option: TypeAlias = Any


class BrokenError(Exception):
    """What these workers crash with."""


@dataclass
class Log:
    """What happened, in order, and gates that hold workers back."""

    events: list[str] = field(default_factory=list)
    gates: dict[str, threading.Event] = field(default_factory=dict)

    def gate(self, name: str) -> threading.Event:
        return self.gates.setdefault(name, threading.Event())


class Worker(Actor):
    """Logs its start and stop, and does what it is told."""

    def __init__(self, log: Log, name: str) -> None:
        super().__init__()
        self.log, self.name = log, name

    def on_start(self) -> None:
        self.log.events.append(f"+{self.name}")

    def on_stop(self) -> None:
        self.log.events.append(f"-{self.name}")

    def on_receive(self, message: object) -> object:
        match message:
            case "crash":
                raise BrokenError
            case "wait":
                self.log.gate(f"{self.name} waits").set()
                self.log.gate(self.name).wait(30)
            case ("exit", reason):
                self.exit(reason)
            case _:
                pass
        return message


class Failing(Worker):
    """Does not start."""

    def on_start(self) -> None:
        raise BrokenError("no")


class SlowToStart(Worker):
    """Starts when its gate opens."""

    def on_start(self) -> None:
        self.log.gate(self.name).wait(30)
        super().on_start()


class SlowToStop(Worker):
    """Stops when its gate opens."""

    def on_stop(self) -> None:
        super().on_stop()
        self.log.gate(self.name).wait(30)


class Plain(pykka.ThreadingActor):
    """Knows nothing of this package."""

    def on_receive(self, message: object) -> object:
        if message == "crash":
            raise BrokenError
        if message == "exit":
            raise SystemExit
        return message


def worker(
    log: Log, name: str, cls: type[Worker] = Worker, **options: Option
) -> ChildSpec:
    """The spec of a worker under its own name."""
    return child(cls, log, name, id=name, **options)


def team(log: Log, names: str, **flags: Option) -> Boss:
    """Start a supervisor of workers, one per letter."""
    return Supervisor.start([worker(log, name) for name in names], **flags)


def refs(boss: Boss) -> dict[object, Ref | None]:
    """The children by id."""
    return {each.id: each.ref for each in boss.which_children()}


def ref_of(boss: Boss, name: str) -> Ref:
    """A child that runs."""
    ref = refs(boss)[name]
    assert ref is not None
    return ref


class Company(Supervisor):
    """A supervisor of two teams."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log

    def children(self) -> Iterable[ChildSpec]:
        for team_name in ("x", "y"):
            specs = [worker(self.log, team_name + each) for each in "ab"]
            yield child(Supervisor, specs, id=team_name)


def replaced(boss: Boss, name: str, old: Ref) -> Option:
    """The child that took the place of that one, if there is one by now."""
    ref = refs(boss)[name]
    return None if ref is old else ref
