"""Supervisor: an actor that starts children, restarts them, and stops them in order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, ClassVar, Self, cast

from actors._errors import ChildError, StartError
from actors._supervision import restart as rules
from actors._supervision.children import Record
from actors._supervision.overseer import Overseer
from actors._supervision.ref import OverseerRef, SupervisorRef
from actors._supervision.spec import (
    ChildSpec,
    check_childspec,
    check_childspecs,
    check_flags,
)

if TYPE_CHECKING:
    from actors._supervision.restart import AutoShutdown, Strategy
    from actors._types import Answer, AnyRef


class Supervisor(Overseer):
    """An actor that keeps its children running, by Erlang's rules.

    Give the children to `start`, or subclass it, set the attributes and override
    `children()`. `start` returns when all of them are up; a child that does not come
    up stops those before it and is raised as StartError. They are stopped in reverse
    order. A subclass with `on_start` or `on_stop` of its own calls `super()`'s.

    Attributes:
        strategy: Who restarts with a child: nobody else ("one_for_one"), everybody
            ("one_for_all"), or those started after it ("rest_for_one").
        max_restarts: More restarts than this within `max_seconds` end the
            supervisor, with "shutdown". A restarted group counts once.
        max_seconds: Length of that window; a restart exactly this old still counts.
        auto_shutdown: Whether a significant child that ends by itself, and is not
            restarted, ends the supervisor: never, the first, or the last of them.
            A supervisor that ends so should not be a permanent child.
    """

    strategy: Strategy = "one_for_one"
    max_restarts: int = 3
    max_seconds: float = 5.0
    auto_shutdown: AutoShutdown = "never"

    _actor_ref: SupervisorRef[Self]
    ref_class: ClassVar[type[OverseerRef[Answer]]] = SupervisorRef

    def __init__(
        self,
        children: Iterable[ChildSpec] = (),
        *,
        strategy: Strategy | None = None,
        max_restarts: int | None = None,
        max_seconds: float | None = None,
        auto_shutdown: AutoShutdown | None = None,
    ) -> None:
        super().__init__(max_restarts=max_restarts, max_seconds=max_seconds)
        self._given = tuple(children)
        if strategy is not None:
            self.strategy = strategy
        if auto_shutdown is not None:
            self.auto_shutdown = auto_shutdown

    @classmethod
    def start(cls, *args: Answer, **kwargs: Answer) -> SupervisorRef[Self]:
        """Start the supervisor and all its children, in order; return when all are up.

        Raises:
            StartError: A child did not come up; those before it are stopped again.
            TypeError: A flag, or a child's spec, is of the wrong kind.
            ValueError: It is out of range, or does not fit the others.
        """
        return cast("SupervisorRef[Self]", super().start(*args, **kwargs))

    @property
    def actor_ref(self) -> SupervisorRef[Self]:
        """The handle to this supervisor."""
        return self._actor_ref

    def children(self) -> Iterable[ChildSpec]:
        """Give the specs of the children, in start order. To be overridden."""
        return self._given

    def on_start(self) -> None:
        """Start the children. A subclass that overrides it calls this one."""
        super().on_start()
        check_flags(
            self.strategy, self.max_restarts, self.max_seconds, self.auto_shutdown
        )
        specs = check_childspecs(self.children(), auto_shutdown=self.auto_shutdown)
        for spec in specs:
            self._children.add(spec.id, Record(spec))
        for record in self._children.all():
            self._start_first(record)

    def _start_first(self, record: Record) -> None:
        try:
            self._start(record)
        except StartError:
            self._stop_children()
            raise

    def _start(self, record: Record) -> None:
        self._children.start(record)
        if not record.active and record.spec.restart == "temporary":
            self._children.drop(record.spec.id)

    def _stop_children(self) -> None:
        self._children.stop_in_order(self._children.keys())

    # A child has ended.

    def _holds(self, record: Record) -> bool:
        return self._children.get(record.spec.id) is record

    def _not_restarted(self, record: Record) -> None:
        spec = record.spec
        if not rules.kept_when_ended(spec.restart, dynamic=False):
            self._children.drop(spec.id)
        left = [
            each
            for each in self._children.all()
            if each.spec.significant and each.active and each is not record
        ]
        if rules.ends_supervisor(
            self.auto_shutdown,
            significant=spec.significant,
            significant_left=len(left),
        ):
            self._end_tree()

    def _restart_round(self, record: Record) -> None:
        keys = self._children.keys()
        touched = rules.group(self.strategy, keys, record.spec.id)
        self._children.stop_in_order(touched)
        for key in touched:
            each = self._children.get(key)
            if each is not None and not self._restarted(each):
                return

    # Requests; called through the ref, in this actor's turn.

    def start_child(self, spec: ChildSpec) -> AnyRef | None:
        """Start one more child; see the ref's method."""
        check_childspec(spec, auto_shutdown=self.auto_shutdown)
        present = self._children.get(spec.id)
        if present is not None:
            running = present.state == "running"
            state = "already_started" if running else "already_present"
            raise ChildError(spec.id, state)
        record = Record(spec)
        self._children.start(record)
        if record.active or spec.restart != "temporary":
            self._children.add(spec.id, record)
        return record.shown().ref

    def terminate_child(self, child_id: Hashable) -> None:
        """Stop a child; see the ref's method."""
        self._find(child_id)
        self._children.stop_in_order([child_id])

    def restart_child(self, child_id: Hashable) -> AnyRef | None:
        """Start a child that is down; see the ref's method."""
        record = self._find_down(child_id)
        self._children.start(record)
        return record.shown().ref

    def delete_child(self, child_id: Hashable) -> None:
        """Forget a child that is down; see the ref's method."""
        self._find_down(child_id)
        self._children.drop(child_id)

    def get_childspec(self, child_id: Hashable) -> ChildSpec:
        """Give a child's spec; see the ref's method."""
        return self._find(child_id).spec

    def _find(self, child_id: Hashable) -> Record:
        record = self._children.get(child_id)
        if record is None:
            raise ChildError(child_id, "not_found")
        return record

    def _find_down(self, child_id: Hashable) -> Record:
        record = self._find(child_id)
        if record.active:
            raise ChildError(child_id, record.state)
        return record
