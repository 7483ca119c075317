"""A thread that keeps a process busy while something else is measured."""

import itertools
import sys
import threading
from collections.abc import Callable

from actors import AnyRef
from benchmarks.owners import PATIENCE, keys_of
from group import Group

SWITCH_INTERVAL = sys.getswitchinterval()
KEYS = keys_of("flood", 1_000)


class Noise:
    """Does one thing again and again, on a thread of its own, until told not to."""

    def __init__(self) -> None:
        self._quiet = threading.Event()
        self._thread: threading.Thread | None = None

    def burn(self, interval: float) -> object:
        """Compute, and let threads switch so often (seconds); 0 is quiet."""
        sys.setswitchinterval(interval or SWITCH_INTERVAL)
        return self._make(_compute if interval else None)

    def flood(self, group: Group, owner: AnyRef, kind: str) -> object:
        """Write registrations or memberships, and take them away; "" is quiet."""
        keys = itertools.cycle(KEYS)

        def registrations() -> None:
            key = next(keys)
            group.register(key, actor=owner)
            group.unregister(key)

        def memberships() -> None:
            key = next(keys)
            group.join(key, actor=owner)
            group.leave(key, actor=owner)

        kinds = {"registrations": registrations, "memberships": memberships}
        return self._make(kinds.get(kind))

    def _make(self, sound: Callable[[], object] | None) -> bool:
        self._quiet.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            self._thread = None
        if sound is None:
            return False
        self._quiet.clear()
        self._thread = threading.Thread(
            target=self._run, args=(sound,), name="bench-noise"
        )
        self._thread.start()
        return True

    def _run(self, sound: Callable[[], object]) -> None:
        while not self._quiet.is_set():
            sound()


def _compute() -> None:
    sum(range(100))
