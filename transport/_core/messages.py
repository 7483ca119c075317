"""Everything that may happen to a mesh. A `token` names one connection for ever."""

import msgspec

from transport._core.identity import NodeId

Hints = tuple[tuple[str, str], ...]


class _Message(msgspec.Struct, frozen=True, gc=False):
    """A value: built once, compared by type and content."""


class Join(_Message, frozen=True):
    """Somebody here wants a link with whoever listens at `address`.

    For good, or, not `lasting`, until it was long enough out of reach.
    """

    address: str
    lasting: bool = True


class Disconnect(_Message, frozen=True):
    """Somebody here wants no link with the node called `name`."""

    name: str


class Stop(_Message, frozen=True):
    """This node leaves."""

    text: str


class DialFailed(_Message, frozen=True):
    """No connection, or one that ended before anybody was proven.

    `refused` means that the machine is there and nobody listens.
    """

    address: str
    text: str
    refused: bool = False


class DialRejected(_Message, frozen=True):
    """The node at `address` said no; `code` is a word of REJECT."""

    address: str
    code: str
    text: str


class Met(_Message, frozen=True):
    """A dial has proven who is at `address`. Answered by Proceed or Close."""

    token: int
    address: str
    node: NodeId


class Answered(_Message, frozen=True):
    """The node met at `dialled` has accepted: its READY is here."""

    token: int
    dialled: str
    node: NodeId
    address: str
    hidden: bool
    lease: float = 0.0


class Asked(_Message, frozen=True):
    """A proven node has dialled us. Answered by Accept or Reject."""

    token: int
    node: NodeId
    address: str
    hidden: bool
    prev_token: int
    lease: float = 0.0


class Lost(_Message, frozen=True):
    """An open link has ended; `fault` when the peer sent what no peer may send."""

    token: int
    reason: str
    fault: bool = False


class GotBye(_Message, frozen=True):
    """The peer leaves for good."""

    token: int
    text: str


class GotPeers(_Message, frozen=True):
    """The peer knows of these: (name, address)."""

    token: int
    hints: Hints


class Tick(_Message, frozen=True):
    """Time has passed. At least one per heartbeat, after all sockets were read."""


Message = (
    Join
    | Disconnect
    | Stop
    | DialFailed
    | DialRejected
    | Met
    | Answered
    | Asked
    | Lost
    | GotBye
    | GotPeers
    | Tick
)
