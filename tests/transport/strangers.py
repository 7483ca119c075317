"""Callers that are no nodes, and what a log says of them."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from transport import Node
from transport._core.control import Ready
from transport._core.handshake import Credentials
from transport._core.identity import NodeId
from transport._core.session import Event, Opened, Proven, Session

SECRET = "a cookie of at least thirty-two bytes"
READY = Ready(
    codec=1,
    heartbeat_ms=1000,
    lease_ms=5000,
    prev_token=0,
    advertise="",
    wall_ms=1,
    hidden=True,
    pickle=True,
    version="0",
)


def where(node: Node) -> tuple[str, int]:
    host, _, port = node.address.rpartition(":")
    return host, int(port)


def call(node: Node, data: bytes = b"") -> socket.socket:
    """Connect to a node and send some bytes."""
    sock = socket.create_connection(where(node), timeout=10)
    if data:
        sock.sendall(data)
    return sock


def read_to_end(sock: socket.socket) -> bytes:
    """Return what the node sends until it closes; a reset is an end too."""
    got = b""
    with sock:
        while True:
            try:
                piece = sock.recv(65536)
            except ConnectionResetError:
                return got
            if not piece:
                return got
            got += piece


class Impostor:
    """A real session over a blocking socket, to be led astray by a test."""

    def __init__(
        self,
        node: Node,
        *,
        name: str = "stranger",
        cookie: str = SECRET,
        ready: Ready = READY,
    ) -> None:
        me = Credentials(
            NodeId(name, name.encode().ljust(16, b".")[:16]),
            "default",
            (cookie.encode(),),
        )
        self.sock = call(node)
        self.session = Session(me, ready, b"n" * 32, dialler=True)
        self.events: list[Event] = []
        self.prev_token = 0

    def open(self) -> "Impostor":
        """Go through the whole handshake."""
        while not any(isinstance(event, Opened) for event in self.events):
            self.step()
        return self

    def step(self) -> None:
        """Send what is due; hear what comes back."""
        self.sock.sendall(self.session.take())
        data = self.sock.recv(65536)
        assert data, "the node closed the connection"
        events = self.session.receive(data)
        self.events += events
        if any(isinstance(event, Proven) for event in events):
            self.session.ready(self.prev_token)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> bytes:
        return read_to_end(self.sock)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines that an operator would see, INFO left out."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "transport" and record.levelno >= logging.WARNING
    ]


@contextmanager
def frozen(node: Node) -> Iterator[threading.Event]:
    """Let a node's I/O thread stand still meanwhile, or until the event is set.

    It stands when this begins: a test that froze a node a little later than it
    thought would see what the node did meanwhile.
    """
    stands, go_on = threading.Event(), threading.Event()

    def stand_still() -> None:
        stands.set()
        go_on.wait(20)

    node._engine._loop.call(stand_still)
    assert stands.wait(20)
    try:
        yield go_on
    finally:
        go_on.set()
