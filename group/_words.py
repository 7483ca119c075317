"""Durations and values in words, for messages and tables."""

import reprlib
import sys
from collections.abc import Mapping
from itertools import islice


def duration(seconds: float) -> str:
    """Say about how long: "0.004 s", "0.4 s", "12 s", "3 min", "2 h", "5 d"."""
    if seconds < 10:
        return f"{round(max(seconds, 0.0), 3 if seconds < 0.1 else 1):g} s"
    for unit, size, most in (("s", 1, 60), ("min", 60, 60), ("h", 3600, 24)):
        if seconds < size * most:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds / 86_400)} d"


def uptime(seconds: float) -> str:
    """Say how long in a narrow column: "12s", "3m05s", "2h13m", "5d04h"."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole}s"
    for size, unit, small, rest in ((60, "m", 1, "s"), (3600, "h", 60, "m")):
        if whole < size * (60 if unit == "m" else 24):
            return f"{whole // size}{unit}{whole % size // small:02}{rest}"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}h"


def short(value: object, most: int) -> str:
    """Say what a meta or a reason is, cut: "{'name': 'ada', …"."""
    # A long meta is not written out to be thrown away.
    text = value if isinstance(value, str) else _Brief(most).repr(value)
    return text if len(text) <= most else f"{text[: most - 1].rstrip('…')}…"


class _Brief(reprlib.Repr):
    """Writes the beginning of a value: dicts in their order, maps like dicts.

    A string is whole, or longer than what is shown: it has no mark in its middle beside
    the one at the end.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = 32
        self.maxlong = self.maxother = sys.maxsize
        self.maxlevel = 8
        self.fillvalue = "…"
        self._most = most

    def repr_str(self, x: str, level: int) -> str:
        del level
        return repr(x[: self._most])

    def repr1(self, x: object, level: int) -> str:
        if isinstance(x, Mapping):
            pairs = islice(x.items(), self.maxdict)
            each = (f"{key!r}: {self.repr1(item, level - 1)}" for key, item in pairs)
            return f"{{{', '.join(each)}{', …' if len(x) > self.maxdict else ''}}}"
        return super().repr1(x, level)
