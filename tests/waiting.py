"""Wait for a fact, never for a time."""

from group.testing import eventually

__all__ = ["eventually"]
