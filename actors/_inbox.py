"""An actor's inbox: a queue with a lane for orders, closed without losing an ask."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import ProxyGetAttr
from pykka.messages import _ActorStop as ActorStop

from actors._clock import monotonic
from actors._guard import Contained

if TYPE_CHECKING:
    from actors._types import Reply

Mail: TypeAlias = Envelope[object]

# Wakes the reader when there is something in a lane.
_NUDGE: Mail = Envelope(None)
# A message without effect, which every Pykka actor understands.
NOTHING = ProxyGetAttr(("actor_urn",))
_NOTHING: Mail = Envelope(NOTHING)


class Inbox:
    """What waits for one actor. Any thread puts; one thread gets.

    Orders (ends, not messages) are served before mail. A sender puts and then looks
    whether the inbox was closed meanwhile; if so it empties the inbox itself. The
    reader closes and then empties. So each envelope is taken exactly once, by somebody.
    """

    def __init__(self) -> None:
        self.closed = False
        self.owner: object = None
        self._queue: SimpleQueue[Mail] = SimpleQueue()
        self._put = self._queue.put
        self._orders: deque[Mail] = deque()
        # Mail that was already taken from the queue when an order overtook it.
        self._overtaken: deque[Mail] = deque()
        # Stop requests met while emptying; answered when the actor is dead.
        self._stops: deque[Reply] = deque()
        self._ended = False

    def __len__(self) -> int:
        """How much waits, about; wake-up calls count too."""
        if self.closed:
            return 0
        return self._queue.qsize() + len(self._overtaken) + len(self._orders)

    def empty(self) -> bool:
        """Say whether nothing waits."""
        return not len(self)

    def put(self, envelope: Mail) -> None:
        """Add to the end. Put into a closed inbox it is refused at once."""
        self._put(envelope)
        if self.closed:
            self.refuse_all()

    def put_order(self, envelope: Mail) -> None:
        """Add to the lane that is served before mail."""
        self._orders.append(envelope)
        self.put(_NUDGE)

    def get(self, timeout: float | None = None) -> Mail:
        """Wait for the next envelope.

        Raises:
            Empty: Nothing came within `timeout` seconds.
        """
        if self._orders or self._overtaken:
            with suppress(IndexError):
                return self._overtakes()
        envelope = self._queue.get(timeout=timeout)
        if envelope is not _NUDGE and not self._orders:
            return envelope
        return self._after_nudge(envelope, timeout)

    def give_back(self, envelope: Mail) -> None:
        """Let an envelope that the reader got be the next one again."""
        self._overtaken.appendleft(envelope)
        if self.closed:
            self.refuse_all()

    def _overtakes(self) -> Mail:
        if self._orders:
            return self._orders.popleft()
        return self._overtaken.popleft()

    def _after_nudge(self, envelope: Mail, timeout: float | None) -> Mail:
        deadline = None if timeout is None else monotonic() + timeout
        if envelope is not _NUDGE:
            self._overtaken.append(envelope)
        while not self.closed:
            if self._orders or self._overtaken:
                with suppress(IndexError):
                    return self._overtakes()
            left = None if deadline is None else max(0.0, deadline - monotonic())
            envelope = self._queue.get(timeout=left)
            if envelope is not _NUDGE:
                self._overtaken.append(envelope)
        self.refuse_all()
        return _NOTHING

    def close(self) -> None:
        """Refuse what waits and all that comes, and wake the reader if it sleeps."""
        self.closed = True
        if self._orders or self._overtaken or not self._queue.empty():
            self.refuse_all()
        self._put(_NUDGE)

    def refuse_all(self) -> None:
        """Empty a closed inbox: whoever asked learns that the actor is dead."""
        nudged = False
        while (envelope := self._take()) is not None:
            if envelope is _NUDGE:
                nudged = True
            elif envelope.reply_to is not None:
                self._refuse(envelope, envelope.reply_to)
        if nudged:
            # It may be the one that has to wake the reader.
            self._put(_NUDGE)

    def _take(self) -> Mail | None:
        # Looked at first, for what is empty says so by an exception, and at the end of
        # an actor all three usually are.
        for lane in (self._orders, self._overtaken):
            if lane:
                with suppress(IndexError):
                    return lane.popleft()
        if not self._queue.empty():
            with suppress(Empty):
                return self._queue.get_nowait()
        return None

    def _refuse(self, envelope: Mail, reply_to: Reply) -> None:
        if type(envelope) is Envelope and isinstance(envelope.message, ActorStop):
            self._stops.append(reply_to)
            if self._ended:
                self.answer_stops()
            return
        dead = ActorDeadError(f"{self.owner} stopped before handling the message")
        with Contained("asker_not_told_of_the_end"):
            reply_to.set_exception((ActorDeadError, dead, None))

    def defer_stop(self, reply_to: Reply) -> None:
        """Keep a stop request; it is answered when the actor is dead."""
        self._stops.append(reply_to)

    def answer_stops(self) -> None:
        """Tell all who asked for the stop that the actor is dead."""
        self._ended = True
        while self._stops:
            # Somebody else may be answering them, too.
            with suppress(IndexError):
                reply_to = self._stops.popleft()
                with Contained("asker_not_told_of_the_stop"):
                    reply_to.set(None)
