"""Faults to plant, and the smallest scope in which each shows."""

from typing import NamedTuple

from group._core.peers import Peer
from group._core.sessions import Sessions
from tests.search.scope import Scope
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
TWO_CALLS = Scope()
FENCED = Scope(calls=1, fences=1, cuts=1)

FAULTS = {
    fault.plant.__name__: fault
    for fault in (
        Planted(no_link_fence, CRASHING, "A1", 9),
        Planted(followers.additive_snapshot, Scope(calls=3, failures=1), "A1", 3),
        Planted(followers.leave_keeps_cursor, LEAVING, "A1", 3),
        Planted(followers.close_keeps_rows, LEAVING, "I2", 2),
        Planted(followers.keep_rows_of_the_dead, CRASHING, "I2", 2),
        Planted(owners.arrival_decides, TWO_CALLS, "I3", 2),
        Planted(owners.losers_stay, TWO_CALLS, "I3", 2),
        Planted(owners.loser_goes_silently, TWO_CALLS, "A1", 2),
        Planted(owners.resume_where_we_were, CUTTING, "I2", 2),
        Planted(owners.restart_keeps_head, FAILING, "A1", 1),
        Planted(owners.fence_overtakes, FENCED, "F1", 9),
        Planted(owners.full_links_are_forgotten, Scope(calls=1, fills=1), "I2", 2),
        Planted(
            owners.catalogue_only_when_ready, Scope(leaves=1, linked=False), "I4", 2
        ),
    )
}
