"""The package's clocks; the only file here that reads one."""

import time

monotonic = time.monotonic


def wall_ms() -> int:
    """Milliseconds since 1970, as this machine believes."""
    return time.time_ns() // 1_000_000
