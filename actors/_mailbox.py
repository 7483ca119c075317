"""A mailbox lets a plain thread act as an actor."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty
from threading import current_thread, get_ident, main_thread
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, TypeVar

import pykka
from pykka import ActorDeadError

from actors._actor import OWN, Actor
from actors._clock import LOOK_UP, monotonic
from actors._current import enter
from actors._ends.end import end
from actors._errors import ActorError, Timeout
from actors._future import Future
from actors._live import live
from actors._naming import register_name
from actors._ref import ActorRef

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from actors._ends.cell import Cell
    from actors._inbox import Mail
    from actors._reasons import Reason
    from actors._types import Answer


M = TypeVar("M", bound=Actor)


class MailboxRef(ActorRef[M]):
    """The handle to an open mailbox."""

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Answer:
        """End the mailbox at once; its owner sees it at the next `receive`."""
        del timeout
        ended = end(self, "normal")
        if block:
            return ended
        stopped: Future[bool] = Future()
        stopped.set(ended)
        return stopped


class Mailbox(Actor):
    """A plain thread as an actor: it can be told, watched, named, linked and joined.

    Inside the `with` block the current actor of the thread is the mailbox. Leaving the
    block is its death, with reason "normal". A message that was asked is answered with
    None when it is received.
    """

    trap_exits: ClassVar[bool] = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self._name = name
        self._before: Cell | None = None
        # Seconds for which its thread sleeps at most; None has no limit.
        self._longest: float | None = None

    @classmethod
    def start(cls, *args: Answer, **kwargs: Answer) -> NoReturn:
        """Refuse: a mailbox has no thread of its own."""
        del args, kwargs
        raise ActorError("a mailbox is opened with 'with actors.mailbox() as me:'")

    def _make_ref(self) -> ActorRef[Self]:
        return MailboxRef(self)

    @property
    def ref(self) -> ActorRef[Self]:
        """The handle others use."""
        return self._actor_ref

    def __enter__(self) -> Self:
        live[self._cell.number] = self._actor_ref
        self._cell.registered = True
        pykka.ActorRegistry.register(self._actor_ref)
        if self._name is not None:
            try:
                register_name(self._name, self._actor_ref)
            except ActorError:
                end(self._actor_ref, "normal")
                raise
        self._cell.ident = get_ident()
        self._longest = LOOK_UP if current_thread() is main_thread() else None
        self._cell.started = True
        self._before = enter(self._cell)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        enter(self._before)
        self._cell.ident = None
        end(self._actor_ref, "normal")

    def exit(self, reason: Reason = "normal") -> None:
        """End the mailbox now."""
        end(self._actor_ref, reason)

    def receive(self, timeout: float | None = None) -> Answer:
        """Wait for the next message.

        Args:
            timeout: Seconds to wait, None for ever.

        Raises:
            Timeout: None came in time.
            ActorDeadError: The mailbox has ended.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while not self.actor_stopped.is_set():
            left = None if deadline is None else max(0.0, deadline - monotonic())
            if self._longest is not None and (left is None or left > self._longest):
                left = self._longest
            try:
                envelope = self.actor_inbox.get(left)
            except Empty:
                if deadline is None or monotonic() < deadline:
                    continue
                raise Timeout(f"no message within {timeout} seconds") from None
            try:
                message = envelope.message
            except BaseException:
                # Ctrl-C while it was decoded: it is still the next one.
                self.actor_inbox.give_back(envelope)
                raise
            if type(message) not in OWN:
                if envelope.reply_to is not None:
                    self._answer(envelope.reply_to, None)
                return message
            self._serve(envelope)
        cell = self._cell
        reason = cell.reason if cell.ended else cell.verdict
        raise ActorDeadError(f"{self} has ended: {reason}")

    def _serve(self, envelope: Mail) -> None:
        """Do what Pykka's own messages ask for."""
        self._turn(envelope)
        if self.actor_stopped.is_set():
            end(self._actor_ref, self._cell.verdict)

    def __iter__(self) -> Iterator[Answer]:
        """Give messages as they come, until the mailbox ends."""
        with suppress(ActorDeadError):
            while True:
                yield self.receive()


def mailbox(name: str | None = None) -> Mailbox:
    """Let this thread act as an actor for the length of a `with` block.

    Args:
        name: A name to register it under, see `register_name`.
    """
    return Mailbox(name)
