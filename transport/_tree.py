"""What runs inside a node, as supervised actors."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ChildSpec,
    Supervisor,
    Timer,
    child,
    tell_after,
)
from transport._core import addresses, messages
from transport._http.server import HttpServer, Server
from transport._links import io, words
from transport._links.doors import Doors
from transport._links.exchange import Exchange
from transport._links.switchboard import Switchboard
from transport._log import Complaints

# Before the I/O thread is busy for good, it answers whoever waits for its start.
FIRST_MAIL = 0.005
# Seconds between looks at a name while there is no link at all: this, and then longer.
FIRST_POLL = 0.25


@dataclass(frozen=True, slots=True)
class Parts:
    """What the actors of one node work on."""

    loop: io.Loop
    exchange: Exchange
    doors: Doors
    board: Switchboard
    complaints: Complaints
    dns_interval: float
    http: Server | None = None


@dataclass(frozen=True, slots=True)
class _Serve:
    """To oneself: serve the sockets."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look up the host of an address that is to be dialled."""

    address: str


@dataclass(frozen=True, slots=True)
class Poll:
    """Look up a name again and again; dial every address it has."""

    address: str


class LinkIO(Actor):
    """The I/O thread of a node. When it dies, its successor makes all links anew."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts

    def on_start(self) -> None:
        """Trust nothing that an I/O thread before may have left half done."""
        self._parts.doors.hang_up()
        self._parts.exchange.reset()
        tell_after(self.actor_ref, FIRST_MAIL, _Serve())

    def on_receive(self, _message: object) -> None:
        """Serve the sockets until there is mail: a supervisor may want an end."""
        loop = self._parts.loop
        loop.run(self._parts.board.tick, self._mail_waits)
        if not loop.ended:
            with suppress(ActorDeadError):
                self.actor_ref.tell(_Serve())

    def _mail_waits(self) -> bool:
        # One that was killed has a successor, which serves the same sockets.
        return self.actor_stopped.is_set() or not self.actor_inbox.empty()


def start_link_io(parts: Parts) -> ActorRef[LinkIO]:
    """Start the I/O thread; not to be waited for, since it is busy from the start."""
    return LinkIO.start(parts)


class Discovery(Actor):
    """Asks the name service, which may take its time.

    What it finds is dialled, by and by. What it does not find any more is left as it
    is: a name service that fails, or forgets, ends no link.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts
        self._next: dict[str, Timer] = {}
        self._looks: dict[str, int] = {}

    def on_start(self) -> None:
        """Take over from the one before, if there was one."""
        self._parts.doors.resolve = self._ask
        self._parts.loop.call(self._parts.doors.lookups_lost)
        for address in list(self._parts.doors.wanted):
            if address.startswith(addresses.DNS):
                self.actor_ref.tell(Poll(address))

    def _ask(self, address: str) -> None:
        self.actor_ref.tell(Resolve(address))

    def on_receive(self, message: object) -> None:
        """Look a name up."""
        match message:
            case Resolve(address):
                found, text = self._look_up(address)
                resolved = partial(self._parts.doors.resolved, address, found, text)
                self._parts.loop.call(resolved)
            case Poll(address):
                self._poll(address)
                self._poll_later(address)
            case _:
                pass

    def on_stop(self) -> None:
        """Call the timers off."""
        for timer in self._next.values():
            timer.cancel()

    def _poll_later(self, address: str) -> None:
        # Asked for a second time, a name is not looked up twice as often.
        before = self._next.get(address)
        if before is not None:
            before.cancel()
        interval = self._parts.dns_interval
        looks = self._looks[address] = self._looks.get(address, 0) + 1
        if not self._parts.exchange.links:
            # Nodes that start together are in the name service a moment later.
            interval = min(interval, FIRST_POLL * 2.0 ** min(looks, 16))
        self._next[address] = tell_after(self.actor_ref, interval, Poll(address))

    def _poll(self, address: str) -> None:
        parts = self._parts
        found, text = self._look_up(address.removeprefix(addresses.DNS))
        if not found:
            said = words.not_found(address, text)
            parts.complaints.warn(
                "name_not_resolved", source=address, reason=text, words=said
            )
            parts.complaints.troubles.note("lookup", address, text, said)
            return
        parts.complaints.forget(address)
        parts.complaints.troubles.clear("lookup", address)
        reached = [addresses.unite(host, port) for host, port in found]
        parts.loop.call(partial(parts.doors.discovered, address, reached))
        for each in reached:
            join = messages.Join(each, lasting=False)
            parts.loop.call(partial(parts.exchange.happened, join))

    def _look_up(self, address: str) -> tuple[list[io.Where], str]:
        try:
            found = io.resolve(*addresses.split(address))
        except OSError as error:
            return [], io.words(error)
        return found, "" if found else "it has no address"


class NodeSupervisor(Supervisor):
    """Link I/O, then discovery, which depends on it, then the operations server."""

    strategy = "rest_for_one"

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts

    def children(self) -> Iterable[ChildSpec]:
        """Give their specs."""
        specs = [
            child(start_link_io, self._parts, id="link I/O"),
            child(Discovery, self._parts, id="discovery", shutdown=1.0),
        ]
        if self._parts.http is not None:
            specs.append(child(HttpServer, self._parts.http, id="http", shutdown=2.0))
        return specs
