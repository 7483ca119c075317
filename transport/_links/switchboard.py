"""Where every event of every link arrives, and the turn of the I/O thread."""

import traceback
from types import TracebackType

from transport import _clock as clock
from transport._core import messages
from transport._core.errors import AuthError, ProtocolError
from transport._core.frames import Frame
from transport._core.identity import NodeId
from transport._core.session import Asked, Event, Failed, Opened, Proven, Told
from transport._links.channels import Channels
from transport._links.doors import LONGEST, Doors
from transport._links.exchange import Exchange
from transport._links.inbound import Inbound
from transport._links.link import Link
from transport._links.tls import Secured
from transport._log import log

# A step of the wall clock, in seconds; less is the work of those who keep it right.
JUMP_WORTH_A_WARNING = 1.0


class _EndsLink:
    """Ends a link for whatever is raised, so that it does not end all others."""

    def __init__(self, inbound: Inbound, link: Link) -> None:
        self._inbound = inbound
        self._link = link

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if isinstance(error, ProtocolError):
            self._inbound.fail(self._link, error)
            return True
        log.error(
            "link_handler_failed",
            peer=self._link.node,
            error=repr(error),
            traceback="".join(traceback.format_exception(error)),
        )
        wrong = ProtocolError(repr(error), reason="handler")
        self._inbound.fail(self._link, wrong)
        return True


class Switchboard:
    """The board of all links of one node. I/O thread only."""

    def __init__(
        self, doors: Doors, exchange: Exchange, inbound: Inbound, channels: Channels
    ) -> None:
        self._doors = doors
        self._exchange = exchange
        self._inbound = inbound
        self._channels = channels
        self._tick_at = 0.0
        # How far the wall clock is ahead of the monotonic one.
        self._lead = clock.wall() - clock.monotonic()

    def tick(self) -> float:
        """Let time pass, after sockets were read; return how long to wait."""
        now = clock.monotonic()
        if now < self._tick_at and not self._exchange.stirred:
            return self._tick_at - now
        self._doors.tick(now)
        self._judge_clock(now)
        for link in list(self._exchange.links.values()):
            if link.paused:
                self._exchange.heard(link)
        self._exchange.happened(messages.Tick())
        wait = min(self._doors.wait(now), self._exchange.wait(), LONGEST)
        self._exchange.stirred = False
        self._tick_at = now + wait
        return wait

    def _judge_clock(self, now: float) -> None:
        """Say so when the wall clock was set: claims are as old as it says."""
        lead = clock.wall() - now
        jump, self._lead = lead - self._lead, lead
        if abs(jump) > JUMP_WORTH_A_WARNING:
            where = "forward" if jump > 0 else "back"
            log.warning(
                "clock_was_set",
                node=self._exchange.me,
                seconds=round(jump, 1),
                words=f"the wall clock was set {abs(jump):.0f} s {where}; conflicts "
                "with other nodes will be biased",
            )

    def heard(self, link: Link) -> None:
        """Bytes came."""
        if link.token:
            self._exchange.heard(link)

    def event(self, link: Link, event: Event) -> None:
        """Route one event."""
        match event:
            case Frame() | Told():
                self._served(link, event)
            case Failed():
                self._failed(link, event)
            case Proven(node) | Asked(node) if not self._named(link, node):
                pass
            case Proven(node, token):
                link.node, link.token = node, token
                self._doors.met(link)
                dialled = link.dialled or ""
                self._exchange.happened(messages.Met(token, dialled, node))
            case Asked(node, token, ready):
                link.node, link.token, link.ready = node, token, ready
                self._doors.asked(link)
                self._exchange.happened(
                    messages.Asked(
                        token,
                        node,
                        ready.advertise,
                        ready.hidden,
                        ready.prev_token,
                        ready.lease_ms / 1000,
                    )
                )
            case Opened(node, token, ready):
                link.ready = ready
                self._doors.answered(link)
                self._exchange.happened(
                    messages.Answered(
                        token,
                        link.dialled or "",
                        node,
                        ready.advertise,
                        ready.hidden,
                        ready.lease_ms / 1000,
                    )
                )

    def _named(self, link: Link, node: NodeId) -> bool:
        """Check that a proven peer's certificate, if there is one, bears its name."""
        if link.tls is None:
            return True
        try:
            link.tls.check_name(node.name)
        except AuthError as error:
            self._doors.failed(link, error)
            return False
        return True

    def _served(self, link: Link, event: Frame | Told) -> None:
        """Handle what came over an open link; whatever goes wrong ends that link."""
        with _EndsLink(self._inbound, link):
            if isinstance(event, Frame):
                self._inbound.frame(link, event)
            else:
                self._inbound.told(link, event.message)

    def _failed(self, link: Link, event: Failed) -> None:
        error = event.error
        if link.token in self._exchange.links:
            wrong = ProtocolError(str(error), reason=error.reason)
            self._inbound.fail(link, wrong)
        else:
            self._doors.failed(link, error)

    def lost(self, link: Link, error: OSError | None, reason: str) -> None:
        """The socket has failed or was closed at the other end."""
        if link.closed:
            return
        if link.token in self._exchange.links:
            link.close()
            self._exchange.happened(messages.Lost(link.token, reason))
        else:
            self._doors.lost(link, error, reason)

    def secured(self, link: Link, tls: Secured) -> None:
        """TLS is up: the link's session may begin."""
        self._doors.secured(link, tls)

    def insecure(self, link: Link, error: OSError) -> None:
        """TLS has failed."""
        if not link.closed:
            self._doors.insecure(link, error)

    def held_back(self, link: Link) -> bool:
        """Tell whether a stranger has to wait for the answer to its greeting."""
        return self._doors.held_back(link)

    def drained(self, link: Link) -> None:
        """Channels that were told "full" may send again."""
        if not link.closed:
            self._channels.drained(link)
