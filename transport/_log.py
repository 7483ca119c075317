"""The package's one logger, and the patience of those who read it."""

import json
import logging
import threading
from typing import Protocol, cast

import structlog

from transport import _clock as clock
from transport._links.troubles import Troubles

# The same complaint about the same peer is made once in this time.
QUIET = 60.0
MAX_REMEMBERED = 1024


class Log(Protocol):
    """What this package asks of its logger: an event and its fields."""

    def debug(self, event: str, /, **fields: object) -> None:
        """For developers."""

    def info(self, event: str, /, **fields: object) -> None:
        """For operators."""

    def warning(self, event: str, /, **fields: object) -> None:
        """For operators, to look at."""

    def error(self, event: str, /, **fields: object) -> None:
        """For operators, to act on."""


def _line(
    _logger: object, _method: str, fields: structlog.typing.EventDict
) -> tuple[tuple[str], dict[str, object]]:
    """Make one readable line; a traceback goes below it.

    The record also has the fields themselves, as `record.fields`, for handlers that
    want more than a line.
    """
    event = fields.pop("event")
    trace = fields.pop("traceback", None)
    words = " ".join(f"{key}={_shown(key, value)}" for key, value in fields.items())
    line = f"{event} {words}" if words else str(event)
    extra = {"fields": {"event": event, **fields}}
    return (f"{line}\n{trace}" if trace else line,), {"extra": extra}


def _shown(key: str, value: object) -> str:
    """Return a field's value; a node's name in quotes where it has spaces in it."""
    text = str(value)
    names = key in ("node", "peer") or key.endswith("_node")
    return json.dumps(text, ensure_ascii=False) if names and " " in text else text


log = cast(
    "Log",
    structlog.wrap_logger(
        logging.getLogger("transport"),
        processors=[structlog.stdlib.filter_by_level, _line],
        wrapper_class=structlog.stdlib.BoundLogger,
    ),
)


class Complaints:
    """Warnings, at most one per (source, reason) and minute. Any thread.

    Attributes:
        troubles: Those that keep nodes apart, for whoever asks later.
    """

    def __init__(self, node: str) -> None:
        self.troubles = Troubles()
        self._node = node
        self._said: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def warn(self, event: str, *, source: str, reason: str, **fields: object) -> None:
        """Warn, unless the same was said within the last minute."""
        if self._due((source, f"{event} {reason}")):
            log.warning(event, node=self._node, peer=source, reason=reason, **fields)

    def forget(self, source: str) -> None:
        """Say it all again next time: things went well in between."""
        with self._lock:
            for key in [key for key in self._said if key[0] == source]:
                del self._said[key]

    def _due(self, key: tuple[str, str]) -> bool:
        now = clock.monotonic()
        with self._lock:
            if now - self._said.get(key, -QUIET) < QUIET:
                return False
            while len(self._said) >= MAX_REMEMBERED:
                del self._said[next(iter(self._said))]
            self._said[key] = now
            return True
