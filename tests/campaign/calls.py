"""How long every call of the API takes, and how it ends."""

import threading
import traceback
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import TypeVar

from tests.campaign.state import Calls, Slow

T = TypeVar("T")

LIMIT = 2.0
"""Seconds in which a call that needs no peer must have been answered."""


class _Attempt:
    """Keeps the error of its block, whichever it is."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return self.error is not None


class Recorder:
    """Makes calls and remembers them. From any thread."""

    def __init__(self) -> None:
        # Guards all that follows.
        self._lock = threading.Lock()
        self._calls = Calls()
        self._slowest: dict[str, Slow] = {}
        self._late: list[Slow] = []
        self._flying: dict[int, Slow] = {}
        self._number = 0

    def call(
        self,
        what: str,
        fn: Callable[[], T],
        *errors: type[Exception],
        limit: float = LIMIT,
    ) -> T | Exception:
        """Call and return the result, or the error if it is one of `errors`.

        Any other error is a complaint, and returned too.
        """
        began = monotonic()
        with self._lock:
            self._number += 1
            number = self._number
            self._flying[number] = Slow(what, began, 0.0, limit, "in flight")
        results: list[T | Exception] = []
        attempt = _Attempt()
        with attempt:
            results.append(fn())
        outcome, complaint = "ok", ""
        if attempt.error is not None:
            results.append(attempt.error)
            outcome = type(attempt.error).__name__
            if not isinstance(attempt.error, errors):
                outcome += "!"
                words = "".join(traceback.format_exception(attempt.error))
                complaint = f"{what} raised {words}"
        slow = Slow(what, began, monotonic(), limit, outcome)
        with self._lock:
            del self._flying[number]
            self._enter(slow, complaint)
        return results[0]

    def complain(self, words: str) -> None:
        """Tell of a result that contradicts what the caller knows."""
        with self._lock:
            self._calls.complaints.append(words)

    def report(self) -> Calls:
        """Return the calls since the last report, and those that go on."""
        with self._lock:
            calls, self._calls = self._calls, Calls()
            slowest, self._slowest = self._slowest, {}
            late, self._late = self._late, []
            now = monotonic()
            flying = [
                Slow(each.what, each.began, now, each.limit, each.outcome)
                for each in self._flying.values()
            ]
        calls.slow = [*slowest.values(), *late, *flying]
        return calls

    def _enter(self, slow: Slow, complaint: str) -> None:
        name = f"{slow.what} {slow.outcome}"
        outcomes = self._calls.outcomes
        outcomes[name] = outcomes.get(name, 0) + 1
        before = self._slowest.get(slow.what)
        if before is None or _duration(slow) > _duration(before):
            self._slowest[slow.what] = slow
        if _duration(slow) > slow.limit / 2:
            self._late.append(slow)
        if complaint:
            self._calls.complaints.append(complaint)


def _duration(slow: Slow) -> float:
    return slow.ended - slow.began
