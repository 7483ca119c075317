"""One shard of a group on one node: message in, effects out. Single-threaded.

Requests of local callers, deaths of local actors, links and peers, frames and ticks
all come in by `step`. The rows are in `Tables`; `Local` changes the own ones,
`Outbound` sends them, `Following` keeps the peers', `Retiring` ends losers.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from actors import NodeDown
from group._core import messages as wire
from group._core import requests as ask
from group._core.changes import Change
from group._core.effects import Cut, Effect, Notify, Reply, Settled, Watch
from group._core.events import Event
from group._core.following import Following
from group._core.lanes import Lane
from group._core.local import Local
from group._core.narrate import Narrator
from group._core.outbound import Outbound
from group._core.peers import Peer
from group._core.retiring import Retiring
from group._core.sessions import Sessions
from group._core.tables import Tables
from group._core.turn import Turn
from transport import NodeId

Handler = Callable[[Any], object]
FrameHandler = Callable[[Peer, Any], None]

JUST_DONE: tuple[Effect, ...] = (Reply(ask.DONE),)
"""What a turn wants that only has to say that it is done: nearly every write."""


class Shard:
    """The registry and group rows of one shard on one node.

    Args:
        tables: The rows; they may come from a shard that has crashed, and then the
            first message is `Rebuild`.
        narrator: Makes events.
        condemned: Actors of this node that have lost a conflict and are being
            stopped; shared by the shards of a group.
        log_size: Operations kept for each lane.
    """

    local_class: ClassVar[type[Local]] = Local

    def __init__(
        self,
        tables: Tables,
        narrator: Narrator,
        condemned: set[int],
        log_size: int = 1024,
    ) -> None:
        self.tables = tables
        self.narrator = narrator
        self.log_size = log_size
        self.turn = Turn()
        self.outbound = Outbound(tables, self.turn)
        self.following = Following(tables, self.turn)
        self.sessions = Sessions(self.outbound, self.following, self.turn)
        self.retiring = Retiring(tables, condemned, self.turn)
        self.local = self.local_class(tables, condemned, self.outbound, self.turn)
        self.fences: dict[int, set[int]] = {}
        self._requests = self._request_table()
        self._frames = self._frame_table()

    def step(self, message: object, now: float, wall: int) -> Sequence[Effect]:
        """Apply one message; return what the world must now do, in order.

        Args:
            message: One of `requests`.
            now: Monotonic seconds.
            wall: Wall clock in milliseconds.
        """
        turn, tables = self.turn, self.tables
        turn.begin(now, wall)
        answer = self._requests[type(message)](message)
        if turn.moved and self.outbound.peers:
            self.outbound.end_turn()
        if tables.changes:
            self._tell()
        if tables.evictions:
            turn.effects += tables.evictions
            tables.evictions.clear()
        if answer is None:
            return turn.effects
        if answer is ask.DONE and not turn.effects:
            return JUST_DONE
        return [*turn.effects, Reply(answer)]

    @property
    def stats(self) -> dict[str, int]:
        """How often the rarer things have happened."""
        return self.turn.stats

    @property
    def unsynced(self) -> list[str]:
        """Which linked peers have not been found to have sent all. Any thread."""
        peers = list(self.sessions.linked.values())
        return [peer.node.name for peer in peers if not peer.synced]

    def _tell(self) -> None:
        changes = self.tables.changes
        if self.tables.losing:
            self._ask_again(changes)
        if self.tables.subscriptions.clusters:
            self._notify(changes)
        changes.clear()

    def _ask_again(self, changes: list[Change]) -> None:
        """Ask the winners of the claims that these changes are about."""
        losing = self.tables.losing
        changed = dict.fromkeys((each.cluster, each.key) for each in changes)
        self.retiring.ask(
            [claim for claim in changed if claim in losing], self.sessions.peers
        )

    def _notify(self, changes: list[Change]) -> None:
        """Tell who has subscribed; those that are told the same share it."""
        matching, tell = self.tables.subscriptions.matching, self.narrator.tell
        batches: dict[Hashable, list[Event]] = {}
        concerned: Mapping[Hashable, None] = {}
        events: list[Event] = []
        for change in changes:
            found = matching(change.cluster, change.key)
            if found is not concerned:
                if events:
                    _hand_out(events, concerned, batches)
                concerned, events = found, []
            if found:
                events += tell(change)
        if not batches:
            batch = tuple(events)
            self.turn.effects += [Notify(each, batch) for each in concerned if batch]
            return
        if events:
            _hand_out(events, concerned, batches)
        self.turn.effects += [
            Notify(each, tuple(batch)) for each, batch in batches.items()
        ]

    # Requests

    def _request_table(self) -> dict[type, Handler]:
        local, sessions = self.local, self.sessions
        return {
            ask.Register: local.register,
            ask.Unregister: local.unregister,
            ask.Join: local.join,
            ask.Leave: local.leave,
            ask.ActorDown: local.actor_down,
            ask.Subscribe: self._subscribe,
            ask.Describe: self._describe,
            ask.Unsubscribe: self._unsubscribe,
            ask.OpenCluster: self._open,
            ask.CloseCluster: self._close,
            ask.SealCluster: self._seal,
            ask.UnsealCluster: self._unseal,
            ask.Settle: self._settle,
            ask.Tick: self._tick,
            ask.Rebuild: self._rebuild,
            ask.LinkUp: sessions.link_up,
            ask.LinkDown: self._link_down,
            ask.PeerDown: self._peer_down,
            ask.Blocked: self._blocked,
            ask.Writable: self._writable,
            ask.Frame: self._frame,
        }

    def _subscribe(self, request: ask.Subscribe) -> object:
        subscriptions = self.tables.subscriptions
        subscriptions.add(request.subscriber, request.cluster, request.pattern)
        if not request.snapshot:
            return ask.DONE
        rows = self.narrator.describe(self.tables, request.cluster, request.pattern)
        return ask.Snapshot(rows)

    def _describe(self, request: ask.Describe) -> object:
        unique = {
            (event.cluster, event.type, event.key, event.ref): event
            for cluster, pattern in request.held
            for event in self.narrator.describe(self.tables, cluster, pattern)
        }
        return ask.Snapshot(tuple(unique.values()))

    def _unsubscribe(self, request: ask.Unsubscribe) -> object:
        subscriptions = self.tables.subscriptions
        subscriptions.remove(request.subscriber, request.cluster, request.pattern)
        return ask.DONE

    def _open(self, request: ask.OpenCluster) -> object:
        self.following.change = request.change
        if request.cluster not in self.tables.lanes:
            lane = Lane(request.cid, request.cluster, self.log_size)
            self.tables.open(lane)
            self.outbound.on_open(lane)
        return ask.DONE

    def _close(self, request: ask.CloseCluster) -> object:
        self.following.change = request.change
        self.local.sealed.discard(request.cluster)
        self._drop_cluster(request.cluster)
        return ask.DONE

    def _drop_cluster(self, cluster: str) -> None:
        for peer in self.sessions.peers.values():
            self.following.leave(peer, cluster)
        lane = self.tables.close(cluster)
        if lane is not None:
            self.outbound.on_close(lane)

    def _seal(self, request: ask.SealCluster) -> object:
        lane = self.tables.lanes.get(request.cluster)
        if lane is None or lane.rows:
            return ask.BUSY
        self.local.sealed.add(request.cluster)
        return ask.DONE

    def _unseal(self, request: ask.UnsealCluster) -> object:
        self.local.sealed.discard(request.cluster)
        return ask.DONE

    def _settle(self, request: ask.Settle) -> object:
        waiting = self.outbound.fence(request.id)
        if waiting:
            self.fences[request.id] = waiting
        else:
            self.turn.effects.append(Settled(request.id))
        return ask.DONE

    def _tick(self, _tick: ask.Tick) -> None:
        if self.tables.losing:
            self.retiring.ask(list(self.tables.losing), self.sessions.peers)
        self.outbound.beat(self.tables.clock.last)
        for number, waiting in self.fences.items():
            self.outbound.fence_again(number, waiting)

    # Links

    def _link_down(self, down: ask.LinkDown) -> None:
        self.sessions.link_down(down)
        self._fences_without(down.token)

    def _peer_down(self, down: ask.PeerDown) -> None:
        peer = self.sessions.peers.get(down.node.name)
        token = None if peer is None else peer.token
        self.sessions.peer_down(down)
        if token is not None:
            self._fences_without(token)

    def _fences_without(self, token: int) -> None:
        for number, waiting in list(self.fences.items()):
            waiting.discard(token)
            if not waiting:
                del self.fences[number]
                self.turn.effects.append(Settled(number))

    def _blocked(self, message: ask.Blocked) -> None:
        peer = self.sessions.linked.get(message.token)
        if peer is not None:
            peer.blocked = True

    def _writable(self, message: ask.Writable) -> None:
        peer = self.sessions.linked.get(message.token)
        if peer is not None:
            self.sessions.writable(peer)

    # Frames

    def _frame_table(self) -> dict[type, FrameHandler]:
        sessions, following = self.sessions, self.following
        return {
            wire.Catalogue: sessions.on_catalogue,
            wire.Joined: sessions.on_joined,
            wire.Left: sessions.on_left,
            wire.Hello: sessions.on_hello,
            wire.Ops: following.on_ops,
            wire.SnapBegin: following.on_snap_begin,
            wire.SnapRows: following.on_snap_rows,
            wire.SnapEnd: following.on_snap_end,
            wire.Need: self.outbound.on_need,
            wire.Beat: following.on_beat,
            wire.HeadsQuery: sessions.on_heads_query,
            wire.Heads: following.on_heads,
            wire.Ask: self.retiring.on_ask,
            wire.Ans: self._on_ans,
            wire.Fence: sessions.on_fence,
            wire.Fenced: self._on_fenced,
        }

    def _frame(self, frame: ask.Frame) -> None:
        peer = self.sessions.find(frame.token)
        if peer is None:
            return
        message = frame.message
        if peer.change is None and not isinstance(message, wire.Catalogue):
            why = f"{type(message).__name__} before catalogue"
            self.turn.effects.append(Cut(frame.token, why))
            return
        try:
            self._frames[type(message)](peer, message)
        except wire.MessageError as error:
            self.turn.effects.append(Cut(frame.token, str(error)))

    def _on_ans(self, peer: Peer, message: wire.Ans) -> None:
        mine = self.retiring.on_ans(peer, message)
        if mine is None:
            self.turn.count("answers_ignored")
        lane = self.tables.lanes.get(message.cluster)
        if mine is not None and lane is not None:
            self.local.delete(lane, message.key, "conflict")

    def _on_fenced(self, peer: Peer, message: wire.Fenced) -> None:
        waiting = self.fences.get(message.id)
        if waiting is not None and peer.token is not None:
            waiting.discard(peer.token)
            if not waiting:
                del self.fences[message.id]
                self.turn.effects.append(Settled(message.id))

    # After a crash

    def _rebuild(self, request: ask.Rebuild) -> object:
        """Take up the tables of a shard that has crashed, maybe in mid-operation."""
        self.tables.reproject()
        self.tables.rewatch()
        self.following.change = request.change
        for link in request.links:
            self._resume(link)
        # Before any lane is closed: what was sent on a link has no seal yet.
        for lane in self.tables.lanes.values():
            if lane.head or lane.rows:
                lane.restart()
                self.outbound.moved(lane)
        self._drop_unknown({link.node for link in request.links})
        self._match_clusters(dict(request.clusters))
        self._finish_evictions()
        for peer in self.sessions.peers.values():
            self.following.restart(peer)
            if peer.token is not None:
                self.following.hello(peer, peer.token)
        for n in self.tables.watched:
            self.turn.effects.append(Watch(n))
        self.turn.count("rebuilt")
        return ask.DONE

    def _finish_evictions(self) -> None:
        for evict in self.tables.evictions:
            lane = self.tables.lanes.get(evict.cluster)
            row = None if lane is None else lane.rows.get(evict.key)
            if lane is not None and row is not None and row.n == evict.n:
                self.local.delete(lane, evict.key, "conflict")

    def _match_clusters(self, own: dict[str, int]) -> None:
        for cluster, lane in list(self.tables.lanes.items()):
            if own.get(cluster) != lane.cid:
                self._drop_cluster(cluster)
        for cluster, cid in own.items():
            if cluster not in self.tables.lanes:
                self.tables.open(Lane(cid, cluster, self.log_size))

    def _resume(self, link: ask.Link) -> None:
        peer = self.sessions.peers[link.node.name] = Peer(link.node)
        if link.token is None:
            return
        peer.token = link.token
        self.sessions.linked[link.token] = peer
        if link.change is not None:
            peer.add(list(link.clusters))
            peer.change = link.change
            # Its hello may have come to the shard that crashed, and is not repeated.
            peer.hello = True
            self.following.keep_only(peer)

    def _drop_unknown(self, known: set[NodeId]) -> None:
        for node in list(self.tables.inbound):
            if node not in known:
                peer = Peer(node)
                self.following.purge(peer, NodeDown(node.name, "lost"))


def _hand_out(
    events: list[Event],
    subscribers: Iterable[Hashable],
    batches: dict[Hashable, list[Event]],
) -> None:
    for subscriber in subscribers:
        batches.setdefault(subscriber, []).extend(events)
