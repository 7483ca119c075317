"""A checker that has never rejected anything proves nothing: break a rule, be caught.

Each fault takes one rule of the protocol away; some history must then violate an
invariant. The number is how many histories it may take.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from group._core import following, local, outbound, requests, sessions, tables
from group._core.following import Following
from group._core.hlc import Clock
from group._core.lanes import Inbound, Lane
from group._core.local import Local
from group._core.outbound import Outbound
from group._core.peers import Peer
from group._core.retiring import Retiring
from group._core.rows import Row, RowKey
from group._core.sessions import Sessions
from group._core.tables import Tables
from tests.sim.world import Profile, Violation, history

Patch = pytest.MonkeyPatch
EVERYTHING = Profile(
    faults=("reset", "crash", "delay", "block", "oneway", "pause", "skew")
)


@dataclass(frozen=True)
class Fault:
    """A rule taken away."""

    plant: Callable[[Patch], None]
    histories: int = 200


def no_link_fence(patch: Patch) -> None:
    """R0: frames of an old link are applied as if they were of the current one."""
    known: dict[tuple[int, int], Peer] = {}
    link_up, find = Sessions.link_up, Sessions.find

    def remember(self: Sessions, up: requests.LinkUp) -> None:
        link_up(self, up)
        known[(id(self), up.token)] = self.peers[up.node.name]

    def find_any(self: Sessions, token: int) -> Peer | None:
        old = known.get((id(self), token))
        current = None if old is None else self.peers.get(old.node.name)
        if current is not None and current.hello:
            return current
        return find(self, token)

    patch.setattr(Sessions, "link_up", remember)
    patch.setattr(Sessions, "find", find_any)


def additive_snapshot(patch: Patch) -> None:
    """R3: a snapshot only adds."""
    replace = Tables.replace

    def add(
        self: Tables, copy: Inbound, rows: dict[RowKey, Row], reason: object
    ) -> None:
        replace(self, copy, {**copy.rows, **rows} if rows else rows, reason)

    patch.setattr(Tables, "replace", add)


def keep_rows_of_the_dead(patch: Patch) -> None:
    """A peer that is gone for good is not purged."""
    patch.setattr(Following, "purge", lambda self, peer, reason: None)


def apply_across_gap(patch: Patch) -> None:
    """A cursor that is unknown is taken for any position."""
    on_ops = Following.on_ops

    def anywhere(self: Following, peer: Peer, ops: following.Ops) -> None:
        copy = self._copy(peer, ops.cid)
        if copy is not None and copy.cursor is None:
            copy.cursor = ops.first - 1
        on_ops(self, peer, ops)

    patch.setattr(Following, "on_ops", anywhere)


def leave_keeps_cursor(patch: Patch) -> None:
    """R4: after leaving a cluster, positions in it are still believed."""

    def forget_rows(self: Following, peer: Peer, cluster: str) -> None:
        for copy in self.tables.inbound.get(peer.node, {}).values():
            if copy.cluster == cluster:
                self.tables.drop(copy, "cluster_disconnect")

    patch.setattr(Following, "leave", forget_rows)


def close_keeps_rows(patch: Patch) -> None:
    """R4: a peer that left a cluster keeps its rows here."""
    patch.setattr(Following, "forget", lambda self, peer, cid, reason: None)


def wall_clock_alone(patch: Patch) -> None:
    """Stamps do not follow causes."""
    patch.setattr(Clock, "see", lambda self, stamp, wall_ms: True)
    patch.setattr(Clock, "stamp", lambda self, wall_ms: wall_ms << 16)


def arrival_decides(patch: Patch) -> None:
    """Whoever was seen first keeps the key."""
    patch.setattr(tables, "winner", lambda key, claims, rank: next(iter(claims)))


def losers_stay(patch: Patch) -> None:
    """No loser is ever ended."""
    patch.setattr(Retiring, "ask", lambda self, claims, peers: None)


def loser_goes_silently(patch: Patch) -> None:
    """The loser's row goes without an operation in its lane."""

    def silently(self: Local, lane: Lane, row_key: RowKey, reason: object) -> None:
        self.tables.pop_own(lane, row_key, reason)

    delete = Local.delete

    def only_conflicts(
        self: Local, lane: Lane, row_key: RowKey, reason: object
    ) -> None:
        (silently if reason == "conflict" else delete)(self, lane, row_key, reason)

    patch.setattr(Local, "delete", only_conflicts)


def condemned_may_register(patch: Patch) -> None:
    """An actor that is being ended may claim again."""
    patch.setattr(local, "CONDEMNED", None)
    put = Local._put

    def pardon(
        self: Local,
        lane: Lane,
        request: requests.Register | requests.Join,
        row_key: RowKey,
        mine: Row | None,
    ) -> object:
        condemned, self.condemned = self.condemned, set()
        try:
            return put(self, lane, request, row_key, mine)
        finally:
            self.condemned = condemned

    patch.setattr(Local, "_put", pardon)


def forget_losers(patch: Patch) -> None:
    """Only the winner's claim is kept; when it goes, the key stays empty."""
    contest = Tables._contest

    def keep_best(
        self: Tables,
        cluster: str,
        key: str,
        claims: dict[tables.NodeId, Row],
        new: Row | None,
        old: Row | None,
        reason: object,
    ) -> None:
        contest(self, cluster, key, claims, new, old, reason)
        shown = self.views[cluster].registry.get(key)
        for origin in [o for o in claims if shown and o not in (shown.origin, self.me)]:
            del claims[origin]

    patch.setattr(Tables, "_contest", keep_best)


def resume_where_we_were(patch: Patch) -> None:
    """S3: `have` is ignored; a follower is taken to have everything."""
    position = Outbound._position

    def in_step(self: Outbound, peer: Peer, lane: Lane, at: int | None) -> None:
        position(self, peer, lane, lane.head)

    patch.setattr(Outbound, "_position", in_step)
    patch.setattr(Following, "on_beat", lambda self, peer, beat: None)


def log_is_never_too_short(patch: Patch) -> None:
    """S2: a follower below the log's floor is sent what is left of it."""

    def send(
        self: Outbound, lane: Lane, position: int | None, tokens: tuple[int, ...]
    ) -> None:
        ops = list(lane.ring)
        if ops:
            first = lane.head - len(ops) + 1
            message = outbound.Ops(self.shard, lane.cid, first, ops)
            self.turn.effects.append(outbound.Send(tokens, message))

    patch.setattr(Outbound, "_send", send)


FAULTS = {
    "no_link_fence": Fault(no_link_fence, 600),
    "additive_snapshot": Fault(additive_snapshot),
    "keep_rows_of_the_dead": Fault(keep_rows_of_the_dead),
    "apply_across_gap": Fault(apply_across_gap),
    "leave_keeps_cursor": Fault(leave_keeps_cursor),
    "close_keeps_rows": Fault(close_keeps_rows),
    "wall_clock_alone": Fault(wall_clock_alone),
    "arrival_decides": Fault(arrival_decides),
    "losers_stay": Fault(losers_stay),
    "loser_goes_silently": Fault(loser_goes_silently),
    "condemned_may_register": Fault(condemned_may_register),
    "forget_losers": Fault(forget_losers),
    "resume_where_we_were": Fault(resume_where_we_were),
    "log_is_never_too_short": Fault(log_is_never_too_short),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name: str, monkeypatch: Patch) -> None:
    fault = FAULTS[name]
    fault.plant(monkeypatch)

    for seed in range(fault.histories):
        try:
            history(seed, EVERYTHING)
        except Violation as violation:
            print(f"{name}: history {seed} {violation}")
            return
        except Exception as crash:  # noqa: BLE001 - a broken rule may also crash
            print(f"{name}: history {seed} crashed: {crash!r}")
            return

    pytest.fail(f"{name} survived {fault.histories} histories")
