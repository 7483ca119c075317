"""Wait for a fact, never for a time."""

import threading
from collections.abc import Callable
from typing import TypeVar

from group._clock import monotonic

T = TypeVar("T")


def eventually(
    predicate: Callable[[], T], timeout: float = 5.0, *, what: str | None = None
) -> T:
    """Return the first true value of `predicate`.

    Args:
        predicate: Asked again and again from this thread; an `AssertionError` that
            it raises counts as "not yet".
        timeout: Seconds; at least five times what the code under test promises.
        what: The fact in words, for the error; if given, how long it took is printed.

    Raises:
        AssertionError: It did not come true; the text holds what was seen last.
    """
    __tracebackhide__ = True
    began = monotonic()
    pause, nap = threading.Event(), 0.001
    while True:
        seen, value = _ask(predicate)
        took = monotonic() - began
        if value:
            if what is not None:
                print(f"{what}: true after {took * 1000:.1f} ms (limit {timeout} s)")
            return value
        if took >= timeout:
            message = (
                f"{what or 'condition'}: not true within {timeout} s; last seen: {seen}"
            )
            raise AssertionError(message)
        pause.wait(min(nap, max(timeout - took, 0.0)))
        nap = min(nap * 1.5, 0.05)


def _ask(predicate: Callable[[], T]) -> tuple[str, T | None]:
    try:
        value = predicate()
    except AssertionError as error:
        return f"AssertionError: {error}", None
    return repr(value), value
