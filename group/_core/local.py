"""Requests of this node's own actors and callers: checked, stored, logged."""

from group._core.effects import Watch
from group._core.lanes import Lane
from group._core.messages import DelGrp, DelOwner, DelReg, Op, PutGrp, PutReg
from group._core.meta import same
from group._core.outbound import Outbound
from group._core.reasons import to_wire
from group._core.requests import (
    CONDEMNED,
    DONE,
    EXPIRED,
    NOT_CONNECTED,
    NOT_JOINED,
    NOT_REGISTERED,
    SEALED,
    ActorDown,
    Join,
    Leave,
    NotOwner,
    Register,
    Taken,
    Unregister,
)
from group._core.rows import Row, RowKey
from group._core.tables import Tables
from group._core.turn import Turn


class Local:
    """The own rows of one shard. Every answer is a value; nothing here raises."""

    def __init__(
        self, tables: Tables, condemned: set[int], outbound: Outbound, turn: Turn
    ) -> None:
        self.tables = tables
        self.clock = tables.clock
        self.condemned = condemned
        self.outbound = outbound
        self.turn = turn
        self.sealed: set[str] = set()

    def register(self, request: Register) -> object:
        """Claim a key, or renew the meta of a claim."""
        cluster, key = request.cluster, request.key
        lane = self._lane(cluster, request.deadline)
        if type(lane) is not Lane:
            return lane
        shown = self.tables.views[cluster].registry.get(key)
        if shown is not None and not self._is(shown, request.n):
            return Taken(shown)
        mine = lane.rows.get(key)
        if mine is not None and mine.n != request.n:
            return Taken(mine)
        return self._put(lane, request, key, mine)

    def join(self, request: Join) -> object:
        """Become a member, or renew the meta of a membership."""
        lane = self._lane(request.cluster, request.deadline)
        if type(lane) is not Lane:
            return lane
        row_key = (request.key, request.n)
        return self._put(lane, request, row_key, lane.rows.get(row_key))

    def unregister(self, request: Unregister) -> object:
        """Give up a key; any actor of this node may be its owner."""
        lane = self._lane(request.cluster, request.deadline)
        if type(lane) is not Lane:
            return lane
        if request.key not in lane.rows:
            shown = self.tables.views[request.cluster].registry.get(request.key)
            return NOT_REGISTERED if shown is None else NotOwner(shown)
        self.delete(lane, request.key, "unregister")
        return DONE

    def leave(self, request: Leave) -> object:
        """End a membership."""
        lane = self._lane(request.cluster, request.deadline)
        if type(lane) is not Lane:
            return lane
        row_key = (request.key, request.n)
        if row_key not in lane.rows:
            return NOT_JOINED
        self.delete(lane, row_key, "leave")
        return DONE

    def actor_down(self, down: ActorDown) -> None:
        """Remove all rows of an actor that has ended: one operation a lane."""
        self.condemned.discard(down.n)
        for cluster in self.tables.watched.pop(down.n, ()):
            lane = self.tables.lanes.get(cluster)
            if lane is not None and self.tables.drop_owner(lane, down.n, down.reason):
                self._log(lane, DelOwner(down.n, to_wire(down.reason)))

    def delete(self, lane: Lane, row_key: RowKey, reason: object) -> None:
        """Remove one own row by an ordinary operation."""
        row = self.tables.pop_own(lane, row_key, reason)
        if row is None:
            return
        if isinstance(row_key, str):
            self._log(lane, DelReg(row_key, to_wire(reason)))
        else:
            self._log(lane, DelGrp(row_key[0], row.n, to_wire(reason)))

    def _lane(self, cluster: str, deadline: float) -> object:
        if self.turn.now > deadline:
            return EXPIRED
        if cluster in self.sealed:
            return SEALED
        return self.tables.lanes.get(cluster, NOT_CONNECTED)

    def _is(self, row: Row, n: int) -> bool:
        return row.n == n and row.origin == self.tables.me

    def _put(
        self,
        lane: Lane,
        request: Register | Join,
        row_key: RowKey,
        mine: Row | None,
    ) -> object:
        n, meta = request.n, request.meta
        if n in self.condemned:
            return CONDEMNED
        if mine is not None and same(mine.meta, meta):
            return DONE
        tables = self.tables
        # A stamp is made once, when the claim is: else whoever refreshes meta wins.
        stamp = self.clock.stamp(self.turn.wall) if mine is None else mine.stamp
        row = Row(tables.me, n, request.cls, stamp, meta)
        watched = tables.watched.get(n)
        if watched is None or lane.cluster not in watched:
            self._watch(n, lane.cluster)
        tables.put_own(lane, row_key, row)
        put = PutReg if type(row_key) is str else PutGrp
        self._log(lane, put(request.key, n, request.cls, stamp, meta))
        return DONE

    def _watch(self, n: int, cluster: str) -> None:
        clusters = self.tables.watched.get(n)
        if clusters is None:
            self.tables.watched[n] = {cluster: None}
            self.turn.effects.append(Watch(n))
        else:
            clusters[cluster] = None

    def _log(self, lane: Lane, op: Op) -> None:
        lane.log(op)
        self.outbound.moved(lane)
