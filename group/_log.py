"""The package's one logger: structlog around the stdlib logger "group"."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Protocol, cast

import structlog

if TYPE_CHECKING:
    from group._core.config import LogLevel


class Log(Protocol):
    """What this package asks of its logger: an event and its fields."""

    def bind(self, **fields: object) -> Log: ...

    def info(self, event: str, /, **fields: object) -> None: ...

    def warning(self, event: str, /, **fields: object) -> None: ...

    def error(self, event: str, /, **fields: object) -> None: ...


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
        logging.getLogger("group"),
        processors=[structlog.stdlib.filter_by_level, _line],
        wrapper_class=structlog.stdlib.BoundLogger,
    ),
)


class GroupLog:
    """What one started group logs; its level can change while it runs.

    Safe from any thread. The level silences `info` and `verbose` alone: what is wrong
    is logged whatever it says. Both come out at Python's level INFO.
    """

    def __init__(self, group: str, node: str, level: LogLevel) -> None:
        self.level = level
        self._log = log.bind(group=group, node=node)

    def verbose(self, event: str, /, **fields: object) -> None:
        """Log one operation. Callers in haste look at the level before they call."""
        if self.level == "verbose":
            self._log.info(event, **fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log what an operator wants to know: peers and clusters that come and go."""
        if self.level is not False:
            self._log.info(event, **fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log what may need a hand."""
        self._log.warning(event, **fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log a conflict, or a fault of ours or of a callback."""
        self._log.error(event, **fields)
