"""An app for `groupctl start --app`: a nomad supervisor, and a desk that tests ask."""

import os
from collections.abc import Iterable

from actors import (
    Actor,
    ActorDeadError,
    AnyRef,
    ChildSpec,
    Timeout,
    child,
    register_name,
)
from group import Group, NomadSupervisor


class Job(Actor):
    """Says in which process it runs, and fails when it is told to."""

    def on_receive(self, message: object) -> object:
        if message == "fail":
            raise RuntimeError("as planned")
        return os.getpid()


class Desk(Actor):
    """Starts jobs on this node, and says where they run."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group

    def on_start(self) -> None:
        register_name("desk", self.actor_ref)

    def start_job(self, name: str) -> None:
        """Start a job under this node's supervisor."""
        (supervisor,) = self.group.local_members("nomads")
        supervisor.ref.proxy().start_child(child(Job, id=name)).get(timeout=10)

    def job(self, name: str) -> AnyRef | None:
        """Return the job, wherever it runs."""
        return self.group.whereis(f"nomads/{name}")

    def process_of(self, name: str) -> int | None:
        """Return the id of the process that a job runs in; None between two lives."""
        ref = self.job(name)
        try:
            pid = None if ref is None else ref.ask("where?", timeout=5)
        except (ActorDeadError, Timeout):
            return None
        return pid if isinstance(pid, int) else None

    def supervisors(self) -> int:
        """Return how many supervisors this node knows."""
        return self.group.member_count("nomads")


def factory(group: Group) -> Iterable[ChildSpec]:
    return [child(NomadSupervisor, group), child(Desk, group)]
