"""TCP in bad weather: every link between nodes passes through here.

One gate per listening node. Who dials is read from the first greeting, so that each
direction between each two nodes has a weather of its own, whoever has dialled.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from transport._core import handshake

HOST = "127.0.0.1"
CHUNK = 65_536
PORTS = (12_000, 32_000)
"""None of those that the system gives to callers, so that a node's is not taken while
it is dead."""

WAITING = 64
"""Chunks that wait in one direction before the sender feels it."""

GREETING_TIME = 5.0
SLICES = 8
"""Per second, when a direction is throttled."""

_ABORT = struct.pack("ii", 1, 0)


@dataclass
class Weather:
    """How bytes fare from one node to another."""

    delay: float = 0.0
    rate: int = 0
    dribble: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Let everything pass freely."""
        self.delay, self.rate, self.dribble = 0.0, 0, False
        self.open.set()


_END, _RESET = "end", "reset"
_Item = tuple[float, bytes | str]


class Flow:
    """One direction of a connection: holds what cannot pass yet, loses nothing."""

    def __init__(
        self, weather: Weather, source: socket.socket, target: socket.socket
    ) -> None:
        self._weather = weather
        self._source, self._target = source, target
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(WAITING)
        self._back: Flow | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()
        self.broken = False

    def start(self, first: bytes, back: "Flow") -> None:
        """Begin to pump, with some bytes that have been read already."""
        self._back = back
        if first:
            self._queue.put_nowait((self._due(), first))
        self.tasks = [
            asyncio.create_task(self._read()),
            asyncio.create_task(self._write()),
        ]

    def half_close(self) -> None:
        """Let the receiver see the end of the stream; the other direction goes on."""
        for task in self.tasks:
            task.cancel()
        with suppress(OSError):
            self._target.shutdown(socket.SHUT_WR)
        self.ended.set()

    def break_soon(self) -> None:
        """Let the receiver see a reset when the weather allows it."""
        self._queue = asyncio.Queue(WAITING)
        self._queue.put_nowait((self._due(), _RESET))
        self.tasks[1].cancel()
        self.tasks[1] = asyncio.create_task(self._write())

    def _due(self) -> float:
        return asyncio.get_running_loop().time() + self._weather.delay

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            item: bytes | str
            try:
                item = await loop.sock_recv(self._source, CHUNK) or _END
            except OSError:
                item = _RESET
            await self._queue.put((self._due(), item))
            if isinstance(item, str):
                return

    async def _write(self) -> None:
        try:
            while not self.ended.is_set():
                due, item = await self._queue.get()
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                await self._weather.open.wait()
                await self._deliver(item)
        except OSError:
            # The receiver is gone: the sender hears of it as of anything else.
            if self._back is not None:
                self._back.break_soon()
            self.ended.set()

    async def _deliver(self, item: bytes | str) -> None:
        if item == _RESET:
            self.broken = True
            self.ended.set()
        elif isinstance(item, str):
            self._target.shutdown(socket.SHUT_WR)
            self.ended.set()
        else:
            await self._pour(item)

    async def _pour(self, data: bytes) -> None:
        loop, weather = asyncio.get_running_loop(), self._weather
        while data:
            size = len(data)
            if weather.dribble:
                size = 1
            elif weather.rate:
                size = max(1, weather.rate // SLICES)
                await asyncio.sleep(1 / SLICES)
            await weather.open.wait()
            await loop.sock_sendall(self._target, data[:size])
            data = data[size:]
            if weather.dribble:
                await asyncio.sleep(0)


class Connection:
    """Two sockets and the two flows between them."""

    def __init__(
        self,
        ends: tuple[str, str],
        sockets: tuple[socket.socket, socket.socket],
        there: Weather,
        back: Weather,
    ) -> None:
        self.ends = ends
        self._sockets = sockets
        dialler, listener = sockets
        self._there = Flow(there, dialler, listener)
        self._back = Flow(back, listener, dialler)

    async def run(self, first: bytes) -> None:
        """Pump until both directions have ended, or one is broken."""
        self._there.start(first, self._back)
        self._back.start(b"", self._there)
        flows = (self._there, self._back)
        waits = [asyncio.create_task(flow.ended.wait()) for flow in flows]
        try:
            pending = set(waits)
            while pending and not any(flow.broken for flow in flows):
                _, pending = await asyncio.wait(
                    pending, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            tasks = [*waits, *self._there.tasks, *self._back.tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            broken = any(flow.broken for flow in flows)
            for each in self._sockets:
                _close(each, abort=broken)

    def reset(self) -> None:
        """End it without a word; each end sees it in its own weather."""
        self._there.break_soon()
        self._back.break_soon()

    def half_close(self, sender: str) -> None:
        """Let one end believe that the other will send nothing more."""
        flow = self._there if sender == self.ends[0] else self._back
        flow.half_close()


class Sky:
    """The weather between all nodes, and the connections that fly in it."""

    def __init__(self) -> None:
        self._weather: dict[tuple[str, str], Weather] = {}
        self._connections: set[Connection] = set()

    def between(self, sender: str, receiver: str) -> Weather:
        """Return the weather of one direction, to be looked at or changed."""
        return self._weather.setdefault((sender, receiver), Weather())

    def clear(self) -> None:
        """Let everything pass freely, everywhere."""
        for weather in self._weather.values():
            weather.clear()

    def connections(self, one: str, two: str) -> list[Connection]:
        """Return the connections between two nodes."""
        return [each for each in self._connections if set(each.ends) == {one, two}]

    async def carry(
        self,
        ends: tuple[str, str],
        pair: tuple[socket.socket, socket.socket],
        first: bytes,
    ) -> None:
        """Join two sockets, with what the dialler has said already."""
        dialler, listener = ends
        connection = Connection(
            ends,
            pair,
            self.between(dialler, listener),
            self.between(listener, dialler),
        )
        self._connections.add(connection)
        try:
            await connection.run(first)
        finally:
            self._connections.discard(connection)


class Gate:
    """The address under which others reach one node, through all its lives."""

    def __init__(self, name: str, port: int, sky: Sky) -> None:
        self.name = name
        self._sky = sky
        self._tasks: set[asyncio.Task[None]] = set()
        self._blocked = 0
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._target: tuple[str, int] | None = None
        self.port = port

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def open(self, target: int | None) -> None:
        """Take callers; a target of None resets them."""
        self._target = None if target is None else (HOST, target)
        if self._listener is None:
            self._listener = _listening(self.port)
            self._accepting = asyncio.create_task(self._accept(self._listener))

    async def shut(self) -> None:
        """Refuse callers."""
        if self._accepting is not None and self._listener is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._listener.close()
            self._listener = self._accepting = None

    async def close(self) -> None:
        """Refuse callers, and end all that are here."""
        await self.shut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            caller, _ = await loop.sock_accept(listener)
            _tune(caller)
            task = asyncio.create_task(self._serve(caller))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, caller: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        called = socket.socket()
        _tune(called)
        called.settimeout(0.0)
        try:
            async with asyncio.timeout(GREETING_TIME):
                first, who = await _greeting(caller)
                if self._target is None:
                    raise ConnectionRefusedError
                await loop.sock_connect(called, self._target)
        except (OSError, TimeoutError, EOFError, asyncio.CancelledError):
            _close(caller, abort=True)
            _close(called, abort=True)
            return
        if self._is_lost(who):
            _close(called, abort=True)
            await _swallow(caller)
            return
        await self._sky.carry((who, self.name), (caller, called), first)

    def _is_lost(self, who: str) -> bool:
        """Tell whether a dial is for nothing: every second one that meets a block.

        Those that are not lost wait, as TCP's first packets do when they are repeated
        in time.
        """
        ways = ((who, self.name), (self.name, who))
        if all(self._sky.between(*way).open.is_set() for way in ways):
            return False
        self._blocked += 1
        return self._blocked % 2 == 1


async def _swallow(caller: socket.socket) -> None:
    """Answer nothing until the caller gives up."""
    loop = asyncio.get_running_loop()
    try:
        while await loop.sock_recv(caller, CHUNK):
            pass
    except OSError:
        pass
    finally:
        caller.close()


async def _greeting(caller: socket.socket) -> tuple[bytes, str]:
    """Read the dialler's first message; return it and the dialler's name."""
    loop = asyncio.get_running_loop()
    read, head = b"", handshake._HEAD
    wanted = head.size
    while len(read) < wanted:
        more = await loop.sock_recv(caller, handshake.MAX_HANDSHAKE_BYTES)
        if not more:
            raise EOFError
        read += more
        if len(read) >= head.size:
            wanted = head.size + head.unpack(read[: head.size])[2]
    return read, handshake._read_hello(read[head.size : wanted]).node.name


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(64)
    listener.settimeout(0.0)
    return listener


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _close(sock: socket.socket, *, abort: bool) -> None:
    with suppress(OSError):
        if abort:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    sock.close()


def free_ports() -> Iterator[int]:
    """Yield ports that nobody listens on."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        try:
            _listening(port).close()
        except OSError:
            continue
        yield port
