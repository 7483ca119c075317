"""Planted faults of those who own rows: registering, sending, retiring, restarting."""

from collections.abc import Iterable

from group._core import local, messages, requests
from group._core.conflict import Rank
from group._core.directory import Directory
from group._core.effects import Send
from group._core.following import Following
from group._core.hlc import Clock
from group._core.lanes import Lane
from group._core.local import Local
from group._core.outbound import Outbound
from group._core.peers import Peer
from group._core.retiring import Retiring
from group._core.rows import Row, RowKey
from group._core.sessions import Sessions
from group._core.shard import Shard
from group._core.tables import Tables
from tests.sim.planting import Patch, fault
from transport import NodeId


@fault()
def wall_clock_alone(patch: Patch) -> None:
    """Stamps do not follow causes."""
    patch.setattr(Clock, "see", lambda self, stamp, wall_ms: True)
    patch.setattr(Clock, "stamp", lambda self, wall_ms: wall_ms << 16)


@fault()
def arrival_decides(patch: Patch) -> None:
    """Whoever was seen first keeps the key."""

    def first(key: str, claims: Iterable[Row], rank: Rank) -> Row:
        return next(iter(claims))

    patch.setattr("group._core.tables.winner", first)


@fault()
def forget_losers(patch: Patch) -> None:
    """Only the winner's claim is kept; when it goes, the key stays empty."""
    contest = Tables._contest

    def keep_best(
        self: Tables,
        cluster: str,
        key: str,
        claims: dict[NodeId, Row],
        new: Row | None,
        old: Row | None,
        reason: object,
    ) -> None:
        contest(self, cluster, key, claims, new, old, reason)
        shown = self.views[cluster].registry.get(key)
        for origin in [o for o in claims if shown and o not in (shown.origin, self.me)]:
            del claims[origin]

    patch.setattr(Tables, "_contest", keep_best)


@fault()
def losers_stay(patch: Patch) -> None:
    """No loser is ever ended."""
    patch.setattr(Retiring, "ask", lambda self, claims, peers: None)


@fault("lossy", histories=600)
def ask_once(patch: Patch) -> None:
    """A loser whose question was lost is never asked about again."""
    tick = Shard._tick

    def forgetful(self: Shard, message: requests.Tick) -> None:
        losing, self.tables.losing = self.tables.losing, {}
        try:
            tick(self, message)
        finally:
            self.tables.losing = losing

    patch.setattr(Shard, "_tick", forgetful)


@fault()
def loser_goes_silently(patch: Patch) -> None:
    """The loser's row goes without an operation in its lane."""
    delete = Local.delete

    def silently(self: Local, lane: Lane, row_key: RowKey, reason: object) -> None:
        if reason == "conflict":
            self.tables.pop_own(lane, row_key, reason)
        else:
            delete(self, lane, row_key, reason)

    patch.setattr(Local, "delete", silently)


@fault()
def condemned_may_register(patch: Patch) -> None:
    """An actor that is being ended may claim again."""
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

    patch.setattr(local.Local, "_put", pardon)


@fault()
def ends_leave_rows(patch: Patch) -> None:
    """An actor that ends keeps one of its rows."""
    actor_down = Local.actor_down

    def one_only(self: Local, down: requests.ActorDown) -> None:
        lanes = [self.tables.lanes.get(c) for c in self.tables.watched.get(down.n, ())]
        if not any(lane and len(lane.by_owner.of(down.n)) > 1 for lane in lanes):
            actor_down(self, down)

    patch.setattr(Local, "actor_down", one_only)


@fault()
def resume_where_we_were(patch: Patch) -> None:
    """S3: a follower is taken to have everything, whatever it says."""
    position = Outbound._position

    def in_step(self: Outbound, peer: Peer, lane: Lane, at: int | None) -> None:
        position(self, peer, lane, lane.head)

    patch.setattr(Outbound, "_position", in_step)


@fault()
def log_is_never_too_short(patch: Patch) -> None:
    """S2: a follower below the log's floor is sent what is left of it."""

    def send(
        self: Outbound, lane: Lane, position: int | None, tokens: tuple[int, ...]
    ) -> None:
        ops = list(lane.ring)
        if ops:
            first = lane.head - len(ops) + 1
            message = messages.Ops(self.shard, lane.cid, first, ops)
            self.turn.effects.append(Send(tokens, message))

    patch.setattr(Outbound, "_send", send)


@fault()
def catalogue_only_when_ready(patch: Patch) -> None:
    """S4: clusters are told only to peers that have told theirs."""

    def to_the_ready(self: Directory, message: messages.Joined | messages.Left) -> None:
        ready = [t for t, peer in self.linked.items() if peer.change is not None]
        if ready:
            self._effects.append(Send(tuple(ready), message))

    patch.setattr(Directory, "_broadcast", to_the_ready)


@fault("standard")
def fence_overtakes(patch: Patch) -> None:
    """A fence goes out before what it is to cover."""

    def fence(self: Outbound, number: int) -> set[int]:
        for peer in self.peers.values():
            self._fence(peer, number)
        return set(self.peers)

    patch.setattr(Outbound, "fence", fence)


@fault("standard")
def full_links_are_forgotten(patch: Patch) -> None:
    """What a full link could not take is not sent when it has drained."""
    pump = Outbound.pump

    def only_forced(self: Outbound, peer: Peer, *, forced: bool = False) -> None:
        if forced:
            pump(self, peer, forced=True)
        else:
            peer.dirty.clear()

    patch.setattr(Outbound, "pump", only_forced)


# A shard that is restarted


@fault("shards")
def restart_keeps_head(patch: Patch) -> None:
    """No position is burnt: what a crash left half done has the old number."""
    patch.setattr(Lane, "restart", Lane.rehash)


@fault("shards")
def restart_keeps_view(patch: Patch) -> None:
    """The view stays as a crash left it."""
    patch.setattr(Tables, "reproject", lambda self: None)


@fault("shards", histories=400, first=449)
def restart_keeps_watches(patch: Patch) -> None:
    """An actor whose end was half handled is not watched again."""
    patch.setattr(Tables, "rewatch", lambda self: None)


@fault("crumbling", histories=600, first=513)
def restart_forgets_evictions(patch: Patch) -> None:
    """A loser that was condemned in the turn that crashed is never ended."""
    patch.setattr(
        Shard, "_finish_evictions", lambda self: self.tables.evictions.clear()
    )


@fault("shards")
def restart_says_no_hello(patch: Patch) -> None:
    """What was lost with the crashed shard's frames is not asked for."""
    hello, rebuild = Following.hello, Shard._rebuild
    rebuilding: list[Shard] = []

    def note(self: Shard, request: requests.Rebuild) -> object:
        rebuilding.append(self)
        try:
            return rebuild(self, request)
        finally:
            rebuilding.pop()

    def say(self: Following, peer: Peer, token: int) -> None:
        if not rebuilding:
            hello(self, peer, token)

    patch.setattr(Shard, "_rebuild", note)
    patch.setattr(Following, "hello", say)


@fault("crumbling", histories=400)
def restarted_answers_fences(patch: Patch) -> None:
    """A shard that has lost frames says that it has applied them."""

    def answer(self: Sessions, peer: Peer, message: messages.Fence) -> None:
        self.outbound.pump(peer, forced=True)
        _say_fenced(self, peer, message)

    patch.setattr(Sessions, "on_fence", answer)


@fault()
def fences_overtake_what_is_held_back(patch: Patch) -> None:
    """A fence of a peer is answered before it has been sent all that it lacks."""

    def answer(self: Sessions, peer: Peer, message: messages.Fence) -> None:
        if not peer.behind:
            _say_fenced(self, peer, message)

    patch.setattr(Sessions, "on_fence", answer)


def _say_fenced(sessions: Sessions, peer: Peer, message: messages.Fence) -> None:
    fenced = messages.Fenced(sessions.following.shard, message.id)
    sessions.turn.send(peer.token, fenced)
