"""What a test has started and left behind: actors and threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from actors import census
from group._clock import monotonic
from group.testing._waiting import eventually

HELPERS = ("actors-timer", "actors-reaper")
"""Threads of the whole process: started on first use, shared by all, never stopped."""


@contextmanager
def no_leaks(timeout: float = 5.0) -> Iterator[None]:
    """Fail if actors or threads that the block starts outlive it.

    Looks at the whole process: what another thread starts meanwhile counts, too. When
    the block itself raises, that is what is raised.

    Args:
        timeout: Seconds that what was told to stop may take.

    Raises:
        AssertionError: Something still runs; names it.
    """
    __tracebackhide__ = True
    before = set(threading.enumerate())
    living = _living()
    yield
    deadline = monotonic() + timeout
    for thread in set(threading.enumerate()) - before:
        if not _is_helper(thread):
            thread.join(max(deadline - monotonic(), 0.0))

    def left() -> list[str]:
        threads = set(threading.enumerate()) - before
        running = [t for t in threads if t.is_alive() and not _is_helper(t)]
        actors = [ref for n, ref in _living().items() if n not in living]
        return sorted([*(f"thread {t.name}" for t in running), *actors])

    try:
        eventually(lambda: not left(), max(deadline - monotonic(), 0.0))
    except AssertionError:
        names = ", ".join(left())
        raise AssertionError(
            f"still there {timeout:g} s after the end: {names}"
        ) from None


def _living() -> dict[int, str]:
    """Return the actors that live, by number."""
    return {each.id: str(each.ref) for each in census().actors}


def _is_helper(thread: threading.Thread) -> bool:
    return thread.name.startswith(HELPERS)
