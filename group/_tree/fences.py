"""Who waits until every peer has applied what was written here."""

import itertools
import threading

from actors import Future


class Fences:
    """Who waits for which fence. Any thread."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[set[int], Future[None]]] = {}

    def new(self) -> tuple[int, Future[None]]:
        """Return a fence's number, and the future of all shards having settled it."""
        passed: Future[None] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = (set(range(self._shards)), passed)
        return number, passed

    def settled(self, number: int, shard: int) -> None:
        """Note that one shard has."""
        with self._lock:
            left, passed = self._waiting.get(number, (None, None))
            if left is None or passed is None:
                return
            left.discard(shard)
            if left:
                return
            del self._waiting[number]
        passed.set(None)

    def close(self) -> None:
        """Let everybody go: the group has ended."""
        with self._lock:
            waiting = [passed for _, passed in self._waiting.values()]
        for passed in waiting:
            passed.set(None)

    def forget(self, number: int) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._waiting.pop(number, None)
