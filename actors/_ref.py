"""Handles to actors: ours, and the base of those whose actor lives elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Literal, TypeGuard, TypeVar, overload

import pykka
from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop as ActorStop

from actors._deadlock import refuse_self
from actors._errors import DeadlockError
from actors._future import Future
from actors._live import number_of_plain
from actors._reasons import Crash
from actors._types import Answer, AnyRef

if TYPE_CHECKING:
    from actors._ends.cell import Cell
    from actors._inbox import Inbox
    from actors._reasons import MonitorRef, Reason

A = TypeVar("A", bound=pykka.Actor)

MAX_CLASS_NAME = 255
"""Characters of a class's name that travel with refs; a made-up class may have more."""


class ActorRef(pykka.ActorRef[A], Generic[A]):
    """A handle to an actor of this package; any thread may use it.

    There is one per actor, so refs are equal when they are the same object, and they
    hash like every other handle to that actor. `proxy()` gives an object whose methods
    are the actor's and return futures; `is_alive()` tells whether it takes messages.
    """

    cell: Cell
    actor_inbox: Inbox

    def __hash__(self) -> int:
        return hash(self.cell.number)

    def __copy__(self) -> ActorRef[A]:
        return self

    def __deepcopy__(self, _memo: object) -> ActorRef[A]:
        return self

    def tell(self, message: object) -> None:
        """Send a message and go on.

        Raises:
            ActorDeadError: The actor has ended.
        """
        if self.actor_stopped.is_set():
            raise ActorDeadError(f"{self} not found")
        self.actor_inbox.put(Envelope(message))

    @overload
    def ask(
        self, message: object, *, block: Literal[False], timeout: float | None = None
    ) -> Future[Answer]: ...

    @overload
    def ask(
        self,
        message: object,
        *,
        block: Literal[True] = True,
        timeout: float | None = None,
    ) -> Answer: ...

    @overload
    def ask(
        self, message: object, *, block: bool = True, timeout: float | None = None
    ) -> Answer: ...

    def ask(
        self, message: object, *, block: bool = True, timeout: float | None = None
    ) -> Answer:
        """Send a message and wait for the answer, or with `block=False` for none.

        Args:
            message: Anything; for an actor elsewhere, what can be pickled.
            block: False gives a future at once, which can be awaited.
            timeout: Seconds to wait for the answer, None for ever.

        Raises:
            Timeout: No answer came in time.
            DeadlockError: The actor would wait for itself.
            ActorDeadError: The actor has ended, before or after it got the message.
        """
        future: Future[Answer] = Future()
        if self.actor_stopped.is_set():
            dead = ActorDeadError(f"{self} not found")
            future.set_exception((ActorDeadError, dead, None))
        else:
            cell = self.cell
            future.giver = cell
            if block:
                refuse_self(cell)
            self.actor_inbox.put(Envelope(message, future))
        return future.get(timeout=timeout) if block else future

    @overload
    def stop(
        self, *, block: Literal[True] = True, timeout: float | None = None
    ) -> bool: ...

    @overload
    def stop(
        self, *, block: Literal[False], timeout: float | None = None
    ) -> Future[bool]: ...

    @overload
    def stop(
        self, *, block: bool = True, timeout: float | None = None
    ) -> bool | Future[bool]: ...

    def stop(
        self, *, block: bool = True, timeout: float | None = None
    ) -> bool | Future[bool]:
        """Let the actor handle the mail it has, then end with "normal".

        When the answer comes the actor is dead: hooks have run, names are free and
        watchers have been told.

        Returns:
            True if this or another stop ended it, False if it was dead already, or
            had crashed.

        Raises:
            Timeout: The actor did not end in time. It will.
            DeadlockError: An actor waits for its own end; use `self.stop()`.
        """
        stopped: Future[bool] = Future()
        stopped.giver = self.cell
        if block:
            refuse_self(self.cell)
        late = self.actor_stopped.is_set()
        crashed = late and isinstance(self.cell.verdict, Crash)
        if self.cell.ended:
            stopped.set(value=False)
        else:
            # Not by `ask`: that refuses an actor whose `on_stop` still runs.
            asked: Future[Answer] = Future()
            asked.add_done_callback(
                lambda answer: stopped.set(answer.succeeded() and not crashed)
            )
            self.actor_inbox.put(Envelope(ActorStop(), asked))
        if not block:
            return stopped
        try:
            return stopped.get(timeout=timeout)
        except DeadlockError:
            # Two that stop each other in `on_stop`: it is over for both.
            if late:
                return not crashed
            raise


class ForeignRef(pykka.ActorRef[A], ABC, Generic[A]):
    """A handle to an actor that lives elsewhere.

    The package that carries the messages implements these; `monitor`, `link` and
    `exit` call them. None of them may block.
    """

    @abstractmethod
    def add_monitor(self, monitor: MonitorRef, watcher: AnyRef) -> None:
        """Deliver `Down(monitor, self, reason)` to the watcher later, once."""

    @abstractmethod
    def remove_monitor(self, monitor: MonitorRef) -> None:
        """Forget that monitor."""

    @abstractmethod
    def add_link(self, me: AnyRef) -> None:
        """Link both ways; called once per pair, and by the carrier at the other end.

        At this actor's end, or its node's, `deliver_exit(me, self, reason,
        linked=True)` is called; the other end hears of the end of `me`.
        """

    @abstractmethod
    def remove_link(self, me: AnyRef) -> None:
        """Forget that link."""

    @abstractmethod
    def send_exit(self, sender: AnyRef | None, reason: Reason) -> None:
        """Carry an exit signal to the actor; `sender` is the local one."""


def is_ref(value: object) -> TypeGuard[AnyRef]:
    """Tell whether something is a handle to an actor, of whatever kind."""
    return isinstance(value, pykka.ActorRef)


def actor_id(ref: AnyRef) -> int:
    """Give the number of a local actor: from 1, never given twice in a process."""
    if isinstance(ref, ActorRef):
        return ref.cell.number
    return number_of_plain(ref)


def class_name(ref: AnyRef) -> str:
    """Give the name of the actor's class, cut to what other nodes take."""
    return ref.actor_class.__name__[:MAX_CLASS_NAME]
