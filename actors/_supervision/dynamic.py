"""DynamicSupervisor: children that come and go at run time, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, cast

from actors._errors import ChildError, MaxChildrenError
from actors._ref import actor_id
from actors._supervision import restart as rules
from actors._supervision.children import Record
from actors._supervision.overseer import Overseer
from actors._supervision.ref import DynamicSupervisorRef, OverseerRef
from actors._supervision.spec import check_childspec, check_flags, check_max_children

if TYPE_CHECKING:
    from actors._supervision.spec import ChildSpec
    from actors._types import Answer, AnyRef


class DynamicSupervisor(Overseer):
    """A supervisor that starts with no child and gets them by `start_child`.

    Ids mean nothing here, so that many children can be made from one spec; a child is
    named by its ref. Each restarts alone. At the end all are told to stop at once and
    waited for together.

    Attributes:
        max_children: So many at most, those counted that are being restarted; None
            for any number.
        max_restarts: More restarts than this within `max_seconds` end the
            supervisor, with "shutdown".
        max_seconds: Length of that window.
        extra_arguments: Put before the arguments of every child.
    """

    max_children: int | None = None
    extra_arguments: tuple[object, ...] = ()

    ref_class: ClassVar[type[OverseerRef[Answer]]] = DynamicSupervisorRef
    _actor_ref: DynamicSupervisorRef[Self]

    def __init__(
        self,
        *,
        max_children: int | None = None,
        max_restarts: int | None = None,
        max_seconds: float | None = None,
        extra_arguments: tuple[object, ...] | None = None,
    ) -> None:
        super().__init__(max_restarts=max_restarts, max_seconds=max_seconds)
        if max_children is not None:
            self.max_children = max_children
        if extra_arguments is not None:
            self.extra_arguments = tuple(extra_arguments)

    @classmethod
    def start(cls, *args: Answer, **kwargs: Answer) -> DynamicSupervisorRef[Self]:
        """Start the supervisor; it has no children yet.

        Raises:
            TypeError: A flag is of the wrong kind.
            ValueError: It is out of range.
        """
        return cast("DynamicSupervisorRef[Self]", super().start(*args, **kwargs))

    @property
    def actor_ref(self) -> DynamicSupervisorRef[Self]:
        """The handle to this supervisor."""
        return self._actor_ref

    def on_start(self) -> None:
        """Check the flags. A subclass that overrides it calls this one."""
        super().on_start()
        check_flags("one_for_one", self.max_restarts, self.max_seconds, "never")
        check_max_children(self.max_children)

    def _stop_children(self) -> None:
        records = self._children.all()
        self._children.stop_together(records)
        for record in records:
            self._children.drop(record)

    # A child has ended. Each record is its own key.

    def _holds(self, record: Record) -> bool:
        return self._children.get(record) is record

    def _not_restarted(self, record: Record) -> None:
        if not rules.kept_when_ended(record.spec.restart, dynamic=True):
            self._children.drop(record)

    def _restart_round(self, record: Record) -> None:
        record.down(record.last_reason)
        if self._restarted(record) and not record.active:
            # It declined to start, and nobody could name it to try again.
            self._children.drop(record)

    # Requests; called through the ref, in this actor's turn.

    def start_child(self, spec: ChildSpec) -> AnyRef | None:
        """Start one more child; see the ref's method."""
        check_childspec(spec, auto_shutdown="never")
        if self.max_children is not None:
            self._check_room(self.max_children)
        record = Record(spec.with_arguments_first(self.extra_arguments))
        self._children.start(record)
        if record.active:
            self._children.add(record, record)
        return record.shown().ref

    def _check_room(self, most: int) -> None:
        if len(self._children.keys()) >= most:
            raise MaxChildrenError(
                f"{self.actor_ref} has {most} children, its max_children"
            )

    def terminate_child(self, ref: AnyRef) -> None:
        """Stop a child and forget it; see the ref's method."""
        record = self._children.running(actor_id(ref))
        if record is None:
            raise ChildError(ref, "not_found")
        self._children.stop(record)
        self._children.drop(record)
