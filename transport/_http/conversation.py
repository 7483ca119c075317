"""One connection of the operations server: its requests, one after the other.

The parsing is the standard library's; what may be asked is in `rules`, what is answered
in `pages` and `answers`. The server watches how long each step takes, and hangs up.
"""

import io
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from transport import _clock as clock
from transport._http.pages import TEXT, Response
from transport._http.rules import Allowed, Asked, Refused, Rules, Welcome
from transport._links import io as _io

# The head of a request, all lines together.
MAX_HEAD_BYTES = 16 << 10
MAX_REQUESTS = 1000
# Seconds: for the head of a request, also while nobody asks; for one write.
HEAD_TIME = 10.0
WRITE_TIME = 10.0
# A stream that has nothing to say says so: to those between us and the visitor, who
# may not have told us that it has left.
STILL_HERE = 5.0
STILL_HERE_LINE = b": still here\n\n"
# No script, style or picture but our own files; no page may frame this one.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class House(Protocol):
    """What a conversation needs of its server."""

    rules: Rules

    def answer(self, asked: Allowed) -> Response:
        """Answer a request."""

    def may_stream(self) -> bool:
        """Tell whether there may be one more stream; count it if so."""

    def stream_ended(self) -> None:
        """One less."""

    def refused(self, where: str, refused: Refused) -> None:
        """Hear of somebody who was turned away."""

    @property
    def closing(self) -> bool:
        """Whether all conversations are to end."""


class Visit:
    """An open connection, as the server sees it.

    Attributes:
        deadline: When the step that it is in must be over.
        idle: Whether it waits for the head of a request.
    """

    def __init__(self, sock: _io.Socket, where: str) -> None:
        self.sock = sock
        self.where = where
        self.idle = True
        self.deadline = clock.monotonic() + HEAD_TIME

    @property
    def is_waited_for(self) -> bool:
        """Whether it is the visitor's turn: to ask, or to take what is written."""
        return self.deadline < float("inf")

    def listens(self) -> None:
        """The head of a request is to come."""
        self.deadline = clock.monotonic() + HEAD_TIME
        self.idle = True

    def thinks(self) -> None:
        """Its time is ours: there is no limit but that of the pages."""
        self.idle = False
        self.deadline = float("inf")

    def writes(self) -> None:
        """The visitor must take what is written."""
        self.deadline = clock.monotonic() + WRITE_TIME


class _Head(io.BufferedIOBase):
    """The bytes of a connection, of which a request's head takes only so many."""

    def __init__(self, source: io.BufferedIOBase) -> None:
        self._source = source
        self._left = MAX_HEAD_BYTES

    def begin(self) -> None:
        self._left = MAX_HEAD_BYTES

    def close(self) -> None:
        self._source.close()
        super().close()

    def readline(self, size: int | None = -1, /) -> bytes:
        wanted = self._left + 1
        if size is not None and size >= 0:
            wanted = min(wanted, size)
        line = self._source.readline(wanted)
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("head")
        return line


class Conversation(BaseHTTPRequestHandler):
    """Reads requests and writes answers, on a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version = "group"
    sys_version = ""
    disable_nagle_algorithm = True

    def __init__(self, visit: Visit, house: House) -> None:
        self._visit = visit
        self._house = house
        self._requests = 0
        # The base class calls setup, handle and finish.
        super().__init__(visit.sock, visit.where, _NO_SERVER)

    def setup(self) -> None:
        """Bound what is read."""
        super().setup()
        self._head = _Head(self.rfile)
        self.rfile = self._head

    def handle_one_request(self) -> None:
        """Read one request and answer it; whoever breaks off is left alone."""
        try:
            self._one()
        except (OSError, ValueError):
            # Gone, or cut off by the server: a closed file is a ValueError.
            self.close_connection = True

    def _one(self) -> None:
        self.close_connection = True
        if self._house.closing or self._requests >= MAX_REQUESTS:
            return
        self._requests += 1
        self._visit.listens()
        self._head.begin()
        try:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline.strip():
                return
            understood = self.parse_request()
        except LineTooLong:
            self.request_version, self.command = self.protocol_version, "GET"
            self.requestline = ""
            self._refuse(Refused(431, f"a head has at most {MAX_HEAD_BYTES} bytes"))
            return
        self._visit.thinks()
        if understood:
            self._carry_out()

    def _carry_out(self) -> None:
        if self.request_version == "HTTP/0.9":
            self.request_version = self.protocol_version
            self._refuse(Refused(400, "speak HTTP/1.1"))
            return
        headers: dict[str, list[str]] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        match self._house.rules.judge(Asked(self.command, self.path, headers)):
            case Refused() as refused:
                self._refuse(refused)
            case Welcome(location, cookie):
                more = {"Location": location, "Set-Cookie": cookie}
                self._answer(Response(b"", status=HTTPStatus.SEE_OTHER), more)
            case Allowed() as allowed:
                self._answer(self._house.answer(allowed))

    # Answers

    def _refuse(self, refused: Refused) -> None:
        self.close_connection = True
        self._house.refused(self._visit.where, refused)
        more = {}
        if refused.status == HTTPStatus.METHOD_NOT_ALLOWED:
            more["Allow"] = "GET, HEAD"
        if refused.status == HTTPStatus.UNAUTHORIZED:
            more["WWW-Authenticate"] = "Bearer"
        body = f"{refused.words}\n".encode()
        self._answer(Response(body, status=refused.status), more)

    def _answer(self, answer: Response, more: dict[str, str] | None = None) -> None:
        if not isinstance(answer.body, bytes):
            self._stream(answer, answer.body)
            return
        self._begin(answer, more or {}, str(len(answer.body)))
        if self.command != "HEAD":
            self._write(answer.body)

    def _begin(self, answer: Response, more: dict[str, str], length: str) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        if length:
            self.send_header("Content-Length", length)
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in (HEADERS | more).items():
            self.send_header(name, value)
        self._visit.writes()
        self.end_headers()
        self._visit.thinks()

    def _stream(self, answer: Response, pieces: Iterator[bytes]) -> None:
        # Its end is that of the connection.
        self.close_connection = True
        close: Callable[[], object] = getattr(pieces, "close", lambda: None)
        try:
            if not self._house.may_stream():
                words = b"too many streams are open; close another page\n"
                self._answer(Response(words, TEXT, HTTPStatus.SERVICE_UNAVAILABLE))
                return
            try:
                self._begin(answer, {}, "")
                if self.command != "HEAD":
                    self._pass_on(pieces)
            finally:
                self._house.stream_ended()
        finally:
            close()

    def _pass_on(self, pieces: Iterator[bytes]) -> None:
        said = clock.monotonic()
        for piece in pieces:
            if self._house.closing:
                return
            if piece:
                self._write(piece)
                said = clock.monotonic()
            elif _io.has_left(self._visit.sock):
                return
            elif clock.monotonic() - said > STILL_HERE:
                self._write(STILL_HERE_LINE)
                said = clock.monotonic()

    def _write(self, data: bytes) -> None:
        self._visit.writes()
        self.wfile.write(data)
        self._visit.thinks()

    # What the base class says of itself

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Refuse what the base class could not read, in our way."""
        del message, explain
        self.request_version = self.protocol_version
        self.command = self.command or "GET"
        self._refuse(Refused(code, HTTPStatus(code).phrase.lower()))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of each request."""


# The base class keeps it and does not look at it.
_NO_SERVER: Any = None
