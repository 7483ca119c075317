"""What a terminal shows while something takes longer than a second."""

import logging
import sys
import threading
from types import TracebackType
from typing import Self

from actors import Timer, after
from group._clock import monotonic

PATIENCE = 1.0
_ERASE = "\r\x1b[2K"


class Progress(logging.Handler):
    """A line on stderr that counts the seconds, and is gone when it is over.

    Errors that are logged go to stderr, too, each on a line of its own; warnings are of
    what a command says itself when it fails. On no terminal nothing else is written.
    """

    def __init__(self, waiting_for: str) -> None:
        super().__init__(logging.ERROR)
        self._waiting_for = waiting_for
        self._stream = sys.stderr
        self._moving = self._stream.isatty()
        self._began = monotonic()
        self._timer: Timer | None = None
        # Guards the stream and all that follows.
        self._writing = threading.RLock()
        self._shown = False
        self._over = False

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        if self._moving:
            self._timer = after(PATIENCE, self._tick)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()
        logging.getLogger().removeHandler(self)

    def finish(self) -> None:
        """It is over: take the line back."""
        with self._writing:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()
            self._erase()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record."""
        with self._writing:
            self._erase()
            self._stream.write(f"{record.getMessage()}\n")
            self._stream.flush()

    def _tick(self) -> None:
        with self._writing:
            if self._over:
                return
            passed = monotonic() - self._began
            text = f"waiting for {self._waiting_for} … {passed:.0f} s"
            self._stream.write(f"{_ERASE}{text}")
            self._stream.flush()
            self._shown = True
            self._timer = after(PATIENCE, self._tick)

    def _erase(self) -> None:
        if self._shown:
            self._shown = False
            self._stream.write(_ERASE)
            self._stream.flush()
