"""The package's clock; the only file here that reads one."""

from time import monotonic

__all__ = ["monotonic"]
