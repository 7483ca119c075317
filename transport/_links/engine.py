"""The machinery below a node: puts its parts together, starts and ends them."""

import secrets
from contextlib import suppress
from functools import partial
from threading import Event

from actors import Future, SupervisorRef, Timeout, hooks, on_down
from transport import _clock as clock
from transport._config import Config
from transport._core import addresses, messages
from transport._core.identity import NodeId, new_incarnation
from transport._core.mesh import Settings
from transport._errors import ListenError
from transport._http.numbers import LinkTraffic
from transport._http.pages import Pages
from transport._http.server import Server
from transport._http.vital import add_vital_signs
from transport._links import io
from transport._links.channels import Channels
from transport._links.doors import Doors
from transport._links.exchange import Exchange
from transport._links.inbound import Inbound
from transport._links.link import Link
from transport._links.pings import Pings
from transport._links.progress import Peer, Progress
from transport._links.seam import Traffic
from transport._links.switchboard import Switchboard
from transport._links.troubles import Trouble
from transport._log import Complaints, log
from transport._tree import NodeSupervisor, Parts, Poll
from transport._watchers import NodeWatchers

DROPPED = hooks.hook("transport.message.dropped")
# Seconds until whoever looks around looks again.
LOOK_AGAIN = 0.01


class Engine:
    """Plain TCP: a full mesh of links, one I/O thread. Any thread."""

    def __init__(self, config: Config, progress: Progress) -> None:
        self.me = NodeId(
            config.name, new_incarnation(clock.wall_ms(), secrets.token_bytes(10))
        )
        self._config = config
        self._progress = progress
        self.pages = Pages()
        complaints = Complaints(config.name)
        self._http = _serve_http(config, self.pages, complaints)
        try:
            self._listener = None if config.listen is None else _listen(*config.listen)
        except ListenError:
            self._close_http()
            raise
        self.address = self._own_address()
        self._loop = io.Loop()
        self._exchange = Exchange(self._settings(), progress, complaints.troubles)
        self._doors = Doors(config, self.me, self.address, self._loop, complaints)
        self.channels = Channels(self._loop, complaints)
        self._complaints = complaints
        self._stopping = False
        self._given_up = False
        self.started_at = clock.monotonic()
        self._supervisor: SupervisorRef[NodeSupervisor] | None = None

    def _own_address(self) -> str:
        if self._listener is None:
            return ""
        if self._config.advertise is not None:
            return self._config.advertise
        return addresses.unite(*io.address_of(self._listener))

    def _settings(self) -> Settings:
        options = self._config.options
        return Settings(
            self.me,
            self.address,
            heartbeat=options.heartbeat,
            lease=options.lease,
            grace=options.grace,
            hidden=options.hidden,
        )

    def start(self, traffic: Traffic, watchers: NodeWatchers) -> None:
        """Start the threads; listen and dial."""
        inbound = Inbound(
            self._exchange, self.channels, traffic, self._loop, self._complaints
        )
        self.pings: Pings = inbound.pings
        board = Switchboard(self._doors, self._exchange, inbound, self.channels)
        self._exchange.attach(self._doors, self.channels, traffic, watchers)
        self._doors.attach(board, self._exchange, self._progress)
        self._doors.wanted.update(self._config.join)
        parts = Parts(
            self._loop,
            self._exchange,
            self._doors,
            board,
            self._complaints,
            self._config.options.dns_interval,
            self._http,
        )
        self.started_at = clock.monotonic()
        add_vital_signs(self.pages, self)
        self._supervisor = NodeSupervisor.start(parts)
        on_down(self._supervisor, self._gave_up)
        if self._listener is not None:
            self._loop.call(partial(self._doors.listen, self._listener))
        for address in self._config.join:
            # Discovery has seen the others in `wanted`.
            if not address.startswith(addresses.DNS):
                self.join(address)

    def _gave_up(self, reason: object) -> None:
        if not self._stopping:
            self._given_up = True
            log.error("node_gave_up", node=self.me, reason=reason)
            self._exchange.reset()
            self._exchange.happened(messages.Stop("link I/O gave up"))
            self._doors.close()

    # -- any thread

    def link_to(self, node_id: NodeId | None) -> Link | None:
        """Return the link with a life of a node."""
        return None if node_id is None else self._exchange.by_node.get(node_id)

    def join(self, address: str) -> None:
        """Dial an address until linked."""
        self._doors.wanted.add(address)
        if address.startswith(addresses.DNS):
            self._poll(address)
        else:
            self._tell_mesh(messages.Join(address))

    def _poll(self, address: str) -> None:
        if self._supervisor is None:
            return
        for row in self._supervisor.which_children():
            if row.id == "discovery" and row.ref is not None:
                row.ref.tell(Poll(address))

    def message_dropped(self, node_id: NodeId) -> None:
        """Say, once a minute, that a peer does not keep up."""
        self._exchange.tally.dropped("queue full")
        if DROPPED.callbacks:
            DROPPED({}, {"node": self.me.name, "peer": node_id.name})
        self._complaints.warn(
            "messages_dropped",
            source=node_id.name,
            reason="queue full",
            limit=self._config.options.queue_bytes,
        )

    def look_around(self, timeout: float) -> None:
        """Wait until all those that peers have told of are linked, or are not to be.

        Not on the I/O thread.
        """
        deadline = clock.monotonic() + timeout
        while (left := deadline - clock.monotonic()) > 0:
            # What peers tell of others comes before their answers.
            self.channels.await_answers(left)
            if not self._looking(deadline):
                return
            self._progress.wait(lambda _: False, LOOK_AGAIN)

    def _looking(self, deadline: float) -> bool:
        looking: Future[bool] = Future()
        self._loop.call(lambda: looking.set(self._exchange.looking()))
        with suppress(Timeout):
            return looking.get(timeout=max(0.0, deadline - clock.monotonic()))
        return True

    def disconnect(self, name: str) -> None:
        """Say goodbye to a peer."""
        self._tell_mesh(messages.Disconnect(name))

    def _tell_mesh(self, message: messages.Message) -> None:
        self._loop.call(partial(self._exchange.happened, message))

    def peers(self) -> list[Peer]:
        """Return what is believed of other nodes."""
        ago = clock.wall() - clock.monotonic()
        found = []
        for peer in self._exchange.peers():
            if peer.hidden:
                continue
            link = self.link_to(peer.node)
            ready = None if link is None else link.ready
            found.append(
                Peer(
                    name=peer.node.name,
                    address=peer.address,
                    state=peer.state,
                    rtt=None if link is None else link.rtt,
                    since=ago + peer.since,
                    version="" if ready is None else ready.version,
                    queued=0 if link is None else link.outbox.queued,
                )
            )
        return found

    def troubles(self) -> list[Trouble]:
        """Return what keeps nodes apart, but for those that have met by another way."""
        linked = {
            peer.address for peer in self._exchange.peers() if peer.token is not None
        }
        found = self._complaints.troubles.current()
        return [each for each in found if each.channel or each.source not in linked]

    def traffic(self) -> dict[str, LinkTraffic]:
        """Return what went over each link, by peer."""
        found = {}
        for peer in self._exchange.peers():
            link = self.link_to(peer.node)
            # The names of those that only look in are new each time.
            if link is not None and not peer.hidden:
                frames_in, frames_out = link.session.frames
                found[peer.node.name] = LinkTraffic(
                    octets=link.traffic(),
                    frames_in=frames_in,
                    frames_out=frames_out,
                    waiting=link.outbox.waiting,
                )
        return found

    def reconnects(self) -> dict[tuple[str, str], int]:
        """Return how many links were lost, by peer and cause."""
        return self._exchange.tally.links_lost()

    def dropped(self) -> dict[str, int]:
        """Return how many messages were dropped, by cause."""
        return self._exchange.tally.messages_dropped()

    # -- probes

    @property
    def http_url(self) -> str | None:
        """Where the operations server is found; None without one."""
        return None if self._http is None else self._http.url

    def alive(self) -> str | None:
        """Say what is wrong when the threads of this node work no more."""
        return "its actors kept crashing" if self._given_up else None

    def ready(self) -> str | None:
        """Say whom this node still looks for.

        One that needs no peers has looked long enough after `join_timeout` seconds:
        it may be the first.
        """
        options, wanted = self._config.options, self._config.join
        if not wanted or self._progress.met:
            return None
        passed = clock.monotonic() - self.started_at
        if not options.require_peers and passed > options.join_timeout:
            return None
        return "no peer reached yet"

    # -- the end

    def stop(self, timeout: float) -> None:
        """Say goodbye, close everything, end the threads."""
        deadline = clock.monotonic() + timeout
        self._stopping = True
        left = Event()
        self._loop.call(partial(self._leave, left))
        if self._http is not None:
            self._http.end()
        if self._supervisor is not None:
            # A node that gave up has no I/O thread that could say goodbye.
            if not (self._supervisor.is_alive() and left.wait(timeout)):
                self._loop.ended = True
                self._loop.wake()
            self._supervisor.stop(timeout=max(0.1, deadline - clock.monotonic()))
        self._close_http()
        self._doors.close()
        self._loop.close()

    def _close_http(self) -> None:
        if self._http is not None:
            self._http.close()

    def _leave(self, left: Event) -> None:
        self._exchange.happened(messages.Stop("stopped"))
        self._doors.close()
        self._loop.ended = True
        left.set()

    def abandon(self) -> None:
        """In a forked child: close our copies of the sockets."""
        for link in self._exchange.links.values():
            link.abandon()
        # Nobody is linked any more with this process.
        self._exchange.by_node = {}
        self._doors.abandon()
        self._loop.abandon()
        if self._http is not None:
            self._http.abandon()


def _serve_http(config: Config, pages: Pages, complaints: Complaints) -> Server | None:
    return None if config.http is None else Server(config.http, pages, complaints)


def _listen(host: str, port: int) -> io.Socket:
    where = addresses.unite(host, port)
    try:
        return io.listen(host, port)
    except OSError as error:
        if io.in_use(error):
            raise ListenError(f"{where} is already in use (pid unknown)") from error
        raise ListenError(f"cannot listen on {where}: {io.words(error)}") from error
