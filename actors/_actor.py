"""The actor: Pykka's, with a guarded loop, an exit reason and Erlang's crashes."""

from __future__ import annotations

import sys
import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import pykka
from pykka._envelope import Envelope
from pykka._introspection import get_attr_directly
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr
from pykka.messages import _ActorStop as ActorStop

from actors._current import enter
from actors._ends import orphans
from actors._ends.cell import Cell, numbers
from actors._ends.end import end, leave
from actors._errors import ActorError
from actors._future import Future
from actors._guard import Caught, Contained
from actors._inbox import Inbox
from actors._live import live
from actors._log import log
from actors._reasons import Crash
from actors._ref import ActorRef
from actors._types import Answer
from actors.hooks import hook, span

if TYPE_CHECKING:
    from types import TracebackType

    from actors._inbox import Mail
    from actors._reasons import Reason
    from actors._types import Reply

_thread_numbers = count()

MESSAGE = span("actors.message")
CRASH = hook("actors.actor.crash")

# Pykka's own messages; everything else is the user's.
OWN = frozenset({ActorStop, ProxyCall, ProxyGetAttr, ProxySetAttr})


def _is_wrong_name(error: BaseException) -> bool:
    """Tell whether a proxy was asked for what the actor does not have.

    That is the mistake of a caller who had no way to look, like one on another node;
    nothing of the actor has run.
    """
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return (
        isinstance(error, AttributeError)
        and last is not None
        and last.tb_frame.f_code is get_attr_directly.__code__
    )


class Actor(pykka.ThreadingActor):
    """A Pykka actor that can be watched, linked and supervised.

    It follows Erlang on failure: an exception in any message ends the actor, after a
    caller that waits has got the exception. `crash_on = "tell"` gives Pykka's rule
    back, by which only a failing tell does. SystemExit and its like end this actor
    alone. Its thread is a daemon, so that a program whose main ends does end.

    A subclass overrides what it needs of this, and calls `super().__init__()` first if
    it has an `__init__` of its own. All but `__init__` run in the actor's thread:

    - `on_start()`: before the first message.
    - `on_receive(message)`: each message that was told or asked; returns the answer.
    - `on_stop()`: after the last one, when the actor was stopped.
    - `on_failure(type, value, traceback)`: when a message has raised and ended it.

    Public methods and attributes are what `ref.proxy()` offers.
    """

    use_daemon_thread: ClassVar[bool] = True
    trap_exits: ClassVar[bool] = False
    """Exits of linked actors arrive as `Exit` messages instead of ending this one."""
    crash_on: ClassVar[Literal["any", "tell"]] = "any"
    """Whether any message that raises ends the actor, or only what was told."""

    actor_inbox: Inbox
    _actor_ref: ActorRef[Answer]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._actor_ref = self._make_ref()
        self._cell = Cell(next(numbers), self._actor_ref)
        self._actor_ref.cell = self._cell
        self.actor_inbox.owner = self._actor_ref
        self._stopping = False

    def _make_ref(self) -> ActorRef[Self]:
        return ActorRef(self)

    @property
    def actor_ref(self) -> ActorRef[Self]:
        """The handle to this actor."""
        return self._actor_ref

    @classmethod
    def start(cls, *args: Answer, **kwargs: Answer) -> ActorRef[Self]:
        """Make an actor, start its thread and give its handle.

        `__init__` runs here, `on_start` later in the actor's thread; `start_ready`
        waits for it.

        Raises:
            ActorError: `__init__` did not call `super().__init__()`.
            RuntimeError: The system has no thread left.
        """
        actor = cls(*args, **kwargs)
        if "_actor_ref" not in vars(actor):
            raise ActorError(f"{cls.__name__}.__init__ did not call super().__init__()")
        cls._launch(actor)
        return actor.actor_ref

    def _launch(self) -> None:
        ref = self._actor_ref
        self._cell.registered = True
        pykka.ActorRegistry.register(ref)
        live[self._cell.number] = ref
        try:
            self._start_actor_loop()
        except RuntimeError as error:
            self._cell.verdict = Crash.of(error)
            self._end()
            raise

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Inbox()

    @staticmethod
    def _create_future() -> Future[Answer]:
        return Future()

    def _start_actor_loop(self) -> None:
        thread = threading.Thread(
            target=self._actor_loop,
            name=f"{type(self).__name__}-{next(_thread_numbers)}",
            daemon=self.use_daemon_thread,
        )
        self._cell.thread = thread
        thread.start()

    def exit(self, reason: Reason = "normal") -> None:
        """End this actor after the current message, before the mail that waits.

        `on_stop` runs. To be called by the actor itself; others use `actors.exit`.
        """
        self._cell.asked = reason
        self.actor_inbox.put_order(Envelope(ActorStop()))

    # The life of the thread.

    def _actor_loop(self) -> None:
        cell = self._cell
        cell.ident = threading.get_ident()
        enter(cell)
        try:
            self._actor_loop_setup()
            if not self.actor_stopped.is_set():
                cell.begin()
            self._actor_loop_running()
        finally:
            self._end()
            enter(None)

    def _actor_loop_setup(self) -> None:
        if self._cell.ended:
            return
        with Caught(self._start_failed):
            self.on_start()

    def _start_failed(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cell.start_error = error
        self._handle_failure(kind, error, traceback)

    def _actor_loop_running(self) -> None:
        stopped = self.actor_stopped.is_set
        get = self.actor_inbox.get
        turn = self._turn
        while not stopped():
            turn(get())

    def _turn(self, envelope: Mail) -> None:
        cell = self._cell
        # Whoever ends this actor in the middle of the turn answers in its place.
        cell.envelope = envelope
        try:
            if MESSAGE.observed:
                receive = partial(self._handle_receive, envelope.message)
                answer = MESSAGE.run({"cls": type(self).__name__}, receive)
            else:
                answer = self._handle_receive(envelope.message)
        except BaseException as error:  # noqa: BLE001 - a thread's top loop
            self._failed(envelope.reply_to, error)
        else:
            if envelope.reply_to is not None:
                self._answer(envelope.reply_to, answer)
        cell.envelope = None

    def _handle_receive(self, message: Answer) -> Answer:
        if type(message) not in OWN:
            return self.on_receive(message)
        return super()._handle_receive(message)

    def _answer(self, reply_to: Reply, answer: object) -> None:
        if self._stopping:
            # The stop request itself: answered when this actor is dead.
            self.actor_inbox.defer_stop(reply_to)
            return
        with Contained("answer_not_given", actor=self):
            reply_to.set(answer)

    def _failed(self, reply_to: Reply | None, error: BaseException) -> None:
        info = sys.exc_info()
        if reply_to is not None and self._survives(error):
            crash = Crash.of(error)
            log.info(
                "exception_returned_to_asker",
                actor=self,
                error=crash,
                traceback=crash.traceback,
            )
            with Contained("answer_not_given", actor=self):
                reply_to.set_exception(info)
            return
        # First closed to new mail, then answered: who got the exception sees a
        # dead actor.
        self._handle_failure(*info)
        if reply_to is not None:
            with Contained("answer_not_given", actor=self):
                reply_to.set_exception(info)
        with Contained("on_failure_failed", actor=self):
            self.on_failure(*info)

    def _survives(self, error: BaseException) -> bool:
        if _is_wrong_name(error):
            return True
        return self.crash_on == "tell" and isinstance(error, Exception)

    def _stop(self) -> None:
        self._stopping = True
        cell = self._cell
        if cell.ended:
            return
        if cell.verdict is None:
            cell.verdict = "normal" if cell.asked is None else cell.asked
        leave(self._actor_ref)
        with Caught(self._handle_failure):
            self.on_stop()

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log the crash, keep its reason, take no more mail."""
        del exception_type, traceback  # Both are in the value.
        if exception_value is not None:
            crash = Crash.of(exception_value)
            self._cell.verdict = crash
            log.error(
                "actor_crashed", actor=self, error=crash, traceback=crash.traceback
            )
            if CRASH.callbacks:
                CRASH({}, {"cls": type(self).__name__, "error": crash.type})
        leave(self._actor_ref)

    def _end(self) -> None:
        """Die: close and empty the inbox, free the names, tell the watchers."""
        cell = self._cell
        error = sys.exc_info()[1]
        if cell.verdict is None:
            cell.verdict = "normal" if error is None else Crash.of(error)
        end(self._actor_ref, cell.verdict)
        cell.ident = None
        orphans.ended(cell)
