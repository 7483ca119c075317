"""Ways to spoil a world in which all is well; each must be noticed by the checks."""

from collections.abc import Callable

from group._core.effects import Evict
from group._core.events import Event, EventType
from group._core.lanes import Inbound, Lane
from group._core.requests import ActorDown
from group._core.rows import Row
from group._core.tables import Tables
from tests.sim.checks import rows_of_the_dead, rows_of_the_lost
from tests.sim.host import Host
from tests.sim.world import World

CORRUPTIONS: dict[str, Callable[[World], None]] = {}


def corruption(spoil: Callable[[World], None]) -> Callable[[World], None]:
    """Enter a function into the list of all."""
    CORRUPTIONS[spoil.__name__] = spoil
    return spoil


class NothingToSpoilError(Exception):
    """This world has no such row."""


def some_lane(world: World) -> tuple[Host, Tables, Lane]:
    """Return an own lane with a registration in it."""
    for host in world.in_order():
        for tables in host.replica.tables:
            for lane in tables.lanes.values():
                if any(isinstance(row_key, str) for row_key in lane.rows):
                    return host, tables, lane
    raise NothingToSpoilError


def some_claim(lane: Lane) -> tuple[str, Row]:
    """Return a registration of a lane."""
    for row_key, row in lane.rows.items():
        if isinstance(row_key, str):
            return row_key, row
    raise NothingToSpoilError


def some_copy(world: World) -> tuple[Host, Inbound]:
    """Return a copy with rows in it."""
    for host in world.in_order():
        for tables in host.replica.tables:
            for copies in tables.inbound.values():
                for copy in copies.values():
                    if copy.rows:
                        return host, copy
    raise NothingToSpoilError


def some_member(world: World) -> tuple[Host, str, str, int]:
    """Return a host, and cluster, group and actor of a membership there."""
    for host in world.in_order():
        for cluster, key, n in host.ledger.members:
            return host, cluster, key, n
    raise NothingToSpoilError


@corruption
def a_row_of_a_dead_actor(world: World) -> None:
    host, _, lane = some_lane(world)
    host.actors.discard(some_claim(lane)[1].n)


@corruption
def a_row_is_missing_at_its_owner(world: World) -> None:
    _, _, lane = some_lane(world)
    del lane.rows[some_claim(lane)[0]]


@corruption
def a_row_is_missing_in_a_copy(world: World) -> None:
    _, copy = some_copy(world)
    copy.pop(next(iter(copy.rows)))


@corruption
def a_row_is_changed_in_a_copy(world: World) -> None:
    _, copy = some_copy(world)
    row_key, row = next(iter(copy.rows.items()))
    copy.put(row_key, Row(row.origin, row.n, row.cls, row.stamp, b"\xa1?"))


@corruption
def a_copy_holds_a_row_of_another_origin(world: World) -> None:
    host, copy = some_copy(world)
    row_key, row = next(iter(copy.rows.items()))
    copy.rows[row_key] = Row(host.node, row.n, row.cls, row.stamp, row.meta)


@corruption
def a_cursor_is_stale(world: World) -> None:
    _, copy = some_copy(world)
    assert copy.cursor is not None
    copy.cursor -= 1


@corruption
def a_cursor_is_unknown(world: World) -> None:
    _, copy = some_copy(world)
    copy.cursor = None


@corruption
def a_view_lacks_a_key(world: World) -> None:
    host, _, lane = some_lane(world)
    del host.replica.views[lane.cluster].registry[some_claim(lane)[0]]


@corruption
def a_view_shows_the_wrong_owner(world: World) -> None:
    host, _, lane = some_lane(world)
    key, row = some_claim(lane)
    wrong = Row(row.origin, row.n + 1000, row.cls, row.stamp, row.meta)
    host.replica.views[lane.cluster].registry[key] = wrong


@corruption
def a_view_lists_an_empty_group(world: World) -> None:
    host, cluster, key, _ = some_member(world)
    host.replica.views[cluster].groups[key].rows.clear()


@corruption
def two_claims_of_a_key(world: World) -> None:
    host, _, lane = some_lane(world)
    key, row = some_claim(lane)
    # Of a host that is not in the cluster nobody expects a claim of it.
    others = [
        each
        for each in world.in_order()
        if each is not host and each.replica.is_in(lane.cluster)
    ]
    if not others:
        raise NothingToSpoilError
    others[0].ledger.claims[(lane.cluster, key)] = (row.n, row.meta)


@corruption
def rows_of_a_left_cluster(world: World) -> None:
    host, copy = some_copy(world)
    for tables in host.replica.tables:
        tables.lanes.pop(copy.cluster, None)


@corruption
def an_event_is_missing(world: World) -> None:
    host, _, lane = some_lane(world)
    host.stories._stories[lane.cluster].registry.pop(some_claim(lane)[0])


@corruption
def an_event_comes_twice(world: World) -> None:
    host, cluster, key, n = some_member(world)
    rows = host.replica.views[cluster].groups[key].rows
    ref, meta = host.replica.narrator.entry(rows[(host.node, n)])
    left = Event(
        type=EventType.LEFT,
        group="sim",
        cluster=cluster or None,
        key=key,
        ref=ref,
        meta=meta,
        reason="leave",
    )
    host.stories.add(cluster, (left, left))


@corruption
def a_prefix_finds_what_is_not_there(world: World) -> None:
    _, tables, lane = some_lane(world)
    tables._index("registry", lane.cluster).add("k/none")


@corruption
def an_owner_is_not_indexed(world: World) -> None:
    _, _, lane = some_lane(world)
    key, row = some_claim(lane)
    lane.by_owner.remove(row.n, key)


@corruption
def an_actor_is_not_watched(world: World) -> None:
    _, tables, lane = some_lane(world)
    del tables.watched[some_claim(lane)[1].n]


@corruption
def a_node_is_missing_in_a_cluster(world: World) -> None:
    one, two, *_ = world.in_order()
    peer = one.replica.directory.peers[two.name]
    del peer.interest[""]


@corruption
def a_link_is_dead(world: World) -> None:
    one, *_ = world.in_order()
    next(iter(one.links.ends.values())).broken = True


@corruption
def a_fence_is_never_settled(world: World) -> None:
    one, *_ = world.in_order()
    one.replica.fences._open[(0, 99)] = []


@corruption
def an_actor_is_ended_twice(world: World) -> None:
    victim, winner = some_eviction(world)
    world.checks.evicted(victim, winner)
    world.checks.evicted(victim, winner)


@corruption
def an_actor_is_ended_by_its_own_node(world: World) -> None:
    host, _, lane = some_lane(world)
    key, row = some_claim(lane)
    world.checks.evicted(host, Evict(row.n, lane.cluster, key, row))


@corruption
def an_actor_is_ended_by_a_claim_it_came_after(world: World) -> None:
    victim, effect = some_eviction(world)
    winner = effect.winner
    at = (victim.node, effect.n, effect.cluster, effect.key)
    claim = (winner.origin, winner.n, winner.stamp)
    world.checks.after[at] = frozenset({claim})
    world.checks.evicted(victim, effect)


@corruption
def an_actor_is_ended_by_a_claim_that_nobody_made(world: World) -> None:
    victim, effect = some_eviction(world)
    stranger = Row(effect.winner.origin, 10_000, "Sim", 1, b"")
    world.checks.evicted(victim, Evict(7, effect.cluster, effect.key, stranger))


@corruption
def rows_of_a_lost_node(world: World) -> None:
    _, copy = some_copy(world)
    node = next(iter(copy.rows.values())).origin
    for words in rows_of_the_lost(world, node):
        world.problem(words)


@corruption
def an_end_leaves_a_row(world: World) -> None:
    host, tables, lane = some_lane(world)
    down = ActorDown(some_claim(lane)[1].n, "exit")
    for words in rows_of_the_dead(host, tables.shard, down):
        world.problem(words)


def some_eviction(world: World) -> tuple[Host, Evict]:
    """Return a host and what would end one of its actors."""
    host, _, lane = some_lane(world)
    other = next(each for each in world.in_order() if each is not host)
    key, row = some_claim(lane)
    return other, Evict(7, lane.cluster, key, row)
