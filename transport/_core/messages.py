"""Everything that may happen to a mesh. A `token` names one connection for ever."""

from dataclasses import dataclass

from transport._core.identity import NodeId

Hints = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Somebody here wants a link with whoever listens at `address`.

    For good, or, not `lasting`, until it was long enough out of reach.
    """

    address: str
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Somebody here wants no link with the node called `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    """This node leaves."""

    text: str


@dataclass(frozen=True, slots=True)
class DialFailed:
    """No connection, or one that ended before anybody was proven.

    `refused` means that the machine is there and nobody listens.
    """

    address: str
    text: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class DialRejected:
    """The node at `address` said no; `code` is a word of REJECT."""

    address: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Met:
    """A dial has proven who is at `address`. Answered by Proceed or Close."""

    token: int
    address: str
    node: NodeId


@dataclass(frozen=True, slots=True)
class Answered:
    """The node met at `dialled` has accepted: its READY is here."""

    token: int
    dialled: str
    node: NodeId
    address: str
    hidden: bool
    lease: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A proven node has dialled us. Answered by Accept or Reject."""

    token: int
    node: NodeId
    address: str
    hidden: bool
    prev_token: int
    lease: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """An open link has ended; `fault` when the peer sent what no peer may send."""

    token: int
    reason: str
    fault: bool = False


@dataclass(frozen=True, slots=True)
class GotBye:
    """The peer leaves for good."""

    token: int
    text: str


@dataclass(frozen=True, slots=True)
class GotPeers:
    """The peer knows of these: (name, address)."""

    token: int
    hints: Hints


@dataclass(frozen=True, slots=True)
class Tick:
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
