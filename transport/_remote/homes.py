"""Which node of this interpreter an actor belongs to: the first it was used with."""

import threading
from typing import Protocol
from weakref import WeakKeyDictionary

from transport._core.identity import NodeId


class Home(Protocol):
    """A node's table of its actors."""

    @property
    def id(self) -> NodeId:
        """The node's life."""

    @property
    def closed(self) -> bool:
        """Whether the node has stopped, so that another may take its actors over."""


# Guards the table. A ref is kept no longer than others keep it.
_lock = threading.Lock()
_homes: WeakKeyDictionary[object, Home] = WeakKeyDictionary()


def claim(ref: object, home: Home) -> Home:
    """Return the home of a ref, which becomes `home` if it had none. Any thread."""
    known = _homes.get(ref)
    if known is not None and not known.closed:
        return known
    with _lock:
        known = _homes.get(ref)
        if known is None or known.closed:
            _homes[ref] = known = home
        return known


def home_of(ref: object) -> NodeId | None:
    """Return the life of a local ref's node; None while no node has used it."""
    home = _homes.get(ref)
    return None if home is None else home.id
