"""What both kinds of supervisor share: children, their deaths, and the end of all."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from actors._actor import Actor
from actors._clock import monotonic
from actors._errors import StartError
from actors._home import cell_of
from actors._mail import deliver
from actors._process import at_exit
from actors._reasons import Exit
from actors._supervision import reports, roster
from actors._supervision import restart as rules
from actors._supervision.children import Child, Children, Counts
from actors._supervision.ready import came_up
from actors._supervision.ref import OverseerRef
from actors.hooks import hook

if TYPE_CHECKING:
    from actors._reasons import Reason
    from actors._supervision.children import Record
    from actors._supervision.life import Life
    from actors._supervision.spec import ChildSpec, ChildType
    from actors._types import Answer, AnyRef


RESTART = hook("actors.child.restart")


@dataclass(frozen=True, slots=True)
class Ended:
    """A child has ended; its supervisor is to see what follows."""

    record: Record
    life: Life


@dataclass(frozen=True, slots=True)
class Retry:
    """A child did not come up when it was restarted; try again."""

    record: Record


class Overseer(Actor):
    """An actor with children. What it decides is in `_restart`.

    Everything happens in its own turns, so a request waits while children start or
    stop, and deaths wait for each other.
    """

    child_type: ClassVar[ChildType] = "supervisor"
    # A refused request is the caller's trouble, and so is a stranger's death.
    crash_on: ClassVar[Literal["any", "tell"]] = "tell"
    trap_exits: ClassVar[bool] = True

    max_restarts: int = 3
    max_seconds: float = 5.0

    ref_class: ClassVar[type[OverseerRef[Answer]]] = OverseerRef
    _actor_ref: OverseerRef[Self]

    def __init__(self, *, max_restarts: int | None, max_seconds: float | None) -> None:
        super().__init__()
        self._become(self.ref_class(self))
        if max_restarts is not None:
            self.max_restarts = max_restarts
        if max_seconds is not None:
            self.max_seconds = max_seconds
        self._attempts: list[float] = []
        self._children = Children(self.actor_ref, self._note_end)

    def _become(self, ref: OverseerRef[Self]) -> None:
        """Be known by a ref with more to it."""
        ref.cell = self._cell
        ref.cell.ref = ref
        self._actor_ref = ref
        self.actor_inbox.owner = ref

    @classmethod
    def start_unawaited(cls, *args: Answer, **kwargs: Answer) -> OverseerRef[Self]:
        """Start without waiting for the children."""
        ref = super().start(*args, **kwargs)
        assert isinstance(ref, OverseerRef)
        return ref

    @classmethod
    def start(cls, *args: Answer, **kwargs: Answer) -> OverseerRef[Self]:
        """Start, and return when it is up; raise what kept it from that."""
        ref = cls.start_unawaited(*args, **kwargs)
        if came_up(ref):
            _stop_at_exit(ref)
            return ref
        if ref.cell.start_error is not None:
            raise ref.cell.start_error
        raise StartError(cls.__name__, ref.cell.reason)

    @property
    def actor_ref(self) -> OverseerRef[Self]:
        """The handle to this supervisor."""
        return self._actor_ref

    def clock(self) -> float:
        """Tell the monotonic time, in seconds, by which restarts are counted."""
        return monotonic()

    # The hooks. A subclass that overrides one calls this one too.

    def on_start(self) -> None:
        """Be seen by `tree`."""
        number = self._cell.number
        roster.enlist(number, self._children)
        self._cell.watch(lambda _: roster.dismiss(number))

    def on_stop(self) -> None:
        """Stop the children."""
        self._stop_children()

    def on_failure(self, *_args: object, **_kwargs: object) -> None:
        """Stop the children."""
        self._stop_children()

    def on_receive(self, message: object) -> None:
        """Log what nobody should have sent."""
        reports.unexpected_message(self.actor_ref, message)

    def _handle_receive(self, message: Answer) -> Answer:
        match message:
            case Ended(record, life):
                self._ended(record, life)
            case Retry(record):
                self._retry(record)
            case Exit(ref, reason):
                self._told_to_exit(ref, reason)
            case _:
                return super()._handle_receive(message)
        return None

    def _told_to_exit(self, ref: AnyRef | None, reason: Reason) -> None:
        # Children are watched; one that also links itself has no say in this.
        if reason != "normal" and not self._children.had(ref):
            self.exit(reason)

    # Deaths.

    def _note_end(self, record: Record, life: Life) -> None:
        deliver(self.actor_ref, Ended(record, life))

    def _ended(self, record: Record, life: Life) -> None:
        if not self._holds(record) or record.life is not life:
            return
        record.down(life.reason)
        restart = record.spec.restart
        if rules.reported(restart, life.reason):
            reports.child_terminated(self.actor_ref, record.spec, life.ref, life.reason)
        if rules.restarts(restart, life.reason):
            self._restart(record)
        else:
            self._not_restarted(record)

    def _retry(self, record: Record) -> None:
        # Whoever stopped the child meanwhile has also taken back the restart.
        if self._holds(record) and record.state == "restarting":
            self._restart(record)

    def _restart(self, record: Record) -> None:
        self._attempts, allowed = rules.spend(
            self._attempts, self.clock(), self.max_restarts, self.max_seconds
        )
        if allowed:
            self._restart_round(record)
        else:
            self._give_up(record)

    def _restarted(self, record: Record) -> bool:
        """Start a child once more; if it does not come up, see to it later."""
        try:
            self._children.start(record)
        except StartError:
            record.state = "restarting"
            deliver(self.actor_ref, Retry(record))
            return False
        record.restarts += record.active
        if RESTART.callbacks:
            RESTART(
                {"restarts": record.restarts},
                {
                    "supervisor": type(self).__name__,
                    "child": record.spec.id,
                    "reason": record.last_reason,
                },
            )
        return True

    def _give_up(self, record: Record) -> None:
        reports.gave_up(
            self.actor_ref,
            record.spec,
            len(self._attempts),
            self.max_seconds,
            record.last_reason,
        )
        record.down(record.last_reason)
        self.actor_ref.gave_up = True
        self._end_tree()

    def _end_tree(self) -> None:
        """Stop the children that are left, then end."""
        self._stop_children()
        self.exit("shutdown")

    @abstractmethod
    def _holds(self, record: Record) -> bool:
        """Is it one of the children?"""

    @abstractmethod
    def _not_restarted(self, record: Record) -> None:
        """A child ended by itself and stays down."""

    @abstractmethod
    def _restart_round(self, record: Record) -> None:
        """Restart a child, and those that have to go with it."""

    @abstractmethod
    def _stop_children(self) -> None:
        """Stop all children."""

    # Requests; called through the ref, in this actor's turn.

    @abstractmethod
    def start_child(self, spec: ChildSpec) -> AnyRef | None:
        """Start one more child; see the ref's method."""

    def which_children(self) -> list[Child]:
        """List the children, newest first."""
        return [record.shown() for record in reversed(self._children.all())]

    def count_children(self) -> Counts:
        """Count the children."""
        return self._children.counts()


def _stop_at_exit(ref: AnyRef) -> None:
    """Stop a supervisor that nobody else stops when the interpreter ends."""

    def stop(seconds: float) -> None:
        # One that is ending was waited for by who stopped it, as long as they wished.
        if ref.is_alive():
            ref.stop(timeout=seconds)

    cancel = at_exit(stop)

    def ended(_reason: Reason) -> None:
        cancel()

    cell_of(ref).watch(ended)
