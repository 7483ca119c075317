"""Exit reasons as peers tell them to each other: words and texts, never objects."""

from contextlib import suppress

from actors import Crash, NodeDown
from group._core.messages import Reason

_LONGEST = 2_000

# What verbs and most ends give; made once.
_WORDS = {
    word: Reason("word", word)
    for word in ("unregister", "leave", "normal", "shutdown", "killed")
}


def to_wire(reason: object) -> Reason:
    """Write any exit reason; one that only this program knows travels as its repr."""
    if type(reason) is str and reason in _WORDS:
        return _WORDS[reason]
    if isinstance(reason, Crash):
        return Reason("crash", _text(reason.type), _text(reason.message))
    if isinstance(reason, NodeDown):
        return Reason("nodedown", _text(reason.node), _text(reason.cause))
    return Reason("word", _text(reason))


def _text(value: object) -> str:
    """Write anything as a text that UTF-8 can hold; never raises.

    The message of an exception may name a file whose name is no UTF-8, and the repr of
    a program's own reason may do anything.
    """
    text = f"<{type(value).__name__}>"
    with suppress(Exception):
        text = value if isinstance(value, str) else repr(value)
    # Cut first, so that a huge text costs nothing, and again: escapes are longer.
    utf8 = text[:_LONGEST].encode(errors="backslashreplace")
    return utf8.decode()[:_LONGEST]


def from_wire(reason: Reason) -> object:
    """Read an exit reason; a kind that a later version may bring becomes a word."""
    if reason.kind == "crash":
        return Crash(reason.first, reason.second, "")
    if reason.kind == "nodedown":
        return NodeDown(reason.first, reason.second)
    return reason.first
