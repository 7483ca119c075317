"""Round trips: measured all the time, and for those who ask."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

from actors import Future, Timeout
from transport import _clock as clock
from transport._core import control
from transport._links.link import Link

# A ping for somebody has a number above all that heartbeats use, which is a moment.
_FIRST = 1 << 62
# Seconds until a peer is pinged again, or found to be linked no more: a peer that is
# flooded drops a ping.
_AGAIN = 0.5
_NOBODY = (None, 0.0, None)


class Pings:
    """Pings under way. `send` from any thread, `answered` on the I/O thread."""

    def __init__(self) -> None:
        self._numbers = count(_FIRST)
        self._waiting: dict[int, tuple[Link, float, Future[float]]] = {}
        # Guards the table.
        self._lock = threading.Lock()

    def send(self, link: Link) -> Future[float]:
        """Ping a peer; the future gets the seconds of the round trip."""
        future: Future[float] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = (link, clock.monotonic(), future)
        link.say(control.Ping(number))
        return future

    def await_all(
        self,
        asked: Sequence[tuple[Link, Future[float]]],
        linked: Callable[[Link], bool],
        deadline: float,
    ) -> list[Link]:
        """Wait for answers; return the links that are up and have given none."""
        return [
            link
            for link, answer in asked
            if not self._comes(answer, link, linked, deadline)
        ]

    def _comes(
        self,
        answer: Future[float],
        link: Link,
        linked: Callable[[Link], bool],
        deadline: float,
    ) -> bool:
        """Wait for an answer, or for the link to end, and ask again meanwhile."""
        while linked(link):
            left = deadline - clock.monotonic()
            with suppress(Timeout):
                answer.get(timeout=max(0.0, min(left, _AGAIN)))
                return True
            self.give_up(answer)
            if left <= 0:
                return False
            answer = self.send(link)
        self.give_up(answer)
        return True

    def give_up(self, future: Future[float]) -> None:
        """Nobody waits any longer."""
        with self._lock:
            for number, (_, _, waiting) in list(self._waiting.items()):
                if waiting is future:
                    del self._waiting[number]

    def answered(self, number: int, link: Link) -> None:
        """A Pong has come."""
        if number < _FIRST:
            if number:
                link.rtt = (clock.microseconds() - number) / 1e6
            return
        with self._lock:
            asked, sent_at, future = self._waiting.get(number, _NOBODY)
            # A peer answers for itself alone.
            if future is None or asked is not link:
                return
            del self._waiting[number]
        link.rtt = clock.monotonic() - sent_at
        future.set(link.rtt)
