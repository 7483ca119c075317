"""The table of registered names. `_naming.py` is its public side."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors._types import AnyRef

# Guards the table. May be taken while holding a cell's lock, never the other way.
lock = threading.RLock()
table: dict[str, AnyRef] = {}


def release(names: Iterable[str]) -> None:
    """Free the names of an actor that ends."""
    with lock:
        for name in names:
            table.pop(name, None)
