"""The package's clocks; the only file here that reads one."""

import time
from datetime import UTC, datetime

monotonic = time.monotonic


def wall_ns() -> int:
    """Nanoseconds since 1970, as this machine believes."""
    return time.time_ns()


def wall_ms() -> int:
    """Milliseconds since 1970, as this machine believes."""
    return time.time_ns() // 1_000_000


def timestamp() -> str:
    """Now, as people here write it: ISO 8601 with milliseconds and the time zone."""
    return datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
