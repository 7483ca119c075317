"""What a node of the campaign is told, and what it answers."""

import msgspec

from tests.campaign.beliefs import Kind, Owner

SUB = "sub"
"""The named cluster of the campaign; "" is the default one."""

HEARTBEAT, LEASE, GRACE, HANDSHAKE = 0.25, 1.0, 0.5, 1.0


class Orders(msgspec.Struct, frozen=True):
    """How one life of a node begins.

    Attributes:
        skew: Seconds by which its wall clock is wrong.
    """

    name: str
    listen: str
    advertise: str
    journal: str
    seed: int
    skew: float
    rate: float


class Command(msgspec.Struct, frozen=True):
    """What a node is to do: join, hush, pause, resume, look, connect and so on."""

    do: str
    addresses: tuple[str, ...] = ()
    skew: float = 0.0


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row as a node shows it."""

    kind: Kind
    cluster: str
    key: str
    owner: Owner
    version: int


class Slow(msgspec.Struct, frozen=True, array_like=True):
    """A call that took long, or has not returned (`outcome` is then "in flight")."""

    what: str
    began: float
    ended: float
    limit: float
    outcome: str


class Calls(msgspec.Struct):
    """The calls since the last look.

    Attributes:
        outcomes: How many ended how, by "verb outcome".
        slow: The slowest of each verb, and all that took more than half of their limit.
        complaints: Calls that ended as no call may.
    """

    outcomes: dict[str, int] = {}
    slow: list[Slow] = []
    complaints: list[str] = []


class Seen(msgspec.Struct):
    """One node's own view of everything, through its API.

    Attributes:
        peers: The lives of the peers that are up.
        nodes: Who runs the group, without itself.
        clusters: Who is in the named clusters that this node is in.
        folded: The rows that follow from a monitor's events.
        lagging: Those that follow from the events of a monitor that is often too slow.
        lags: How often it was.
        streamed: Those that follow from a stream that began in mid-run.
        complaints: Events that contradict those before.
        alive: The numbers of its actors.
        threads: Beside those of the actors that come and go.
    """

    name: str
    life: str
    peers: dict[str, str]
    nodes: list[str]
    clusters: dict[str, list[str]]
    rows: list[Row]
    folded: list[Row]
    lagging: list[Row]
    lags: int
    streamed: list[Row]
    complaints: list[str]
    alive: list[int]
    counters: dict[str, int]
    descriptors: int
    threads: int
    calls: Calls = msgspec.field(default_factory=Calls)


class Answer(msgspec.Struct):
    """What a node says to a command."""

    life: str = ""
    seen: Seen | None = None
    error: str = ""
