"""A shard on a bench: one message in, its effects in the hand."""

from collections.abc import Iterable
from typing import TypeVar, cast

from actors import AnyRef
from group._core import messages as wire
from group._core import requests as ask
from group._core.conflict import Rank, constant_rank
from group._core.effects import Effect, Notify, Reply, Send
from group._core.events import Entry, Event
from group._core.keys import ALL
from group._core.narrate import Narrator
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from transport import NodeId

HERE = NodeId("here", b"h" * 16)
THERE = NodeId("there", b"t" * 16)
YONDER = NodeId("yonder", b"y" * 16)
FOREVER = 1e9

E = TypeVar("E")


def row(
    origin: NodeId = HERE, n: int = 1, stamp: int = 1, meta: bytes = b"\x80"
) -> Row:
    return Row(origin, n, "Actor", stamp, meta)


def entry(row: Row) -> Entry:
    return Entry(cast("AnyRef", (row.origin.name, row.n)), {"meta": row.meta})


def narrator() -> Narrator:
    return Narrator("demo", entry)


def put(key: str, n: int, stamp: int = 1, meta: bytes = b"\x80") -> wire.PutReg:
    return wire.PutReg(key, n, "Actor", stamp, meta)


def put_member(key: str, n: int, stamp: int = 1, meta: bytes = b"\x80") -> wire.PutGrp:
    return wire.PutGrp(key, n, "Actor", stamp, meta)


class Bench:
    """A shard in no thread, in a cluster named "" unless told otherwise.

    Attributes:
        effects: What the last turn wanted.
    """

    def __init__(
        self,
        node: NodeId = HERE,
        *,
        place: tuple[int, int] = (0, 1),
        rank: Rank = constant_rank,
        log_size: int = 4,
        clusters: Iterable[str] = ("",),
    ) -> None:
        self.node = node
        self.log_size = log_size
        self.views: dict[str, View] = {}
        self.condemned: set[int] = set()
        self.tables = Tables(node, place, self.views, rank)
        self.shard = self.new_shard()
        self.now, self.wall = 0.0, 1_000
        self.effects: list[Effect] = []
        for cid, cluster in enumerate(clusters):
            self.do(ask.OpenCluster(cluster, cid, cid + 1))

    def new_shard(self) -> Shard:
        return Shard(self.tables, narrator(), self.condemned, self.log_size)

    def do(self, message: object) -> object:
        """Run a turn; return the answer."""
        self.effects = list(self.shard.step(message, self.now, self.wall))
        answers = [each.answer for each in self.all(Reply)]
        return answers[0] if answers else None

    def all(self, kind: type[E]) -> list[E]:
        """Effects of one kind that the last turn wanted."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self, token: int) -> list[wire.Message]:
        """What the last turn has queued on a link."""
        return [each.message for each in self.all(Send) if token in each.tokens]

    def events(self) -> list[tuple[str, str, str, object]]:
        """Type, key, actor and reason of what the last turn told."""
        return [told(event) for each in self.all(Notify) for event in each.events]

    # Requests

    def register(
        self, key: str, n: int, *, cluster: str = "", meta: bytes = b"\x80"
    ) -> object:
        return self.do(ask.Register(n, "Actor", cluster, key, meta, FOREVER))

    def unregister(self, key: str, *, cluster: str = "") -> object:
        return self.do(ask.Unregister(cluster, key, FOREVER))

    def join(
        self, key: str, n: int, *, cluster: str = "", meta: bytes = b"\x80"
    ) -> object:
        return self.do(ask.Join(n, "Actor", cluster, key, meta, FOREVER))

    def leave(self, key: str, n: int, *, cluster: str = "") -> object:
        return self.do(ask.Leave(n, cluster, key, FOREVER))

    def watch_all(self, cluster: str = "") -> None:
        self.do(ask.Subscribe("watcher", cluster, ALL))

    # Links

    def hear(self, token: int, message: wire.Message) -> None:
        """Take a frame from a link."""
        self.do(ask.Frame(token, message))

    def link(
        self,
        token: int,
        node: NodeId = THERE,
        *,
        clusters: Iterable[str] = ("",),
        have: Iterable[tuple[int, int]] = (),
    ) -> list[wire.Message]:
        """Link a peer that is in these clusters; return what it was sent."""
        named = list(enumerate(clusters))
        self.do(ask.LinkUp(token, node))
        sent = self.sent(token)
        self.hear(token, wire.Catalogue(len(named), named))
        sent += self.sent(token)
        self.hear(token, wire.Hello(0, 0, list(have)))
        return sent + self.sent(token)

    def follow(self, token: int, first: int, *ops: wire.Op, cid: int = 0) -> None:
        """Take operations of a peer's lane."""
        self.hear(token, wire.Ops(0, cid, first, list(ops)))

    # What is seen

    def owner(self, key: str, cluster: str = "") -> tuple[str, int] | None:
        """Node and number of who is registered."""
        found = self.views[cluster].registry.get(key)
        return None if found is None else (found.origin.name, found.n)

    def members(self, key: str, cluster: str = "") -> list[tuple[str, int]]:
        """Nodes and numbers of the members of a group."""
        group = self.views[cluster].groups.get(key)
        return [] if group is None else [(m.name, n) for m, n in group.rows]

    def count(self, what: str) -> int:
        """How often something rare has happened."""
        return self.shard.stats.get(what, 0)


def told(event: Event) -> tuple[str, str, str, object]:
    """Tell what an event is about, for comparing."""
    node, n = cast("tuple[str, int]", event.ref)
    return str(event.type), event.key, f"{node}#{n}", event.reason


def snapshot(
    head: int, *rows: wire.Put, cid: int = 0, rows_hash: int | None = None
) -> list[wire.Message]:
    """The frames of a snapshot of a lane of `THERE`."""
    return [
        wire.SnapBegin(0, cid, head, len(rows)),
        wire.SnapRows(0, cid, list(rows)),
        wire.SnapEnd(
            0, cid, head, len(rows), hash_of(rows) if rows_hash is None else rows_hash
        ),
    ]


def hash_of(rows: Iterable[wire.Put]) -> int:
    """The hash of a lane with these rows."""
    lane = Bench(THERE).tables.lanes[""]
    for each in rows:
        row_key = each.key if isinstance(each, wire.PutReg) else (each.key, each.n)
        lane.put(row_key, Row(THERE, each.n, each.cls, each.stamp, each.meta))
    return lane.hash()
