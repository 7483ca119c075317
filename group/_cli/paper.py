"""Where the commands write: plain lines, in colour on a terminal."""

import os
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


class Paper:
    """Lines to one stream, each written at once. Any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = (
            stream.isatty()
            and "NO_COLOR" not in os.environ
            and os.environ.get("TERM") != "dumb"
        )

    def line(self, text: str = "") -> None:
        """Write one line."""
        # In one call, so that lines of several threads do not mix.
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def paint(self, text: str, *colours: Colour) -> str:
        """Return the text in colour; as it is when this is no terminal."""
        if not self._coloured or not colours:
            return text
        codes = ";".join(_CODES[colour] for colour in colours)
        return f"\x1b[{codes}m{text}\x1b[0m"
