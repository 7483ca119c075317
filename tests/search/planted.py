"""Faults to plant, and the smallest scope in which each shows."""

from dataclasses import replace
from typing import NamedTuple

from group._core.hlc import Clock
from group._core.peers import Peer
from group._core.sessions import Sessions
from group._core.shard import Shard
from tests.search.scope import SCOPES, Scope
from tests.sim import faults_of_followers as followers
from tests.sim import faults_of_owners as owners
from tests.sim.planting import Patch, Planter


def no_link_fence(patch: Patch) -> None:
    """R0: frames of an old link are applied as if they were of the current one."""
    find = Sessions.find

    def find_any(self: Sessions, token: int) -> Peer | None:
        current = next(iter(self.peers.values()), None)
        if current is not None and current.hello:
            return current
        return find(self, token)

    patch.setattr(Sessions, "find", find_any)


def clocks_see_nothing(patch: Patch) -> None:
    """Stamps do not follow causes."""
    patch.setattr(Clock, "see", lambda self, stamp, wall_ms: True)


def rebuild_keeps_clusters(patch: Patch) -> None:
    """A shard that failed when a cluster was left believes that it is in it."""
    patch.setattr(Shard, "_match_clusters", lambda self, own: None)


class Planted(NamedTuple):
    """A rule to take away, where, and the invariant that a path then breaks.

    Attributes:
        steps: How long the shortest path is, without what follows by itself.
    """

    plant: Planter
    scope: Scope
    breaks: str
    steps: int


LEAVING = Scope(calls=1, leaves=1)
CUTTING = Scope(calls=1, cuts=1)
CRASHING = Scope(calls=1, crashes=1)
FAILING = Scope(calls=1, failures=1)
CALLING = Scope()
FENCED = Scope(calls=1, fences=1, cuts=1)
FULL = Scope(calls=1, fills=1)
ROW_BY_ROW = Scope(calls=3, failures=1)
FOUR_CALLS = Scope(calls=4, actors=1)
NEW = Scope(leaves=1, linked=False)

FAULTS = {
    fault.plant.__name__: fault
    for fault in (
        # Links
        Planted(no_link_fence, CRASHING, "A1", 9),
        Planted(owners.resume_where_we_were, CUTTING, "I2", 2),
        Planted(owners.full_links_are_forgotten, FULL, "I2", 2),
        Planted(owners.fence_overtakes, FENCED, "F1", 9),
        # Clusters
        Planted(followers.leave_keeps_cursor, LEAVING, "A1", 3),
        Planted(followers.close_keeps_rows, LEAVING, "I2", 2),
        Planted(followers.catalogue_keeps_rows, replace(LEAVING, cuts=1), "I2", 3),
        Planted(followers.unknown_cursor_fits_all, replace(LEAVING, calls=2), "A1", 6),
        Planted(owners.catalogue_only_when_ready, NEW, "I4", 2),
        # Claims
        Planted(clocks_see_nothing, replace(CUTTING, calls=2), "A4", 6),
        Planted(owners.arrival_decides, CALLING, "I3", 2),
        Planted(owners.losers_stay, CALLING, "I3", 2),
        Planted(owners.loser_goes_silently, CALLING, "A1", 2),
        Planted(owners.condemned_may_register, FOUR_CALLS, "A3", 9),
        Planted(owners.ends_leave_rows, Scope(calls=3), "I2", 3),
        # Nodes and shards that crash
        Planted(followers.keep_rows_of_the_dead, CRASHING, "I2", 2),
        Planted(followers.additive_snapshot, ROW_BY_ROW, "A1", 3),
        Planted(owners.restart_keeps_head, FAILING, "A1", 1),
        Planted(owners.restart_keeps_view, FAILING, "I2", 1),
        Planted(owners.restart_keeps_watches, replace(FAILING, calls=2), "I2", 2),
        Planted(owners.restart_forgets_evictions, replace(FAILING, calls=2), "I3", 6),
        Planted(owners.restarted_answers_fences, replace(FAILING, fences=1), "F1", 3),
        Planted(rebuild_keeps_clusters, SCOPES["failing_leave"], "R2", 2),
        # Monitors
        Planted(followers.meta_alone_is_no_news, CALLING, "A5", 2),
        Planted(followers.loser_is_not_unregistered, CALLING, "A5", 2),
        Planted(followers.a_peer_down_is_not_told, CRASHING, "A5", 2),
    )
}
