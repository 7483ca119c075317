"""Exceptions on their way to another node: text there and back, never objects.

The receiver raises the named class only if its module is loaded already, it is an
ordinary exception, and the message alone builds it. Nothing is imported, nothing else
is called: an error record that names `os.system` is a `RemoteError`.
"""

import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, TypeAlias

from transport._errors import RemoteError
from transport._remote.headers import MAX_TRACEBACK
from transport._remote.lookup import class_in

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


class Fault(NamedTuple):
    """An exception as text."""

    module: str
    name: str
    message: str
    traceback: str


def describe(error: BaseException) -> Fault:
    """Return what another node may know of an exception."""
    if isinstance(error, RemoteError):
        # Handed on as it came, not wrapped once per node on the way.
        return Fault("", error.type, error.message, error.traceback)
    cls = type(error)
    text = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    return Fault(
        cls.__module__, cls.__qualname__, _message(error)[:MAX_TRACEBACK], _clean(text)
    )


def _message(error: BaseException) -> str:
    # str() of a KeyError is already quoted; its argument builds an equal one.
    args = error.args
    if len(args) == 1 and isinstance(args[0], str):
        return _clean(args[0])
    with suppress(Exception):
        return _clean(str(error))
    return "(its __str__ failed)"


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def rebuild(fault: Fault, node: str) -> Exception:
    """Return the exception that a fault of `node` is raised as here."""
    cls = _known(fault)
    error = None if cls is None else _built(cls, fault.message)
    if error is None:
        type_name = f"{fault.module}.{fault.name}" if fault.module else fault.name
        return RemoteError(type_name, fault.message, fault.traceback)
    if fault.traceback:
        error.add_note(f"raised on node {node}:\n{fault.traceback}")
    return error


def _known(fault: Fault) -> type[Exception] | None:
    found = class_in(sys.modules.get(fault.module), fault.name)
    return found if found is not None and issubclass(found, Exception) else None


def _built(cls: type[Exception], message: str) -> Exception | None:
    # A constructor that wants more than the message may raise anything.
    with suppress(Exception):
        error = cls(message)
        return error if type(error) is cls else None
    return None
