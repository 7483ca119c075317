"""The package's one logger: structlog around the stdlib logger "actors"."""

from __future__ import annotations

import logging
from typing import Protocol, cast

import structlog


class Log(Protocol):
    """What this package asks of its logger: an event and its fields."""

    def debug(self, event: str, /, **fields: object) -> None: ...

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
    words = " ".join(f"{key}={value!s}" for key, value in fields.items())
    line = f"{event} {words}" if words else str(event)
    extra = {"fields": {"event": event, **fields}}
    return (f"{line}\n{trace}" if trace else line,), {"extra": extra}


log = cast(
    "Log",
    structlog.wrap_logger(
        logging.getLogger("actors"),
        processors=[structlog.stdlib.filter_by_level, _line],
        wrapper_class=structlog.stdlib.BoundLogger,
    ),
)
