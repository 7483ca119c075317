"""References over a bare loopback TCP socket between two processes.

The functions that `benchmarks.worker` runs connect to a port of the process that
measures; those with "serve" or "to" in their name are that process's side.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

import msgspec

from benchmarks.owners import PATIENCE
from benchmarks.processes import Worker
from benchmarks.scenario import clock

FRAME_BYTES = 73
"""What a registration without meta takes on a link, with header and MAC."""

ROWS_A_CHUNK = 4_000
LENGTH = struct.Struct(">I")
TIME = struct.Struct(">Q")

Socket = socket.socket
Row = tuple[str, int, str, int, bytes]

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Row]] = msgspec.msgpack.Decoder(list[Row])


def dial(port: int) -> socket.socket:
    """Connect to a port of this machine."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """A listening socket and its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(PATIENCE)
        yield server, server.getsockname()[1]


@contextmanager
def connected(worker: Worker, command: str, *args: object) -> Iterator[socket.socket]:
    """A connection to a worker that has begun a command on it."""
    with listening() as (server, port):
        worker.begin(command, port, *args)
        sock, _ = server.accept()
        with closing(sock):
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield sock


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """Return so many bytes; fewer only at the end of the stream."""
    found = b""
    while len(found) < size:
        more = sock.recv(size - len(found))
        if not more:
            break
        found += more
    return found


# What the worker does


def echo(port: int) -> object:
    """Send each frame back with the time at which it came at its head."""
    rest = bytes(FRAME_BYTES - TIME.size)
    with closing(dial(port)) as sock:
        while len(read_exactly(sock, FRAME_BYTES)) == FRAME_BYTES:
            sock.sendall(TIME.pack(clock()) + rest)
    return True


def drain(port: int, count: int) -> object:
    """Receive so many frames, and say when the last has come."""
    left = count * FRAME_BYTES
    with closing(dial(port)) as sock:
        while left:
            left -= len(sock.recv(262_144))
        return clock()


def hold(port: int) -> object:
    """Say a byte, and hold the connection open until this process ends."""
    with closing(dial(port)) as sock:
        sock.sendall(b"h")
        read_exactly(sock, 1)
    return True


def load(port: int, count: int) -> object:
    """Return the ns from dialling until so many rows are in a dict."""
    began = clock()
    table: dict[str, Row] = {}
    with closing(dial(port)) as sock:
        while len(table) < count:
            (size,) = LENGTH.unpack(read_exactly(sock, LENGTH.size))
            for row in _decoder.decode(read_exactly(sock, size)):
                table[row[0]] = row
    return clock() - began


# What the process that measures does


def round_trip(sock: socket.socket) -> tuple[int, int]:
    """Return the ns until the worker had a frame, and until it was back."""
    began = clock()
    sock.sendall(bytes(FRAME_BYTES))
    (there,) = TIME.unpack(read_exactly(sock, FRAME_BYTES)[: TIME.size])
    return there - began, clock() - began


def send_frames(sock: socket.socket, count: int) -> int:
    """Send so many frames one by one; return when the first was sent."""
    frame = bytes(FRAME_BYTES)
    began = clock()
    for _ in range(count):
        sock.sendall(frame)
    return began


def serve_rows(sock: socket.socket, keys: list[str]) -> None:
    """Encode and send a row for each key."""
    for first in range(0, len(keys), ROWS_A_CHUNK):
        rows = [(key, 1, "Mailbox", 1, b"\x80") for key in keys[first:][:ROWS_A_CHUNK]]
        body = _encoder.encode(rows)
        sock.sendall(LENGTH.pack(len(body)) + body)
