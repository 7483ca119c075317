"""One node of a searched world: the real directory and one real shard, no thread.

Beside them it remembers what it takes to judge them: what its callers were told, what
its monitor was told, which rows its lane had at each of its positions.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from group._core import effects
from group._core import messages as wire
from group._core import requests as ask
from group._core.conflict import constant_rank
from group._core.directory import Directory, is_outdated_by_rebuild
from group._core.events import Entry
from group._core.keys import ALL
from group._core.narrate import Narrator
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from tests.search import ghosts
from tests.search.scope import CLUSTER, KEY, LOG_SIZE, METAS
from tests.sim.crashes import Fuse, PlannedCrashError
from tests.sim.ledger import Ledger
from tests.sim.stories import Story
from transport import NodeId

if TYPE_CHECKING:
    from actors import AnyRef

OF_CATALOGUE = (wire.Catalogue, wire.Joined, wire.Left)
FOREVER = 1e9
WALL = 0
"""Milliseconds, the same everywhere and always: stamps are pure counters."""


class Node:
    """A process. Each public method that a `Deed` names is one thing that happens.

    Attributes:
        out: What this deed has sent: the link's token, and the bytes.
        inbox: What the directory has told the shard and the shard has not yet done.
        actors: Those that live.
        doomed: Those that have lost a conflict and have not ended yet.
        burnt: Whether the shard has failed in this deed.
        settled: What must be true of others, for fences were settled in this deed.
    """

    def __init__(self, me: NodeId) -> None:
        self.me = me
        self.directory = Directory(me)
        self.views: dict[str, View] = {}
        self.condemned: set[int] = set()
        self.tables = Tables(me, (0, 1), self.views, constant_rank)
        self.narrator = Narrator("search", entry)
        self.shard = self._new_shard()
        self.inbox: list[object] = []
        self.out: list[tuple[int, bytes]] = []
        self.actors: set[int] = set()
        self.spawned = 0
        self.doomed: set[int] = set()
        self.watching: set[int] = set()
        self.burnt = False
        self.fences = 0
        self.settled: list[ghosts.Written] = []
        self.ledger = Ledger()
        self.story = Story()
        self.ghosts = ghosts.Ghosts(me)
        self._fuse: Fuse | None = None
        self._turn(ask.Subscribe("story", CLUSTER, ALL))
        self.join_cluster()
        self.run()

    def _new_shard(self) -> Shard:
        return Shard(self.tables, self.narrator, self.condemned, LOG_SIZE)

    # Links

    def link_up(self, token: int, node: NodeId) -> None:
        """A link is there."""
        self._decide(ask.LinkUp(token, node))

    def link_down(self, token: int) -> None:
        """It is seen to be gone."""
        self._decide(ask.LinkDown(token))

    def peer_down(self, node: NodeId) -> None:
        """The peer is given up."""
        self._decide(ask.PeerDown(node, "lost"))

    def frame(self, token: int, body: bytes) -> None:
        """Something has arrived on a link."""
        message = wire.decode(body)
        if isinstance(message, OF_CATALOGUE):
            self._decide(ask.Frame(token, message))
        else:
            self._post(ask.Frame(token, message))

    def blocked(self, token: int) -> None:
        """A link is full."""
        self._post(ask.Blocked(token))

    def writable(self, token: int) -> None:
        """It has drained."""
        self._post(ask.Writable(token))

    def tick(self) -> None:
        """A heartbeat has passed."""
        self._post(ask.Tick())

    # The cluster

    def join_cluster(self) -> None:
        """Join it; the shard hears of it when it runs."""
        self._decide(ask.Connect((CLUSTER,)), later=True)

    def leave_cluster(self) -> None:
        """Leave it; what follows happens when the shard runs."""
        self.ledger.cluster_left(CLUSTER)
        self._decide(ask.Disconnect((CLUSTER,)), later=True)

    def run(self) -> None:
        """Let the shard do the first thing that it was told."""
        self._turn(self.inbox.pop(0))

    def _decide(self, message: object, *, later: bool = False) -> None:
        for effect in self.directory.step(message):
            if isinstance(effect, effects.ToShards) and later:
                self.inbox.append(effect.request)
            elif isinstance(effect, effects.ToShards):
                self._post(effect.request)
            elif isinstance(effect, effects.Send):
                self._send(effect)
            elif isinstance(effect, effects.Cut):
                self._cut(effect)

    # Callers and actors

    def register(self, n: int) -> None:
        """An actor claims the key, or renews the meta of its claim."""
        held = self.ledger.claims.get((CLUSTER, KEY))
        meta = METAS[held == (n, METAS[0])]
        self._call(ask.Register(n, "A", CLUSTER, KEY, meta, FOREVER), n)

    def unregister(self) -> None:
        """A caller gives the key up."""
        self._call(ask.Unregister(CLUSTER, KEY, FOREVER))

    def join(self, n: int) -> None:
        """An actor becomes a member, or renews its meta."""
        held = self.ledger.members.get((CLUSTER, KEY, n))
        meta = METAS[held == METAS[0]]
        self._call(ask.Join(n, "A", CLUSTER, KEY, meta, FOREVER), n)

    def leave(self, n: int) -> None:
        """An actor ends its membership."""
        self._call(ask.Leave(n, CLUSTER, KEY, FOREVER))

    def end(self, n: int) -> None:
        """An actor ends."""
        self.actors.discard(n)
        self.doomed.discard(n)
        self.ledger.actor_ended(n)
        if n in self.watching:
            self.watching.discard(n)
            self._post(ask.ActorDown(n, "exit"))

    def settle(self) -> None:
        """A caller wants to know that all have what was written here."""
        while self.inbox:
            self.run()
        self.fences += 1
        self.ghosts.promise(self.fences, self.shard)
        self._turn(ask.Settle(self.fences))

    def _call(self, request: ask.Register | ask.Join | object, n: int = 0) -> None:
        while self.inbox:
            self.run()
        if n:
            self.actors.add(n)
        doomed = n in self.condemned
        answer = self._turn(request)
        if isinstance(answer, ask.Done):
            self.ledger.done(request)
        elif answer is None:
            self._half_done(request)
        if isinstance(request, ask.Register) and isinstance(answer, ask.Done):
            self.ghosts.registered(n, self.tables, condemned=doomed)
        if n > self.spawned and n in self.tables.watched:
            self.spawned = n
        elif n > self.spawned:
            self.actors.discard(n)

    def _half_done(self, request: object) -> None:
        """The shard has failed in the middle: see what its successor makes of it."""
        had = self.ledger.has(request)
        if isinstance(request, ask.Unregister | ask.Leave):
            self.ledger.done(request)
        lane = self.tables.lanes.get(CLUSTER)
        rows = {} if lane is None else dict(lane.rows)
        self.ledger.reread(request, rows)
        if isinstance(request, ask.Register) and self.ledger.has(request):
            self.ghosts.registered(request.n, self.tables, condemned=False)
        if had and not self.ledger.has(request):
            self.ghosts.problem("I2 the row of a live actor is lost")

    # The shard

    def _post(self, message: object) -> None:
        if self.inbox:
            self.inbox.append(message)
        else:
            self._turn(message)

    def _turn(self, message: object) -> object:
        try:
            found = self.shard.step(message, 0.0, WALL)
        except PlannedCrashError:
            self._fail(message)
            return None
        answer = self._carry_out(found)
        self._judge()
        self._closed(message)
        return answer

    def _closed(self, message: object) -> None:
        if isinstance(message, ask.CloseCluster):
            self._decide(ask.Closed((message.cluster,)))

    def _carry_out(self, found: Sequence[effects.Effect]) -> object:
        answers: list[object] = []
        for effect in found:
            match effect:
                case effects.Reply(answer=answer):
                    answers.append(answer)
                case effects.Send():
                    self._send(effect)
                case effects.Watch(n=n):
                    self._watch(n)
                case effects.Notify(events=events):
                    self.story.news += events
                case effects.Evict():
                    self._evict(effect)
                case _:
                    self._rarer(effect)
        return answers[0] if answers else None

    def _rarer(self, effect: effects.Effect) -> None:
        if isinstance(effect, effects.Cut):
            self._cut(effect)
        elif isinstance(effect, effects.Settled):
            self.settled += self.ghosts.kept(effect.id)
        elif isinstance(effect, effects.Report) and effect.level == "error":
            self.ghosts.problem(f"I5 {effect.event}")

    def _evict(self, effect: effects.Evict) -> None:
        self.doomed |= {effect.n} & self.actors
        self.ghosts.evicted(effect)
        self.ledger.claim_lost(CLUSTER, KEY)

    def _watch(self, n: int) -> None:
        if n in self.actors:
            self.watching.add(n)
        else:
            self.inbox.append(ask.ActorDown(n, "gone"))

    def _send(self, effect: effects.Send) -> None:
        body = wire.encode(effect.message)
        self.out += [(token, body) for token in effect.tokens]

    def _cut(self, effect: effects.Cut) -> None:
        self.ghosts.problem(f"R2 a link is cut: {effect.why}")

    def _judge(self) -> None:
        self.ghosts.judge(self.tables, self.views)
        for words in self.story.fold():
            self.ghosts.problem(f"A5 {words}")
        for words in self.story.compare(self.views.get(CLUSTER) or View()):
            self.ghosts.problem(f"A5 {words}")

    # A shard that fails

    def failing(self, steps: int, deed: str, *args: object) -> None:
        """Do something, in which the shard fails after so many steps."""
        fuse = Fuse(self.shard, steps)
        do: Callable[..., None] = getattr(self, deed)
        self._fuse = fuse
        do(*args)
        fuse.remove()
        self._fuse = None

    def _fail(self, message: object) -> None:
        """Put a new shard over the tables of the one that has failed."""
        if self._fuse is not None:
            self._fuse.remove()
        self.burnt = True
        # Its callers know that their fences are void.
        self.ghosts.promised.clear()
        self.shard = self._new_shard()
        unheard = [message, *self.inbox]
        self.inbox = [m for m in self.inbox if not is_outdated_by_rebuild(m)]
        self._turn(self.directory.rebuild())
        for each in unheard:
            # What the old one was told to close, the new one has not even opened.
            self._closed(each)


def entry(row: Row) -> Entry:
    return Entry(cast("AnyRef", (row.origin, row.n)), {"meta": row.meta})
