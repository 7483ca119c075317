"""Bytes on their way from one node to another, through the weather between the two."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

CHUNK = 65_536
WAITING = 64
"""Chunks that wait in one direction before the sender feels it."""

SLICES = 8
"""Per second, when a direction is throttled."""

_ABORT = struct.pack("ii", 1, 0)


@dataclass
class Weather:
    """How bytes fare from one node to another.

    Attributes:
        delay: Seconds that each byte is late.
        rate: Bytes in a second; 0 is as many as there are.
        dribble: Whether each byte comes alone.
        open: Cleared, nothing passes; what waits passes when it is set again.
    """

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
                close(each, abort=broken)

    def reset(self) -> None:
        """End it without a word; each end sees it in its own weather."""
        self._there.break_soon()
        self._back.break_soon()

    def half_close(self, sender: str) -> None:
        """Let one end believe that the other will send nothing more."""
        flow = self._there if sender == self.ends[0] else self._back
        flow.half_close()


def close(sock: socket.socket, *, abort: bool) -> None:
    """Close a socket; with `abort` the other end sees a reset."""
    with suppress(OSError):
        if abort:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    sock.close()
