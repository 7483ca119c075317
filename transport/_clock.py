"""The package's one door to the clock."""

import time

monotonic = time.monotonic


def wall() -> float:
    """Return the wall clock in seconds since the epoch."""
    return time.time()


def wall_ms() -> int:
    """Return the wall clock in milliseconds since the epoch."""
    return int(time.time() * 1000)


def millisecond() -> int:
    """Return the number of the current millisecond; only for counting in it."""
    return time.perf_counter_ns() // 1_000_000


def microseconds() -> int:
    """Return the monotonic clock in microseconds."""
    return time.monotonic_ns() // 1000
