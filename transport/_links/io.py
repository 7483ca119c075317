"""Sockets, and the one selectors thread of a node that waits for them."""

import contextlib
import errno
import os
import select
import selectors
import socket
import sys
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple, Protocol

from transport import _clock as clock

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
READ_BYTES = 256 << 10
BACKLOG = 256
# Calls made in one turn, so that sockets are not left waiting.
CALLS_A_TURN = 1000
# The finest wait of epoll; select() takes any, but only low descriptors.
MILLISECOND = 0.001
SELECTABLE = 1024

# The beginning of Linux's struct tcp_info: bytes_acked and bytes_received.
_TCP_INFO = Struct("=120x2Q")

Socket = socket.socket


Call = Callable[[], None]


class Pipe(Protocol):
    """What a link needs of its socket. Nothing blocks."""

    def fileno(self) -> int:
        """Return the descriptor; -1 when closed."""

    def send(self, data: memoryview, /) -> int:
        """Write some bytes; raise BlockingIOError when there is no room."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read some bytes, 0 at the end; raise BlockingIOError when there are none."""

    def close(self) -> None:
        """Close it."""


class Ready(Protocol):
    """Who is told that a socket may be read or written."""

    def on_ready(self, mask: int) -> None:
        """Read or write without blocking."""


class Loop:
    """Waits for sockets and calls. `call` and `wake` from any thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._calls: deque[Call] = deque()
        # When to call whom; the I/O thread's own.
        self._later: list[tuple[float, Call]] = []
        self._ears, self._mouth = socket.socketpair()
        self._ears.settimeout(0)
        self._mouth.settimeout(0)
        self._selector.register(self._ears, READ)
        self._woken = False
        self.ended = False
        # Shared by all links: a fresh buffer of this size is a system call each.
        self.buffer = memoryview(bytearray(READ_BYTES))

    def call(self, call: Call) -> None:
        """Run `call` on the I/O thread, after those before it. Any thread."""
        self._calls.append(call)
        self.wake()

    def wake(self) -> None:
        """End the wait. Any thread; cheap when it has ended already."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):
                self._mouth.send(b"w")

    def call_later(self, seconds: float, call: Call) -> None:
        """Run `call` on the I/O thread so much later. I/O thread only."""
        self._later.append((clock.monotonic() + seconds, call))

    def watch(self, sock: Pipe, mask: int, who: Ready) -> None:
        """Tell `who` when `sock` is ready; replaces what was watched before."""
        if sock.fileno() in self._selector.get_map():
            if mask:
                self._selector.modify(sock, mask, who)
            else:
                self._selector.unregister(sock)
        elif mask:
            self._selector.register(sock, mask, who)

    def unwatch(self, sock: Pipe) -> None:
        """Forget a socket that is about to be closed."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def run(self, tick: Callable[[], float], enough: Callable[[], bool]) -> None:
        """Serve until `enough`, or until `ended`.

        Args:
            tick: Called after the ready sockets of each turn; returns the longest
                time to wait for the next one.
            enough: Asked after each turn.
        """
        wait = 0.0
        while not self.ended:
            self._turn(wait)
            wait = tick()
            if enough():
                return

    def _turn(self, wait: float) -> None:
        for key, mask in self._select(self._longest(wait)):
            if key.data is not None:
                key.data.on_ready(mask)
            else:
                self._hear()
        for _ in range(min(len(self._calls), CALLS_A_TURN)):
            self._calls.popleft()()
        if self._later:
            self._call_due()

    def _longest(self, wait: float) -> float:
        if self._calls:
            return 0.0
        if not self._later:
            return wait
        first = min(due for due, _ in self._later)
        return min(wait, max(0.0, first - clock.monotonic()))

    def _select(self, wait: float) -> list[tuple[selectors.SelectorKey, int]]:
        if 0.0 < wait < MILLISECOND:
            # epoll would wait a whole millisecond; it can itself be waited for.
            epoll = getattr(self._selector, "fileno", lambda: SELECTABLE)()
            if epoll < SELECTABLE:
                select.select([epoll], [], [], wait)
                wait = 0.0
        return self._selector.select(wait)

    def _call_due(self) -> None:
        now = clock.monotonic()
        due = [call for at, call in self._later if at <= now]
        self._later = [each for each in self._later if each[0] > now]
        for call in due:
            call()

    def _hear(self) -> None:
        # Cleared before the calls are taken: who comes later wakes us again.
        with contextlib.suppress(BlockingIOError):
            self._ears.recv(4096)
        self._woken = False

    def close(self) -> None:
        """Give back the file descriptors. The loop must not run."""
        self.ended = True
        self._selector.close()
        self._ears.close()
        self._mouth.close()

    def abandon(self) -> None:
        """In a forked child: close our copies, and leave the parent's epoll alone."""
        self.ended = True
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._mouth.close()
        self._selector.close()


def listen(host: str, port: int) -> Socket:
    """Return a non-blocking listening socket.

    Raises:
        OSError: The address cannot be had.
    """
    infos = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, proto, _, where = infos[0]
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
        sock.settimeout(0)
    except OSError:
        sock.close()
        raise
    return sock


def accept(listener: Socket, wait: float) -> Socket | None:
    """Return the next connection, a blocking socket; None if none came in time.

    Raises:
        OSError: There is no room for another one.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(listener, READ)
        if not selector.select(wait):
            return None
    try:
        sock, _ = listener.accept()
    except (BlockingIOError, ConnectionError):
        # Whoever knocked has gone again.
        return None
    return sock


def hang_up(sock: Socket) -> None:
    """End a connection both ways; whoever reads or writes it on a thread is woken."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def let_go(sock: Socket) -> None:
    """Close a descriptor at once, whoever else reads or writes by this object."""
    with contextlib.suppress(OSError):
        os.close(sock.detach())


def has_left(sock: Socket) -> bool:
    """Tell whether the other end of a blocking socket has closed it."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, READ)
        if not selector.select(0):
            return False
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def connect(host: str, port: int) -> Socket:
    """Return a non-blocking socket that is being connected to a numeric address.

    Raises:
        OSError: It failed at once.
    """
    family, kind, proto, _, where = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    sock = socket.socket(family, kind, proto)
    sock.settimeout(0)
    try:
        with contextlib.suppress(BlockingIOError):
            sock.connect(where)
    except OSError:
        sock.close()
        raise
    return sock


def connected(sock: Socket) -> None:
    """Check a socket that has become writable.

    Raises:
        OSError: The connection failed.
    """
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def tune(sock: Socket, lease: float) -> None:
    """Set what every link wants; the kernel's help against silent peers."""
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(lease * 1000))
        )


def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """Ask the name service; blocks, so never on the I/O thread.

    Returns:
        Every address of the name, of both kinds, each once.

    Raises:
        OSError: No answer.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # A label that is empty or too long for the name service.
        raise socket.gaierror(socket.EAI_NONAME, "not a legal host name") from error
    return [(host, port) for host in dict.fromkeys(str(info[4][0]) for info in infos)]


def address_of(sock: Socket) -> tuple[str, int]:
    """Return where a socket is bound."""
    host, port = sock.getsockname()[:2]
    return str(host), int(port)


Where = tuple[str, int]


def peer_of(sock: Socket) -> Where:
    """Return who is at the other end; ("?", 0) when it has gone."""
    try:
        host, port = sock.getpeername()[:2]
    except OSError:
        return "?", 0
    return str(host), int(port)


class Traffic(NamedTuple):
    """Bytes of one connection, both ways."""

    received: int
    sent: int


def traffic(sock: Socket) -> Traffic | None:
    """Ask the kernel what has gone over a connection; None if it does not say.

    It counts anyway, where our own counting would cost every write.
    """
    if not hasattr(socket, "TCP_INFO") or not sys.platform.startswith("linux"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None
    if len(info) < _TCP_INFO.size:
        return None
    acknowledged, received = _TCP_INFO.unpack(info)
    return Traffic(received, acknowledged)


def machine() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def words(error: OSError) -> str:
    """Return what the system says of a failure."""
    return (error.strerror or str(error)).lower()


def in_use(error: OSError) -> bool:
    """Tell whether somebody else has the address."""
    return error.errno == errno.EADDRINUSE
