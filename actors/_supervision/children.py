"""The children of one supervisor: their records, and how one starts and stops."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from actors._errors import StartError
from actors._supervision import reports
from actors._supervision import restart as rules
from actors._supervision.life import Life, begin_life

if TYPE_CHECKING:
    from actors._reasons import Reason
    from actors._supervision.restart import Shutdown
    from actors._supervision.spec import ChildSpec, ChildType
    from actors._types import AnyRef

State = Literal["running", "restarting", "down"]


class Child(NamedTuple):
    """One child as `which_children` shows it; `ref` is None unless it runs."""

    id: Hashable
    ref: AnyRef | None
    state: State
    type: ChildType


class Counts(NamedTuple):
    """How many children a supervisor has: specs, running, and by type."""

    specs: int
    active: int
    supervisors: int
    workers: int


class Record:
    """A child: how it is made, and the life it has now, if any.

    Written by its supervisor's thread alone; read by any.
    """

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.state: State = "down"
        self.life: Life | None = None
        self.restarts = 0
        self.last_reason: Reason = None
        self._abandoned: list[threading.Thread] = []

    @property
    def active(self) -> bool:
        """Does it run, or will it be tried again?"""
        return self.state != "down"

    @property
    def zombies(self) -> int:
        """How many threads of earlier lives have not ended yet."""
        return sum(thread.is_alive() for thread in list(self._abandoned))

    def up(self, life: Life | None) -> None:
        """Note that it was started, or (None) declined to."""
        self.life = life
        self.state = "down" if life is None else "running"
        if self.spec.restart == "temporary":
            self.spec = self.spec.without_arguments()

    def down(self, reason: Reason = None) -> None:
        """Note that it ended, with a reason when it ran."""
        if self.life is not None:
            self.last_reason = reason
        self.life = None
        self.state = "down"

    def abandon(self, thread: threading.Thread | None) -> None:
        """Note the thread of a life that is over, if it had to be abandoned."""
        if thread is not None:
            alive = [each for each in self._abandoned if each.is_alive()]
            self._abandoned = [*alive, thread]

    def shown(self) -> Child:
        """This child for a caller to read."""
        life = self.life
        ref = None if life is None else life.ref
        return Child(self.spec.id, ref, self.state, self.spec.type)


class Children:
    """All children of one supervisor, in start order.

    Args:
        owner: The supervisor.
        on_end: Called in the thread of a child that has ended; must not block.
    """

    def __init__(self, owner: AnyRef, on_end: Callable[[Record, Life], None]) -> None:
        self.owner = owner
        self._on_end = on_end
        self._records: dict[Hashable, Record] = {}
        # By actor number. A child's own thread takes it out: one dict operation.
        self._running: dict[int, Record] = {}
        self._ever: weakref.WeakSet[AnyRef] = weakref.WeakSet()

    # Any thread.

    def all(self) -> list[Record]:
        """Copy the records, oldest first."""
        return list(self._records.values())

    def counts(self) -> Counts:
        """Count the children, looking whether those that run really live."""
        records = self.all()
        lives = [record.life for record in records]
        supervisors = sum(record.spec.type == "supervisor" for record in records)
        return Counts(
            specs=len(records),
            active=sum(life is not None and life.ref.is_alive() for life in lives),
            supervisors=supervisors,
            workers=len(records) - supervisors,
        )

    def running(self, number: int) -> Record | None:
        """Find the child that lives as the actor with that number."""
        return self._running.get(number)

    # The supervisor's thread alone.

    def get(self, key: Hashable) -> Record | None:
        """Find a child."""
        return self._records.get(key)

    def had(self, ref: AnyRef | None) -> bool:
        """Is this actor, alive or dead, one of the children, or was it once?"""
        return ref is not None and ref in self._ever

    def keys(self) -> list[Hashable]:
        """List the keys in start order."""
        return list(self._records)

    def add(self, key: Hashable, record: Record) -> None:
        """Append a child."""
        self._records[key] = record

    def drop(self, key: Hashable) -> None:
        """Forget a child."""
        self._records.pop(key, None)

    def start(self, record: Record) -> None:
        """Start one child and wait until it is up.

        Raises:
            StartError: It did not come up; it is down now, and reported.
        """
        try:
            life = self._up(record)
        except StartError as error:
            reports.start_error(self.owner, record.spec, error.reason)
            raise
        record.up(life)
        if life is not None:
            reports.child_started(self.owner, record.spec, life.ref)
            self._running[life.number] = record
            life.watch(lambda: self._gone(record, life))

    def _up(self, record: Record) -> Life | None:
        life = begin_life(record.spec, self.owner)
        if life is not None:
            self._ever.add(life.ref)
            try:
                life.await_up(record.spec)
            except StartError:
                record.abandon(life.orphan())
                raise
        return life

    def _gone(self, record: Record, life: Life) -> None:
        self._running.pop(life.number, None)
        self._on_end(record, life)

    def stop(self, record: Record) -> None:
        """Stop one child, if it runs, and wait until it is dead."""
        self.stop_together([record])

    def stop_in_order(self, keys: Iterable[Hashable]) -> None:
        """Stop children one after another, the last first; drop temporary ones."""
        for key in rules.stop_order(keys):
            record = self._records[key]
            self.stop(record)
            if not rules.kept_when_stopped(record.spec.restart):
                self.drop(key)

    def stop_together(self, records: Iterable[Record]) -> None:
        """Tell all of them to stop, then wait for all of them, each its own time."""
        stopping = list(records)
        for record in stopping:
            if record.life is not None:
                record.life.order_stop(record.spec.shutdown)
        for record in stopping:
            if record.life is not None:
                self._await_end(record, record.life)
            # One that was to be tried again is not, now.
            record.down(record.last_reason)

    def _await_end(self, record: Record, life: Life) -> None:
        life.await_end()
        record.abandon(life.orphan())
        record.down(life.reason)
        shutdown: Shutdown = record.spec.shutdown
        if not rules.stopped_well(record.spec.restart, shutdown, life.reason):
            reports.shutdown_error(self.owner, record.spec, life.ref, life.reason)
