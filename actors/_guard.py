"""Run somebody else's code where its failure must not become ours."""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from actors._log import log
from actors._reasons import Crash

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Handler = Callable[
        [type[BaseException] | None, BaseException | None, TracebackType | None], object
    ]


def _is_ctrl_c(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt) and current_thread() is main_thread()


class Contained(AbstractContextManager[None]):
    """Logs whatever is raised inside and goes on, even from SystemExit."""

    __slots__ = ("_fields", "_what")

    def __init__(self, what: str, **fields: object) -> None:
        self._what = what
        self._fields = fields

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None:
            return False
        crash = Crash.of(error)
        log.error(
            self._what, error=str(crash), traceback=crash.traceback, **self._fields
        )
        return True


class Caught(AbstractContextManager[None]):
    """Hands whatever is raised inside to a function and goes on.

    But not Ctrl-C: what it interrupts in the main thread did not fail, and whoever
    pressed it wants the program to end.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: Handler) -> None:
        self._handle = handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or _is_ctrl_c(error):
            return False
        self._handle(kind, error, traceback)
        return True
