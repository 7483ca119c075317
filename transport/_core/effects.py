"""Everything a mesh may ask of the world."""

import msgspec

from transport._core.identity import NodeId
from transport._core.messages import Hints


class _Effect(msgspec.Struct, frozen=True, gc=False):
    """A value: built once, compared by type and content."""


class Dial(_Effect, frozen=True):
    """Connect to `address`; report Met and Answered, or DialFailed or DialRejected."""

    address: str


class Proceed(_Effect, frozen=True):
    """As the dialler, send READY with this `prev_token`."""

    token: int
    prev_token: int


class Accept(_Effect, frozen=True):
    """As the answerer, send READY; the link is open."""

    token: int


class Reject(_Effect, frozen=True):
    """As the answerer, send REJECT and close."""

    token: int
    code: str
    text: str


class Close(_Effect, frozen=True):
    """Close this connection. No Lost is to be reported for it."""

    token: int
    reason: str


class SayBye(_Effect, frozen=True):
    """Tell the peer that we leave; its Close follows."""

    token: int
    text: str


class Beat(_Effect, frozen=True):
    """Send a sign of life."""

    token: int


class Probe(_Effect, frozen=True):
    """Send a Ping: somebody else claims this peer's name."""

    token: int


class SendPeers(_Effect, frozen=True):
    """Tell the peer where others may be dialled."""

    token: int
    hints: Hints


class PeerUp(_Effect, frozen=True):
    """A node that was not known, or was down, is linked. LinkUp follows."""

    node: NodeId
    hidden: bool = False


class LinkUp(_Effect, frozen=True):
    """Frames with this token may be sent and received."""

    token: int
    node: NodeId


class LinkDown(_Effect, frozen=True):
    """Frames with this token must no longer count. The peer is suspect."""

    token: int
    node: NodeId
    reason: str


class PeerDown(_Effect, frozen=True):
    """This life of a node is gone for good. Exactly once per PeerUp."""

    node: NodeId
    cause: str
    hidden: bool = False


class Paused(_Effect, frozen=True):
    """This process did not run for so many seconds; no peer was judged for it."""

    seconds: float


class Quarantined(_Effect, frozen=True):
    """This life of a node gets no link for a while, after so many faults."""

    node: NodeId
    seconds: float
    faults: int
    reason: str


class NameInUse(_Effect, frozen=True):
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
