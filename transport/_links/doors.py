"""Connections in the making: accepted, dialled, not proven yet."""

import errno
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence

from transport import _clock as clock
from transport._config import Config, is_loopback, is_numeric
from transport._core import addresses, control, messages
from transport._core.errors import AuthError, ProtocolError, WireError
from transport._core.handshake import NONCE_BYTES, Credentials
from transport._core.identity import NodeId
from transport._core.session import Session
from transport._links import io, words
from transport._links.exchange import Exchange
from transport._links.guesses import Guesses
from transport._links.link import Board, Link, Shared
from transport._links.outbox import Bucket
from transport._links.progress import Progress
from transport._links.tls import Secured, failure
from transport._log import Complaints, log

MAX_PENDING = 64
ACCEPTS_A_TURN = 64
# No file descriptor is left: try again after this.
ACCEPT_PAUSE = 0.1
NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
CODEC = 1
# Deadlines are looked at at least so often.
LONGEST = 0.25
# Answers that are part of any start, of no interest to operators.
QUIET = {"self", "race", "already_linked", "stopping"}


class Doors:
    """Accepts and dials, and says why a connection came to nothing. I/O thread only.

    Attributes:
        wanted: Addresses that somebody asked for, whose failures are worth a line.
        resolve: Asks the name service for an address; answered by `resolved`.
    """

    def __init__(
        self,
        config: Config,
        me: NodeId,
        address: str,
        loop: io.Loop,
        complaints: Complaints,
    ) -> None:
        self._config = config
        self._address = address
        self._secrecy = config.secrecy
        self._me = Credentials(
            me,
            config.options.cluster_id,
            config.cookies,
            tls=self._secrecy is not None,
        )
        self._version = config.version
        self._loop = loop
        self._complaints = complaints
        # Strangers, oldest first.
        self._pending: OrderedDict[Link, None] = OrderedDict()
        self._dials: dict[str, Link] = {}
        self._lookups: set[str] = set()
        # Less than the deadline, so that it still hears why it is refused.
        self._guesses = Guesses(config.options.handshake_timeout / 2)
        self._held: dict[Link, float] = {}
        self._listener: io.Socket | None = None
        self._accept_at: float | None = None
        self.wanted: set[str] = set()
        # What the name service has given, and for which name.
        self._found: dict[str, str] = {}
        self.resolve: Callable[[str], None] = lambda _address: None

    def attach(self, board: Board, exchange: Exchange, progress: Progress) -> None:
        """Say who hears of links and of failures."""
        queue_bytes = self._config.options.queue_bytes
        self._shared = Shared(board, self._loop, Bucket(), queue_bytes, self._secrecy)
        self._exchange = exchange
        self._progress = progress

    # -- being dialled

    def listen(self, listener: io.Socket) -> None:
        """Begin to accept."""
        self._listener = listener
        self._loop.watch(listener, io.READ, self)

    def on_ready(self, _mask: int) -> None:
        """Accept who has come, but not so many that links have to wait."""
        for _ in range(ACCEPTS_A_TURN):
            if self._listener is None:
                return
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._pause_accepting(self._listener, error)
                    return
                continue
            self._welcome(sock)

    def _welcome(self, sock: io.Socket) -> None:
        host = io.peer_of(sock)[0]
        if not self._config.sealed and not is_loopback(host):
            sock.close()
            self._complain(host, "insecure", "not on this machine, and no cookie here")
            return
        io.tune(sock, self._config.options.lease)
        link = self._link(sock, dialler=False)
        self._pending[link] = None
        if len(self._pending) > MAX_PENDING:
            oldest = next(iter(self._pending))
            self._turn_away(oldest, "crowd", f"{MAX_PENDING} others wait; the oldest")
        link.begin()

    def _pause_accepting(self, listener: io.Socket, error: OSError) -> None:
        self._loop.unwatch(listener)
        self._accept_at = clock.monotonic() + ACCEPT_PAUSE
        self._complaints.warn(
            "accept_paused", source="this process", reason=io.words(error)
        )

    def _turn_away(self, link: Link, reason: str, text: str) -> None:
        # The line comes first: who sees the end of file may look for it.
        self._complain(link.where[0], reason, text, link)
        self._pending.pop(link, None)
        link.close()

    def _complain(
        self, host: str, reason: str, text: object, link: Link | None = None
    ) -> None:
        where = addresses.unite(*link.where) if link else host
        self._complaints.warn(
            "connection_refused", source=host, reason=reason, address=where, words=text
        )
        self._complaints.troubles.note("call", host, reason, f"{where}: {text}")

    # -- dialling

    def dial(self, address: str) -> None:
        """Connect; report Met and Answered, or DialFailed or DialRejected."""
        host, port = addresses.split(address)
        if is_numeric(host):
            self._connect(address, [(host, port)])
        else:
            self._lookups.add(address)
            self.resolve(address)

    def resolved(self, address: str, found: Sequence[io.Where], text: str) -> None:
        """Go on with a dial whose name has been looked up."""
        if address not in self._lookups:
            return
        self._lookups.discard(address)
        if found:
            self._connect(address, found)
        else:
            self._dial_failed(address, text)

    def _connect(self, address: str, found: Sequence[io.Where]) -> None:
        host, port = found[0]
        if not self._config.sealed and not is_loopback(host):
            self._dial_failed(address, "insecure mode is for this machine only")
            return
        try:
            sock = io.connect(host, port)
        except OSError as error:
            self._next_or_fail(address, found[1:], error)
            return
        io.tune(sock, self._config.options.lease)
        link = self._link(sock, dialler=True)
        link.dialled, link.others, link.connecting = address, found[1:], True
        self._dials[address] = link
        link.watch()

    def _next_or_fail(
        self, address: str, others: Sequence[io.Where], error: OSError
    ) -> None:
        if others:
            self._connect(address, others)
        else:
            refused = error.errno == errno.ECONNREFUSED
            self._dial_failed(address, io.words(error), refused=refused)

    def _dial_failed(self, address: str, text: str, *, refused: bool = False) -> None:
        self._dials.pop(address, None)
        self._note(address, "refused" if refused else "", text)
        self._exchange.happened(messages.DialFailed(address, text, refused))

    def _note(self, address: str, code: str, text: str) -> None:
        self._tell(address, code, text)
        # Last: who waits for it goes on, and may ask what has been told.
        if code == "name_in_use":
            self._progress.note(lambda p: setattr(p, "name_refused", True))
        elif code != "race":
            failures = {**self._progress.failures, address: text}
            self._progress.note(lambda p: setattr(p, "failures", failures))

    def _tell(self, address: str, code: str, text: str) -> None:
        name = self._found.get(address, "")
        said = words.cannot_join(address, code, text, self._config.cookie_from, name)
        told = (address in self.wanted or name) and code not in QUIET
        if told:
            self._complaints.warn(
                "cannot_join", source=address, reason=code or text, words=said
            )
        else:
            log.debug("cannot_join", node=self._config.name, words=said)
        if told or (code == "self" and address in self.wanted):
            self._complaints.troubles.note(
                "dial", address, code or text, said, standing=code == "self"
            )

    def discovered(self, name: str, found: Sequence[str]) -> None:
        """Note which addresses a name has now: it is said if one cannot be joined."""
        gone = [a for a, of in self._found.items() if of == name and a not in found]
        for address in gone:
            del self._found[address]
            self._complaints.troubles.clear("dial", address)
        self._found.update(dict.fromkeys(found, name))

    # -- what becomes of them

    def met(self, link: Link) -> None:
        """A peer is proven; the exchange decides what to do."""
        self._exchange.proven[link.token] = link

    def asked(self, link: Link) -> None:
        """A proven peer waits for an answer; it is no stranger any more."""
        self._pending.pop(link, None)
        self._guesses.proven(link.where[0], link.session.claimed or "")
        self._exchange.proven[link.token] = link

    def held_back(self, link: Link) -> bool:
        """Let a caller wait whose name has failed to prove itself before."""
        name = link.session.claimed
        if name is None or link.dialled is not None or link.greeted:
            return False
        link.greeted = True
        delay = self._guesses.delay(link.where[0], name)
        if delay:
            self._held[link] = clock.monotonic() + delay
            # The next tick may be due sooner than it was.
            self._exchange.stirred = True
            link.pause(paused=True)
        return delay > 0

    def answered(self, link: Link) -> None:
        """A dial has led to a link."""
        if link.dialled is not None:
            self._dials.pop(link.dialled, None)
            self._complaints.forget(link.dialled)
            self._complaints.troubles.clear("dial", link.dialled)

    def failed(self, link: Link, error: WireError) -> None:
        """Before it was open, a peer did something that ends its connection."""
        self._exchange.proven.pop(link.token, None)
        if link.dialled is not None:
            link.close()
            self._rejected(link.dialled, error)
        elif error.reason in QUIET:
            self._pending.pop(link, None)
            link.close()
        else:
            if isinstance(error, AuthError):
                self._guesses.failed(link.where[0], link.session.claimed or "")
            self._turn_away(link, error.reason, words.ended(error))

    def _rejected(self, address: str, error: WireError) -> None:
        if isinstance(error, ProtocolError):
            self._dial_failed(address, str(error))
            return
        self._dials.pop(address, None)
        text = words.rejected(error, self._config.cookie_from)
        self._note(address, error.reason, text)
        self._exchange.happened(
            messages.DialRejected(address, error.reason, str(error))
        )

    def lost(self, link: Link, error: OSError | None, reason: str) -> None:
        """A connection ended before it was a link."""
        link.close()
        self._exchange.proven.pop(link.token, None)
        if link.dialled is None:
            self._pending.pop(link, None)
            log.debug("caller_left", node=self._config.name, address=link.where)
        elif error is not None:
            self._next_or_fail(link.dialled, link.others, error)
        else:
            self._dial_failed(link.dialled, f"{reason} during the handshake")

    def wait(self, now: float) -> float:
        """Return the seconds until somebody has waited long enough."""
        return max(0.0, min(self._held.values(), default=now + LONGEST) - now)

    def tick(self, now: float) -> None:
        """End what takes too long."""
        if self._accept_at is not None and now >= self._accept_at and self._listener:
            self._accept_at = None
            self._loop.watch(self._listener, io.READ, self)
        for link in [held for held, until in self._held.items() if until <= now]:
            del self._held[link]
            if not link.closed:
                link.flush()
                link.pause(paused=False)
        for link in [link for link in self._pending if link.deadline <= now]:
            limit = self._config.options.handshake_timeout
            self._turn_away(link, "silence", f"no proof of the cookie in {limit:g} s")
        for link in [each for each in self._dials.values() if each.deadline <= now]:
            self.lost(link, OSError(errno.ETIMEDOUT, "timed out"), "timed out")

    def lookups_lost(self) -> None:
        """Whoever looked names up has died; its successor knows nothing of them."""
        for address in list(self._lookups):
            self.resolved(address, (), "name lookup was interrupted")

    def close(self) -> None:
        """Stop listening and dialling."""
        if self._listener is not None:
            self._loop.unwatch(self._listener)
            self._listener.close()
            self._listener = None
        self.hang_up()

    def hang_up(self) -> None:
        """Close what is not a link yet."""
        for link in [*self._pending, *self._dials.values()]:
            self._exchange.proven.pop(link.token, None)
            link.close()
        self._pending.clear()
        dialled, self._dials = list(self._dials), {}
        for address in dialled:
            failed = messages.DialFailed(address, "link I/O ended")
            self._exchange.happened(failed)

    def abandon(self) -> None:
        """In a forked child: close our copies of the sockets."""
        for link in [*self._pending, *self._dials.values()]:
            link.abandon()

    def secured(self, link: Link, tls: Secured) -> None:
        """Begin the session anew, bound to both certificates."""
        if self._secrecy is None:
            return
        mine, theirs = self._secrecy.fingerprint, tls.peer_fingerprint()
        dialler = link.dialled is not None
        prints = (mine, theirs) if dialler else (theirs, mine)
        link.session = self._session(dialler=dialler, fingerprints=prints)

    def insecure(self, link: Link, error: OSError) -> None:
        """TLS has failed: say it in plain words."""
        reason, text = failure(error)
        if link.dialled is None:
            self._turn_away(link, reason, text)
        else:
            link.close()
            self._dial_failed(link.dialled, text)

    def _link(self, sock: io.Socket, *, dialler: bool) -> Link:
        deadline = clock.monotonic() + self._config.options.handshake_timeout
        session = self._session(dialler=dialler)
        return Link(sock, session, self._shared, deadline=deadline)

    def _session(
        self, *, dialler: bool, fingerprints: tuple[bytes, bytes] = (b"", b"")
    ) -> Session:
        return Session(
            self._me,
            self._ready(),
            secrets.token_bytes(NONCE_BYTES),
            dialler=dialler,
            fingerprints=fingerprints,
        )

    def _ready(self) -> control.Ready:
        options = self._config.options
        return control.Ready(
            codec=CODEC,
            heartbeat_ms=max(1, int(options.heartbeat * 1000)),
            lease_ms=max(1, int(options.lease * 1000)),
            prev_token=0,
            advertise=self._address,
            wall_ms=clock.wall_ms(),
            hidden=options.hidden,
            pickle=options.allow_pickle,
            version=self._version,
        )
