"""Losers of conflicts: each is ended by its own node, once, and only on confirmation.

A claim of ours that is not the winner is not enough to end its actor: the winner may
just have gone. So its node is asked whether that very claim is alive and, there, the
winner; only its yes ends the loser. Every tick asks again for whatever is undecided.
"""

from group._core.effects import Evict
from group._core.messages import Ans, Ask
from group._core.peers import Peer
from group._core.rows import Row
from group._core.tables import Tables
from group._core.turn import Turn


class Retiring:
    """The losing claims of this node in one shard."""

    def __init__(self, tables: Tables, condemned: set[int], turn: Turn) -> None:
        self.shard = tables.shard
        self.tables = tables
        self.condemned = condemned
        self.turn = turn

    def ask(self, claims: list[tuple[str, str]], peers: dict[str, Peer]) -> None:
        """Ask the owners of the claims that beat ours, by cluster and key."""
        for cluster, key in claims:
            row = self.tables.views[cluster].registry.get(key)
            if row is None:
                continue
            peer = peers.get(row.origin.name)
            if peer is None or peer.token is None or not peer.hello:
                self.turn.count("retiring_deferred")
                continue
            self.turn.count("asked")
            question = Ask(self.shard, cluster, key, row.n, row.stamp)
            self.turn.send(peer.token, question)

    def on_ask(self, peer: Peer, ask: Ask) -> None:
        """Say yes if that very claim is ours and we see it win."""
        lane = self.tables.lanes.get(ask.cluster)
        mine = None if lane is None else lane.rows.get(ask.key)
        if mine is None or (mine.n, mine.stamp) != (ask.n, ask.stamp):
            return
        shown = self.tables.views[ask.cluster].registry.get(ask.key)
        if shown is mine:
            yes = Ans(self.shard, ask.cluster, ask.key, ask.n, ask.stamp)
            self.turn.send(peer.token, yes)

    def on_ans(self, peer: Peer, ans: Ans) -> Row | None:
        """Return our claim that is now to be given up, if there still is one."""
        lane = self.tables.lanes.get(ans.cluster)
        mine = None if lane is None else lane.rows.get(ans.key)
        if mine is None or (ans.cluster, ans.key) not in self.tables.losing:
            return None
        shown = self.tables.views[ans.cluster].registry.get(ans.key)
        if shown is None or shown.origin != peer.node:
            return None
        if (shown.n, shown.stamp) != (ans.n, ans.stamp):
            return None
        self.condemned.add(mine.n)
        self.turn.count("retired")
        # Not an effect yet: effects of a turn that crashes are lost, and nobody would
        # ever end an actor that is condemned and has no claim any more.
        self.tables.evictions.append(Evict(mine.n, ans.cluster, ans.key, shown))
        return mine
