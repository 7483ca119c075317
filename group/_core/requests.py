"""Everything that can happen to a core: requests, deaths, links, ticks, frames.

All of them enter by `step`. Answers to requests are the values at the end.
"""

from collections.abc import Hashable

import msgspec

from group._core.events import Event
from group._core.keys import Pattern
from group._core.messages import Message
from group._core.rows import Row
from transport import NodeId


class _Request(msgspec.Struct, frozen=True, gc=False):
    """A value: built once, compared by type and content."""


class Register(_Request, frozen=True):
    """Claim a key for a local actor, not after `deadline`."""

    n: int
    cls: str
    cluster: str
    key: str
    meta: bytes
    deadline: float


class Unregister(_Request, frozen=True):
    """Give up a key that any actor of this node holds."""

    cluster: str
    key: str
    deadline: float


class Join(_Request, frozen=True):
    """Make a local actor a member."""

    n: int
    cls: str
    cluster: str
    key: str
    meta: bytes
    deadline: float


class Leave(_Request, frozen=True):
    """End a membership of a local actor."""

    n: int
    cluster: str
    key: str
    deadline: float


class ActorDown(_Request, frozen=True):
    """A watched local actor has ended."""

    n: int
    reason: object


class Subscribe(_Request, frozen=True):
    """Send events of a cluster that match the pattern to the subscriber.

    The answer is a tuple of the events that describe the matching rows of this moment:
    replaying what follows over them gives the view at every turn.
    """

    subscriber: Hashable
    cluster: str
    pattern: Pattern
    snapshot: bool = False


class Describe(_Request, frozen=True):
    """Tell the rows that match any of these (cluster, pattern), each once.

    The answer is a `Snapshot`. For a subscriber that has missed events: what follows
    this turn continues it.
    """

    held: tuple[tuple[str, Pattern], ...]


class Unsubscribe(_Request, frozen=True):
    """Stop sending them. `pattern` None: every pattern of this subscriber."""

    subscriber: Hashable
    cluster: str
    pattern: Pattern | None


class OpenCluster(_Request, frozen=True):
    """This node has joined a cluster: begin the lane `cid`."""

    cluster: str
    cid: int
    change: int


class SealCluster(_Request, frozen=True):
    """A lease has ended: answer `Busy` if a row is ours, else refuse writes for now."""

    cluster: str


class UnsealCluster(_Request, frozen=True):
    """The lease goes on: take writes again."""

    cluster: str


class CloseCluster(_Request, frozen=True):
    """This node leaves a cluster: drop its lane and everything known of it."""

    cluster: str
    change: int


class Settle(_Request, frozen=True):
    """Pump every lane and fence every link; `Settled(id)` follows."""

    id: int


class Tick(_Request, frozen=True):
    """A heartbeat has passed."""


class Link(_Request, frozen=True):
    """(In `Rebuild`.) A peer as the catalogue knows it; `change` None: not heard of."""

    node: NodeId
    token: int | None
    change: int | None
    clusters: tuple[tuple[int, str], ...]


class Rebuild(_Request, frozen=True):
    """The shard has been restarted over tables that a crash may have left half done."""

    change: int
    clusters: tuple[tuple[str, int], ...]
    links: tuple[Link, ...]


class LinkUp(_Request, frozen=True):
    """A link to a peer that runs this group."""

    token: int
    node: NodeId


class LinkDown(_Request, frozen=True):
    """It is gone; the peer may come back."""

    token: int


class PeerDown(_Request, frozen=True):
    """The peer is gone for good."""

    node: NodeId
    cause: str


class Blocked(_Request, frozen=True):
    """The link has more to write than it likes: send only what must be sent."""

    token: int


class Writable(_Request, frozen=True):
    """The link has drained."""

    token: int


class Frame(_Request, frozen=True):
    """A message from the peer at the other end of the link."""

    token: int
    message: Message


class Connect(_Request, frozen=True):
    """(Catalogue.) Join clusters."""

    clusters: tuple[str, ...]


class Disconnect(_Request, frozen=True):
    """(Catalogue.) Leave clusters."""

    clusters: tuple[str, ...]


class Closed(_Request, frozen=True):
    """(Catalogue.) Every shard has closed these clusters."""

    clusters: tuple[str, ...]


class Done(_Request, frozen=True):
    """The request is carried out."""


class Taken(_Request, frozen=True):
    """Another actor has the key."""

    row: Row


class NotConnected(_Request, frozen=True):
    """This node is not in the cluster."""


class NotRegistered(_Request, frozen=True):
    """Nobody has the key."""


class NotOwner(_Request, frozen=True):
    """An actor of another node has the key."""

    row: Row


class NotJoined(_Request, frozen=True):
    """The actor is not a member."""


class Condemned(_Request, frozen=True):
    """The actor is being stopped because it lost a conflict."""


class Expired(_Request, frozen=True):
    """The deadline had passed; nothing was done."""


class Sealed(_Request, frozen=True):
    """The cluster's lease is just being judged; ask again in a moment."""


class Busy(_Request, frozen=True):
    """An actor of this node has a row in the cluster."""


class Full(_Request, frozen=True):
    """This node is in as many clusters as can be told of."""

    clusters: int


class Snapshot(_Request, frozen=True):
    """The rows that a new subscription starts from."""

    events: tuple[Event, ...]


DONE = Done()
NOT_CONNECTED = NotConnected()
NOT_REGISTERED = NotRegistered()
NOT_JOINED = NotJoined()
CONDEMNED = Condemned()
EXPIRED = Expired()
SEALED = Sealed()
BUSY = Busy()
