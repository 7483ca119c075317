"""Failed proofs: who guesses the cookie waits longer each time, and nobody else."""

from collections import OrderedDict

FIRST = 0.1
MAX_REMEMBERED = 1024


class Guesses:
    """How often each (host, claimed name) has failed of late. I/O thread only.

    Not by host alone: on one machine all nodes have the same.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._failures: OrderedDict[tuple[str, str], int] = OrderedDict()

    def failed(self, host: str, name: str) -> None:
        """Count one more wrong proof."""
        key = (host, name)
        self._failures[key] = self._failures.pop(key, 0) + 1
        if len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def proven(self, host: str, name: str) -> None:
        """Forget what was counted: it knows the cookie after all."""
        self._failures.pop((host, name), None)

    def delay(self, host: str, name: str) -> float:
        """Return the seconds to wait before its greeting is answered."""
        failures = self._failures.get((host, name), 0)
        return min(self._longest, FIRST * 2.0 ** min(failures, 16)) if failures else 0.0
