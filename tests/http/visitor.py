"""Visitors of an operations server, polite and otherwise, on real sockets."""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

LIMIT = 30.0
TOKEN = "a-token-of-some-length"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def where(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def visit(
    url: str,
    path: str = "/",
    method: str = "GET",
    query: Mapping[str, str] | None = None,
    **headers: str,
) -> Answer:
    """Ask once; names of headers have "_" for "-"."""
    connection = HTTPConnection(*where(url), timeout=LIMIT)
    try:
        target = f"{path}?{urlencode(query)}" if query else path
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, headers=given)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    with socket.create_connection(where(url), timeout=LIMIT) as sock:
        yield sock


def everything(sock: socket.socket) -> bytes:
    """Read to the end."""
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except (ConnectionError, ssl.SSLError):
        pass
    return found


def raw(url: str, data: bytes) -> bytes:
    """Send bytes and return all that comes until the server hangs up."""
    with connected(url) as sock:
        sock.sendall(data)
        return everything(sock)


def status_of(answer: bytes) -> int:
    head = answer.split(b" ", 2)
    return int(head[1]) if len(head) > 1 else 0
