"""Everything a mesh may ask of the world."""

from dataclasses import dataclass

from transport._core.identity import NodeId
from transport._core.messages import Hints


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect to `address`; report Met and Answered, or DialFailed or DialRejected."""

    address: str


@dataclass(frozen=True, slots=True)
class Proceed:
    """As the dialler, send READY with this `prev_token`."""

    token: int
    prev_token: int


@dataclass(frozen=True, slots=True)
class Accept:
    """As the answerer, send READY; the link is open."""

    token: int


@dataclass(frozen=True, slots=True)
class Reject:
    """As the answerer, send REJECT and close."""

    token: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close this connection. No Lost is to be reported for it."""

    token: int
    reason: str


@dataclass(frozen=True, slots=True)
class SayBye:
    """Tell the peer that we leave; its Close follows."""

    token: int
    text: str


@dataclass(frozen=True, slots=True)
class Beat:
    """Send a sign of life."""

    token: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Send a Ping: somebody else claims this peer's name."""

    token: int


@dataclass(frozen=True, slots=True)
class SendPeers:
    """Tell the peer where others may be dialled."""

    token: int
    hints: Hints


@dataclass(frozen=True, slots=True)
class PeerUp:
    """A node that was not known, or was down, is linked. LinkUp follows."""

    node: NodeId
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Frames with this token may be sent and received."""

    token: int
    node: NodeId


@dataclass(frozen=True, slots=True)
class LinkDown:
    """Frames with this token must no longer count. The peer is suspect."""

    token: int
    node: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class PeerDown:
    """This life of a node is gone for good. Exactly once per PeerUp."""

    node: NodeId
    cause: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """This process did not run for so many seconds; no peer was judged for it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Quarantined:
    """This life of a node gets no link for a while, after so many faults."""

    node: NodeId
    seconds: float
    faults: int
    reason: str


@dataclass(frozen=True, slots=True)
class NameInUse:
    """A live node has our name, and we never had a link."""

    text: str


Effect = (
    Dial
    | Proceed
    | Accept
    | Reject
    | Close
    | SayBye
    | Beat
    | Probe
    | SendPeers
    | PeerUp
    | LinkUp
    | LinkDown
    | PeerDown
    | Paused
    | Quarantined
    | NameInUse
)
