"""The turns of one shard: one at a time, on whichever thread finds the shard idle.

A thread that brings a message and finds nobody in the shard and nothing waiting runs
the turn itself; that costs a tenth of a hand-over to another thread. Otherwise the
message waits in a queue, which the shard's own actor empties. Nobody takes a message
without holding the turn, so messages of one thread are handled in their order.

What a turn sends is queued on the links within the turn, so that it leaves in order,
and written to the sockets after it.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from threading import get_ident
from typing import Protocol

from actors import Future
from group._clock import monotonic, wall_ms
from group._core.directory import is_outdated_by_rebuild
from group._core.effects import Effect, Reply, Send
from group._core.requests import (
    DONE,
    CloseCluster,
    Describe,
    Frame,
    Rebuild,
    Subscribe,
    Unsubscribe,
)
from group._core.shard import JUST_DONE, Shard

MESSAGES_PER_TURN = 64
"""Messages that the shard's thread handles before it writes to the links."""

Answered = Callable[[object], None]


class World(Protocol):
    """What carries out the effects of a shard."""

    def perform(self, runner: "Runner", effect: Effect) -> Iterable[int]:
        """Carry out an effect, in the turn; return the links to write to after it."""

    def flush(self, tokens: Iterable[int]) -> None:
        """Write to these links, after the turn."""

    def blame(self, token: int, error: BaseException) -> None:
        """Hear of the link whose frame has crashed the shard."""


class Crashed:
    """The answer to a request whose turn has crashed the shard."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


_BUSY = object()
_WITHOUT_WAITING = (False,)
_CLOSED = Crashed(RuntimeError("the shard is not running"))


# What must not be lost with the shard that crashes over it. (Requests of callers are
# handed in again by these; deaths and peers are in what a new shard is rebuilt from.)
_REPEATED = (Subscribe, Unsubscribe, Describe, CloseCluster)


class _Work:
    __slots__ = ("again", "done", "message")

    def __init__(self, message: object, done: Answered | None) -> None:
        self.message = message
        self.done = done
        # Whether a shard has crashed over it.
        self.again = False


class Runner:
    """Runs the turns of one shard. All methods from any thread, but for `drain`.

    Args:
        index: The shard's number.
        world: Carries out effects.
    """

    def __init__(self, index: int, world: World) -> None:
        self.index = index
        self._world = world
        # Held for each turn; guards the core.
        self._turn = threading.Lock()
        # The thread that has lent itself to a turn; 0 is nobody's number.
        self._lender = 0
        self._queue: deque[_Work] = deque()
        self._core: Shard | None = None
        self._wake: Callable[[], None] = _nobody
        self._fail: Callable[[BaseException], None] = _no_owner
        self._to_flush: set[int] = set()
        # What a turn that broke off has left to do.
        self._unfinished: list[Effect] = []
        self.begun = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    @property
    def running(self) -> bool:
        """Whether there is a shard to run turns of."""
        return self._core is not None

    @property
    def stats(self) -> dict[str, int]:
        """How often the rarer things have happened in this shard."""
        core = self._core
        return {} if core is None else dict(core.stats)

    @property
    def unsynced(self) -> list[str]:
        """Which linked peers this shard may still lack rows of."""
        core = self._core
        return ["this node"] if core is None else core.unsynced

    # The shard's actor

    def begin(
        self,
        core: Shard,
        rebuild: Callable[[], Rebuild],
        wake: Callable[[], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        """Take a new shard over the tables; what waits is handled by it.

        Raises:
            Exception: The tables cannot be taken up.
        """
        self._turn.acquire()
        try:
            self._wake, self._fail = wake, fail
            effects = core.step(rebuild(), monotonic(), wall_ms())
            left, self._unfinished = self._unfinished, []
            # What fails a second time is left out.
            self._carry_out([*left, *effects], first_left=1)
            self._core = core
            self.begun += 1
        finally:
            self._leave()

    def end(self, core: Shard | None = None) -> None:
        """Run no turn any more, until `begin`; if given a shard, none of that shard.

        An actor may end late, when its successor has begun.
        """
        if self._lender == get_ident():
            # Called within a turn, by a signal's handler or a callback: it goes on
            # when this returns, and is the last.
            self._end(core)
            return
        with self._turn:
            self._end(core)

    def _end(self, core: Shard | None) -> None:
        if core is None or self._core is core:
            self._core = None

    def close(self) -> bool:
        """Run no turn any more, ever: who waits, or comes, is told so.

        Returns:
            Whether none goes on; one does in which this is called.
        """
        self._closed = True
        self.end()
        self._refuse_waiting()
        return self._lender != get_ident()

    def _refuse_waiting(self) -> None:
        # Also called by whoever queued too late; each work is popped by one of them.
        while self._queue:
            try:
                work = self._queue.popleft()
            except IndexError:
                return
            if work.done is not None:
                work.done(_CLOSED)

    def supersede(self) -> None:
        """Make what waits and is outdated by a `Rebuild` do nothing; it is answered."""
        for work in self._queue.copy():
            if is_outdated_by_rebuild(work.message):
                work.message = None

    def drain(self) -> None:
        """Handle what waits, on the shard's own thread."""
        while self._queue and self._core is not None:
            self._turn.acquire()
            try:
                for _ in range(MESSAGES_PER_TURN):
                    if not self._queue or self._core is None:
                        break
                    self._work(self._queue.popleft())
            finally:
                self._leave(wake=False)

    # Everybody

    def post(self, message: object, done: Answered | None = None) -> None:
        """Hand a message in; `done` gets the answer, maybe in the turn: be quick."""
        work = _Work(message, done)
        if self._lend(message, work) is _BUSY:
            self.enqueue(message, done)
            self._wake()

    def enqueue(self, message: object, done: Answered | None = None) -> None:
        """Hand a message in without running anything; `kick` must follow."""
        self._queue.append(_Work(message, done))
        if self._closed:
            self._refuse_waiting()

    def kick(self) -> None:
        """See to it that what waits is handled."""
        if self._queue:
            self._wake()

    def call(self, message: object, timeout: float) -> object:
        """Hand a request in and wait for its answer.

        Raises:
            Timeout: None came in time. The request carries a deadline of its own.
        """
        answer = self._lend(message)
        if answer is not _BUSY:
            return answer
        answered: Future[object] = Future()
        self.enqueue(message, answered.set)
        self._wake()
        return answered.get(timeout=timeout)

    @property
    def idle(self) -> bool:
        """Whether all that was handed in is handled."""
        return not self._queue and not self._turn.locked()

    def fence(self, done: Callable[[], None]) -> None:
        """Call `done` when all that was handed in so far is handled."""
        self.enqueue(None, lambda _answer: done())
        self._wake()

    # Turns

    def _lend(self, message: object, work: _Work | None = None) -> object:
        """Run a turn on this thread if the shard is idle, else return `_BUSY`.

        The thread may be the main one, in which Ctrl-C raises between any two calls,
        and at the beginning of any function of Python's. A turn that is not given back
        stops the shard for ever.
        """
        if self._queue or self._core is None:
            return _BUSY
        answer: object = _BUSY
        tokens: Collection[int] = ()
        taken = False
        try:
            # Not a call, after which Ctrl-C could come: Python takes the lock while it
            # unpacks, and notes that before it looks for signals again.
            (taken,) = map(self._turn.acquire, _WITHOUT_WAITING)
            if taken and not self._queue:
                self._lender = get_ident()
                answer = self._run(message) if work is None else self._work(work)
                # What an interrupted turn has queued is written after the next one.
                if self._to_flush:
                    tokens, self._to_flush = self._to_flush, set()
        finally:
            if taken:
                self._lender = 0
                self._turn.release()
        if tokens or self._queue:
            self._follow_up(tokens)
        return answer

    def _leave(self, *, wake: bool = True) -> None:
        """Give the turn back, on the shard's own thread, which nobody interrupts."""
        tokens, self._to_flush = self._to_flush, set()
        self._turn.release()
        self._follow_up(tokens, wake=wake)

    def _follow_up(self, tokens: Collection[int], *, wake: bool = True) -> None:
        """After a turn, write what it has queued on the links."""
        if tokens:
            self._world.flush(tokens)
        # Whoever queued meanwhile has woken the shard's thread, but that may have
        # looked before; one wake-up too many costs nothing.
        if wake and self._queue:
            self._wake()

    def _work(self, work: _Work) -> object:
        answer = self._run(work.message)
        if isinstance(answer, Crashed) and self._repeats(work):
            # At the head, where it was, for the next shard.
            self._queue.appendleft(work)
        elif work.done is not None:
            work.done(answer)
        return answer

    def _repeats(self, work: _Work) -> bool:
        if work.again or self._closed:
            return False
        work.again = True
        return isinstance(work.message, _REPEATED)

    def _run(self, message: object) -> object:
        core = self._core
        if core is None:
            return _CLOSED
        if message is None:
            # Nothing to do but to have been handled.
            return None
        try:
            effects = core.step(message, monotonic(), wall_ms())
            return DONE if effects is JUST_DONE else self._carry_out(effects)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shard's
            self._crash(error)
            if isinstance(message, Frame):
                self._world.blame(message.token, error)
            return Crashed(error)
        except BaseException as error:
            # KeyboardInterrupt in the main thread: the turn is broken, and it goes on.
            self._crash(error)
            raise

    def _carry_out(self, effects: Sequence[Effect], first_left: int = 0) -> object:
        answer = None
        done = -1
        try:
            for effect in effects:
                done += 1
                if type(effect) is Reply:
                    answer = effect.answer
                else:
                    self._to_flush.update(self._world.perform(self, effect))
        except BaseException:
            # What was to be sent, the next shard sends anew.
            left = effects[done + first_left :]
            self._unfinished += [each for each in left if not isinstance(each, Send)]
            raise
        return answer

    def blocked(self, message: object) -> None:
        """Tell the shard, within its turn, that a link has filled up."""
        if self._core is not None:
            self._core.step(message, monotonic(), wall_ms())

    def _crash(self, error: BaseException) -> None:
        self._core = None
        self._fail(error)


def countdown(count: int, done: Callable[[], None]) -> Callable[[], None]:
    """Return a function whose `count`-th call calls `done`. Any thread."""
    # next() of an iterator made in C is one step, also between threads.
    left = iter(range(count - 1, -1, -1))

    def one_less() -> None:
        if next(left, -1) == 0:
            done()

    return one_less


def _nobody() -> None:
    """Before the first shard has begun there is nobody to wake."""


def _no_owner(error: BaseException) -> None:
    raise error
