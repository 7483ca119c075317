"""Where the commands write: plain lines, in colour and in tables on a terminal."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Literal, TextIO

Colour = Literal["dim", "bold", "red", "green", "yellow", "blue", "magenta", "cyan"]

_CODES: dict[Colour, str] = {
    "dim": "2",
    "bold": "1",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def printable(text: str) -> str:
    """Return text that a terminal only shows: keys and reasons are made by anybody."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


class Paper:
    """Lines to one stream, each written at once. Any thread.

    Attributes:
        is_terminal: Whether somebody reads it; else a program does.
    """

    def __init__(self, stream: TextIO, *, as_json: bool = False) -> None:
        self._stream = stream
        self._as_json = as_json
        self.is_terminal = stream.isatty()
        self._coloured = (
            self.is_terminal
            and not as_json
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )

    def line(self, text: str = "") -> None:
        """Write one line."""
        self._write([text])

    def _write(self, lines: Sequence[str]) -> None:
        # In one call, so that lines of several threads do not mix, and 100,000 of them
        # are written at once.
        self._stream.write(self._writable("".join(f"{each}\n" for each in lines)))
        self._stream.flush()

    def _writable(self, text: str) -> str:
        """Return text in letters that the stream has, by the user's locale."""
        encoding = self._stream.encoding or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def say(self, text: str = "", /, **fields: object) -> None:
        """Write a line, or, for a program, the fields that it is made of."""
        if not self._as_json:
            self.line(text)
        elif fields:
            self.data(fields)

    def lines(self, text: str) -> None:
        """Write text of others: only its line ends have an effect.

        Lines with words that ask for attention get a colour.
        """
        shown = [printable(each) for each in text.split("\n")]
        self._write([self.paint(each, *_mood(each)) for each in shown])

    def names(self, names: Iterable[str]) -> None:
        """Write names that others have given, a line for each."""
        self._write([printable(name) for name in names])

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write rows: in columns below their heads, or for a program between tabs."""
        written = [[printable(_cell(cell)) for cell in row] for row in rows]
        if not self.is_terminal:
            self._write(["\t".join(cells) for cells in written])
            return
        widths = [max(map(len, column)) for column in zip(heads, *written, strict=True)]
        head = self.paint(_padded(heads, widths, heads), "bold")
        self._write([head, *(_padded(cells, widths, heads) for cells in written)])

    def data(self, value: object) -> None:
        """Write a value as JSON, on one line."""
        self.line(json.dumps(value))

    def paint(self, text: str, *colours: Colour) -> str:
        """Return the text in colour; as it is when this is no terminal."""
        if not self._coloured or not colours:
            return text
        codes = ";".join(_CODES[colour] for colour in colours)
        return f"\x1b[{codes}m{text}\x1b[0m"


# Heads of columns that hold numbers.
_RIGHT = {"KEYS", "MEMBERS", "MAILBOX", "RESTARTS", "ID", "TTL LEFT"}


def _padded(cells: Sequence[str], widths: Iterable[int], heads: Sequence[str]) -> str:
    each = zip(cells, widths, heads, strict=True)
    padded = (f"{c:>{w}}" if head in _RIGHT else f"{c:<{w}}" for c, w, head in each)
    return "  ".join(padded).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _mood(line: str) -> tuple[Colour, ...]:
    """Return the colours of a line of a report, by the words in it."""
    words = line.split()
    if "DOWN" in words or (" down" in line and "last=" in line):
        return ("red",)
    if line.startswith("refused: ") or {"suspect", "restarting"} & set(words):
        return ("yellow",)
    if words[:2] == ["NODE", "STATE"]:
        return ("bold",)
    return ()
