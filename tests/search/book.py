"""Every node state that was met, and what each deed makes of it.

A deed in a state has one outcome, so the real cores carry it out only once, however
many worlds it is part of. States are kept as pickles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import NamedTuple

from group._core.rows import RowKey
from group._core.tables import Tables
from group._core.views import View
from tests.search.canon import fingerprint
from tests.search.ghosts import Written
from tests.search.node import Node
from tests.search.scope import CLUSTER, KEY, Scope
from tests.sim.ledger import Held
from tests.sim.stories import Owner, shown_claims, shown_members
from transport import NodeId

Deed = tuple[object, ...]
"""The name of a method of `Node`, and its arguments."""


class Copy(NamedTuple):
    """What a node holds of another's lane."""

    origin: NodeId
    cid: int
    cursor: int | None
    hash: int


@dataclass(frozen=True, slots=True)
class State:
    """What the world must know of a node.

    Attributes:
        calls: What callers and actors may do.
        waiting: Whether the shard has something to do.
        inside: Whether it is in the cluster; None while it is leaving.
        given_up: Peers that it may give up: known, and not linked.
        lanes: Position and hash of each own lane, by cid.
        positions: Hash of the own rows at each (cid, position) that there ever was.
        known: Whom it believes to be in the cluster.
        view: Its claims, and its members.
        tokens: Of the links that the shard believes in.
        full: Those of them that take no more.
        fences: That are not settled.
    """

    me: NodeId
    calls: tuple[Deed, ...]
    waiting: bool
    doomed: tuple[int, ...]
    inside: bool | None
    given_up: tuple[NodeId, ...]
    copies: tuple[Copy, ...]
    lanes: dict[int, int]
    positions: dict[tuple[int, int], int]
    rows: dict[RowKey, Held]
    known: list[str]
    view: tuple[dict[str, Owner], dict[tuple[str, object], bytes]]
    problems: tuple[str, ...]
    tokens: frozenset[int]
    full: tuple[int, ...]
    fences: int


class Outcome(NamedTuple):
    """The state after a deed, and what happened meanwhile: see `Node`."""

    number: int
    out: tuple[tuple[int, bytes], ...]
    burnt: bool
    settled: tuple[Written, ...]


class BrokenError(AssertionError):
    """Something does not hold that must."""


class Book:
    """Numbers node states. 0 is no state: the process does not run."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.states: list[State | None] = [None]
        self._pickles: list[bytes] = [b""]
        self._numbers: dict[bytes, int] = {}
        self._outcomes: dict[tuple[int, Deed], Outcome] = {}

    @property
    def turns(self) -> int:
        """How many deeds the real cores have carried out."""
        return len(self._outcomes)

    def born(self, me: NodeId) -> int:
        """Return the state of a node that just starts."""
        return self._enter(Node(me))

    def state(self, number: int) -> State:
        """Return what is known of a state."""
        state = self.states[number]
        assert state is not None
        return state

    def outcome(self, number: int, deed: Deed) -> Outcome:
        """Return what a deed makes of a state.

        Raises:
            BrokenError: The cores have raised.
        """
        outcome = self._outcomes.get((number, deed))
        if outcome is None:
            outcome = self._outcomes[(number, deed)] = self._do(number, deed)
        return outcome

    def _do(self, number: int, deed: Deed) -> Outcome:
        node = self._recall(number)
        name, *args = deed
        do: Callable[..., None] = getattr(node, str(name))
        try:
            do(*args)
        except Exception as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from error
        out, node.out = tuple(node.out), []
        burnt, node.burnt = node.burnt, False
        settled, node.settled = tuple(node.settled), []
        return Outcome(self._enter(node), out, burnt, settled)

    def _recall(self, number: int) -> Node:
        node: Node = ForkingPickler.loads(self._pickles[number])
        shard = node.shard
        shard._requests, shard._frames = shard._request_table(), shard._frame_table()
        return node

    def _enter(self, node: Node) -> int:
        mark = fingerprint(node)
        number = self._numbers.get(mark)
        if number is None:
            number = self._numbers[mark] = len(self.states)
            self.states.append(_state(node, self.scope))
            self._pickles.append(_pickled(node))
        return number


def _pickled(node: Node) -> bytes:
    # The tables of methods are half of a pickle and always the same.
    node.shard._requests, node.shard._frames = {}, {}
    return bytes(ForkingPickler.dumps(node))


def _state(node: Node, scope: Scope) -> State:
    directory, tables = node.directory, node.tables
    inside: bool | None = CLUSTER in directory.own
    if CLUSTER in directory.closing:
        inside = None
    view = node.views.get(CLUSTER) or View()
    linked = node.shard.outbound.peers
    return State(
        me=node.me,
        calls=tuple(_calls(node, scope)),
        waiting=bool(node.inbox),
        doomed=tuple(sorted(node.doomed)),
        inside=inside,
        given_up=tuple(p.node for p in directory.peers.values() if p.token is None),
        copies=_copies(tables),
        lanes={lane.cid: lane.head for lane in tables.lanes.values()},
        positions=node.ghosts.positions,
        rows=node.ledger.rows(CLUSTER),
        known=directory.nodes(CLUSTER),
        view=(shown_claims(view), shown_members(view)),
        problems=tuple(node.ghosts.problems),
        tokens=frozenset(linked),
        full=tuple(token for token, peer in linked.items() if peer.blocked),
        fences=len(node.ghosts.promised) + len(node.shard.fences),
    )


def _copies(tables: Tables) -> tuple[Copy, ...]:
    return tuple(
        Copy(node, cid, copy.cursor, copy.hash())
        for node, copies in tables.inbound.items()
        for cid, copy in copies.items()
    )


def _calls(node: Node, scope: Scope) -> list[Deed]:
    calls: list[Deed] = []
    actors = sorted(node.actors)
    if node.spawned < scope.actors:
        actors.append(node.spawned + 1)
    for n in actors:
        calls += [("register", n), ("join", n)]
        if (KEY, n) in node.ledger.rows(CLUSTER):
            calls.append(("leave", n))
        if n in node.watching and n not in node.doomed:
            calls.append(("end", n))
    if CLUSTER in node.directory.own and KEY in node.ledger.rows(CLUSTER):
        calls.append(("unregister",))
    return calls
