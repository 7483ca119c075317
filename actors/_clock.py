"""The package's clock; the only file here that reads one."""

from time import monotonic

__all__ = ["monotonic"]

# Seconds for which the main thread sleeps at most. A signal that comes while CPython is
# about to put it to sleep wakes nobody: its handler runs when something else does.
LOOK_UP = 1.0
