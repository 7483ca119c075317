"""The operations server: a listening socket, and an actor for each connection.

Everything that a visitor could use up is bounded: connections, streams, bytes of a
head, the time of each step. Whoever takes too long is cut off; when all places are
taken, it is whoever has waited longest without asking anything, else whoever has not
read its answer for longest.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from actors import Actor, AnyRef, Timeout
from transport import _clock as clock
from transport._core import addresses
from transport._errors import ListenError
from transport._http.conversation import Conversation, Visit
from transport._http.pages import Pages, Response
from transport._http.probes import Probes
from transport._http.rules import Allowed, Refused, Rules
from transport._http.where import Where
from transport._links import io
from transport._log import Complaints, log

MAX_VISITS = 64
MAX_STREAMS = 16
# How long the accepting thread waits before it looks at deadlines, and at its mail.
LOOK = 0.2


class Server:
    """One server. It lives as long as its node; `serve` runs on one thread."""

    def __init__(self, where: Where, pages: Pages, complaints: Complaints) -> None:
        """Listen, and answer nobody yet.

        Raises:
            ListenError: The address cannot be had.
        """
        self._pages = pages
        self._probes = Probes(pages)
        self._complaints = complaints
        self._listener = _listen(where.host, where.port)
        self.host, self.port = io.address_of(self._listener)
        self.rules = Rules(where.hosts, where.token, secrets.token_bytes(16), self.port)
        self.closing = False
        self.ended = False
        # Guards what follows.
        self._lock = threading.Lock()
        self._visits: dict[Visit, AnyRef] = {}
        self._streams = 0

    @property
    def url(self) -> str:
        """Where a browser of this machine finds it."""
        return f"http://{addresses.unite(self.host, self.port)}/"

    # On the thread that accepts

    def serve(self, enough: Callable[[], bool]) -> None:
        """Accept connections until `enough`, or until `end`."""
        self.closing = False
        while not enough():
            try:
                sock = io.accept(self._listener, LOOK)
            except OSError as error:
                if self.ended:
                    return
                # Out of descriptors: those who are here may leave meanwhile.
                self._warn_full(io.words(error))
                sock = None
            if sock is not None:
                self._admit(sock)
            self._sweep()

    def _warn_full(self, why: str) -> None:
        self._complaints.warn("http_not_accepted", source="http", reason=why)
        threading.Event().wait(LOOK)

    def _admit(self, sock: io.Socket) -> None:
        visit = Visit(sock, addresses.unite(*io.peer_of(sock)))
        with self._lock:
            full = len(self._visits) >= MAX_VISITS
            idle = [each for each in self._visits if each.idle]
            slow = idle or [each for each in self._visits if each.is_waited_for]
        if full:
            if not slow:
                sock.close()
                return
            io.hang_up(min(slow, key=lambda each: each.deadline).sock)
        try:
            ref = HttpConnection.start(self, visit)
        except RuntimeError as error:
            sock.close()
            self._warn_full(str(error))
            return
        with self._lock:
            self._visits[visit] = ref
        ref.tell(None)

    def _sweep(self) -> None:
        """Cut off whoever takes too long; its thread finds the socket closed."""
        now = clock.monotonic()
        with self._lock:
            late = [visit for visit in self._visits if visit.deadline < now]
        for visit in late:
            io.hang_up(visit.sock)

    def hang_up(self, timeout: float) -> None:
        """End all connections, and wait for their threads."""
        self.closing = True
        deadline = clock.monotonic() + timeout
        with self._lock:
            visits = dict(self._visits)
        for visit in visits:
            io.hang_up(visit.sock)
        for ref in visits.values():
            with suppress(Timeout):
                ref.stop(timeout=max(0.1, deadline - clock.monotonic()))

    def end(self) -> None:
        """Accept nobody any more, and wake the thread that accepts."""
        self.ended = True
        io.hang_up(self._listener)

    def close(self) -> None:
        """Listen no more."""
        self.ended = self.closing = True
        self._listener.close()

    def abandon(self) -> None:
        """In a forked child: close our copies, and disturb no connection."""
        self.closing = True
        self._listener.close()
        for visit in list(self._visits):
            io.let_go(visit.sock)

    # On the threads of connections

    def talk(self, visit: Visit) -> None:
        """Hold one conversation, to its end."""
        try:
            Conversation(visit, self)
        finally:
            visit.sock.close()
            with self._lock:
                self._visits.pop(visit, None)

    def answer(self, asked: Allowed) -> Response:
        """Answer a request; a page that fails is our fault, and is logged."""
        try:
            found = self._probes.answer(asked.path)
            if found is None:
                found = self._pages.answer(asked.path, asked.query)
        except Exception as error:  # noqa: BLE001 - one broken page, not the server
            log.error("page_failed", path=asked.path[:80], error=repr(error)[:200])
            words = f"this page has failed: {type(error).__name__}; see the log\n"
            return Response(words.encode(), status=HTTPStatus.INTERNAL_SERVER_ERROR)
        if found is None:
            return Response(b"there is no such page\n", status=HTTPStatus.NOT_FOUND)
        return found

    def may_stream(self) -> bool:
        """Tell whether there may be one more stream; count it if so."""
        with self._lock:
            if self._streams >= MAX_STREAMS:
                return False
            self._streams += 1
            return True

    def stream_ended(self) -> None:
        """One less."""
        with self._lock:
            self._streams -= 1

    def refused(self, where: str, refused: Refused) -> None:
        """Say once a minute who is turned away: by address, not by port."""
        if refused.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            host, _ = addresses.split(where)
            self._complaints.warn("http_refused", source=host, reason=refused.words)


class HttpServer(Actor):
    """Accepts connections: a child of the node's supervisor."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def on_start(self) -> None:
        """Begin with an empty house."""
        self.actor_ref.tell(None)

    def on_receive(self, _message: object) -> None:
        """Serve until there is mail: a supervisor may want an end."""
        self._server.serve(lambda: not self.actor_inbox.empty())
        if not self._server.ended:
            self.actor_ref.tell(None)

    def on_stop(self) -> None:
        """End the conversations."""
        self._server.hang_up(HANG_UP_TIME)

    def on_failure(self, *_: object) -> None:
        """End the conversations; whoever comes next begins anew."""
        self._server.hang_up(HANG_UP_TIME)


HANG_UP_TIME = 1.0


class HttpConnection(Actor):
    """Holds one conversation, and ends with it."""

    def __init__(self, server: Server, visit: Visit) -> None:
        super().__init__()
        self._server = server
        self._visit = visit

    def on_receive(self, _message: object) -> None:
        """Talk."""
        self._server.talk(self._visit)
        self.exit()


def _listen(host: str, port: int) -> io.Socket:
    where = addresses.unite(host, port)
    try:
        return io.listen(host, port)
    except OSError as error:
        why = "is already in use" if io.in_use(error) else f"fails: {io.words(error)}"
        raise ListenError(f"http at {where} {why}; say http=HOST:PORT") from error
