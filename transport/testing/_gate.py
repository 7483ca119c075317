"""The gates before nodes: every link between two nodes passes through one.

Who dials is read from the first greeting, so that each direction between each two nodes
has a weather of its own, whoever has dialled.
"""

import asyncio
import random
import socket
from collections.abc import Iterator

from transport._core.errors import ProtocolError
from transport._core.handshake import MAX_HANDSHAKE_BYTES, greeter
from transport.testing._flow import CHUNK, Connection, Weather, close

HOST = "127.0.0.1"
PORTS = (12_000, 32_000)
"""None of those that the system gives to callers, so that a node's is not taken while
it is dead."""

GREETING_TIME = 5.0


class Sky:
    """The weather between all nodes, and the connections that fly in it.

    Args:
        loses_dials: Whether every second dial that meets a block is for nothing. Those
            that are not lost wait, as TCP's first packets do when they are repeated in
            time.
    """

    def __init__(self, *, loses_dials: bool = False) -> None:
        self.loses_dials = loses_dials
        # Names of nodes whose dials are refused, too: they are taken for dead.
        self.gone: set[str] = set()
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
    """The address under which others reach one node, through all its lives.

    Args:
        name: The node's.
        port: Where the gate is, on loopback.
        sky: Whatever passes through the gate passes through this.
    """

    def __init__(self, name: str, port: int, sky: Sky) -> None:
        self.name = name
        self._sky = sky
        self._tasks: set[asyncio.Task[None]] = set()
        self._blocked = 0
        self._listener: socket.socket | None = None
        self._target: tuple[str, int] | None = None
        self.port = port

    @property
    def address(self) -> str:
        """What the node must advertise."""
        return f"{HOST}:{self.port}"

    def open(self, target: int | None) -> None:
        """Take callers; a target of None resets them."""
        self._target = None if target is None else (HOST, target)
        if self._listener is None:
            listener = self._listener = _listening(self.port)
            # No task that accepts: one that is cancelled may just have got a caller,
            # whom nobody would ever hang up on.
            loop = asyncio.get_running_loop()
            loop.add_reader(listener, self._accept, listener)

    def shut(self) -> None:
        """Refuse callers."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def close(self) -> None:
        """Refuse callers, and end all that are here."""
        self.shut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            caller, _ = listener.accept()
        except OSError:
            # Gone again.
            return
        caller.settimeout(0.0)
        _tune(caller)
        task = asyncio.create_task(self._serve(caller))
        self._tasks.add(task)

        def served(_task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # One that is cancelled before it begins has closed nothing.
            caller.close()

        task.add_done_callback(served)

    async def _serve(self, caller: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        called = socket.socket()
        _tune(called)
        called.settimeout(0.0)
        try:
            async with asyncio.timeout(GREETING_TIME):
                first, who = await _greeting(caller)
                if self._target is None or who in self._sky.gone:
                    raise ConnectionRefusedError
                await loop.sock_connect(called, self._target)
        except (OSError, TimeoutError, EOFError, ProtocolError, asyncio.CancelledError):
            close(caller, abort=True)
            close(called, abort=True)
            return
        if self._is_lost(who):
            close(called, abort=True)
            await _swallow(caller)
            return
        await self._sky.carry((who, self.name), (caller, called), first)

    def _is_lost(self, who: str) -> bool:
        if not self._sky.loses_dials:
            return False
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
    """Read the dialler's first message; return it and the dialler's name.

    Raises:
        ProtocolError: It is none of a node without TLS.
    """
    loop = asyncio.get_running_loop()
    read = b""
    while (node := greeter(read)) is None:
        more = await loop.sock_recv(caller, MAX_HANDSHAKE_BYTES)
        if not more:
            raise EOFError
        read += more
    return read, node.name


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(64)
    listener.settimeout(0.0)
    return listener


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def free_ports() -> Iterator[int]:
    """Yield ports that nobody listens on."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        try:
            _listening(port).close()
        except OSError:
            continue
        yield port
