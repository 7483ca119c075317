"""What must hold: at every turn, and when all is quiet. Names as in the protocol.

Each check returns what is wrong in words; nothing here trusts the tables under test
more than it must: positions are compared with what the origin recorded, stories with
the views, and the end with what the actors that live would say.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from group._core.events import Event
from group._core.tables import Tables
from tests.sim.host import CLUSTERS, SHARDS, Host

if TYPE_CHECKING:
    from tests.sim.world import World

Owner = tuple[Any, int]


def positions(world: "World", host: Host, index: int) -> Iterator[str]:
    """A1, A2: copies are prefixes of their origin, and never go back."""
    tables = host.tables[index]
    for node, copies in tables.inbound.items():
        for cid, copy in copies.items():
            seen = (host.node, node, cid, index)
            if copy.cursor is None:
                world.cursors.pop(seen, None)
                continue
            told = world.history.get((node, cid, index), {}).get(copy.cursor)
            if copy.cursor and told != copy.hash():
                yield f"A1 {host.name}<-{node} lane {cid}/{index} at {copy.cursor}"
            if copy.cursor < world.cursors.get(seen, 0):
                yield f"A2 {host.name}<-{node} lane {cid}/{index} went back"
            world.cursors[seen] = copy.cursor


def record(world: "World", host: Host, index: int) -> None:
    """Note what this origin's lanes hold at their positions."""
    for lane in host.tables[index].lanes.values():
        history = world.history.setdefault((host.node, lane.cid, index), {})
        history[lane.head] = lane.hash()


def see(host: Host, index: int) -> None:
    """Note the claims of others that this host has seen."""
    for node, copies in host.tables[index].inbound.items():
        for copy in copies.values():
            for key, row in copy.rows.items():
                if isinstance(key, str):
                    claims = host.seen.setdefault((copy.cluster, key), set())
                    claims.add((node, row.n, row.stamp))


def told(host: Host) -> Iterator[str]:
    """A5: replaying a monitor's events gives the view, and the story is legal."""
    for cluster in CLUSTERS:
        registry, members = host.folded[cluster]
        for event in host.story[cluster]:
            yield from _fold(event, registry, members)
        host.story[cluster].clear()
        view = host.views.get(cluster)
        shown = {} if view is None else view.registry
        if registry != {k: ((r.origin, r.n), r.meta) for k, r in shown.items()}:
            yield f"A5 {host.name} registry story of {cluster!r} is not the view"
        groups = {} if view is None else view.groups
        rows = {
            (key, (row.origin, row.n)): row.meta
            for key, group in groups.items()
            for row in group.rows.values()
        }
        if members != rows:
            yield f"A5 {host.name} member story of {cluster!r} is not the view"
        if any(not group.rows for group in groups.values()):
            yield f"I4 {host.name} lists an empty group"


def _fold(
    event: Event, registry: dict[str, Any], members: dict[Any, Any]
) -> Iterator[str]:
    ref: Any = event.ref
    key, meta = event.key, event.meta["meta"]
    before = event.previous_meta and event.previous_meta["meta"]
    match event.type:
        case "registered":
            old = registry.get(key)
            if old is not None and old[0] != ref:
                yield f"A5 {key} registered over a live owner"
            if before != (None if old is None else old[1]):
                yield f"A5 {key} previous_meta {before!r}, was {old}"
            registry[key] = (ref, meta)
        case "unregistered":
            old = registry.pop(key, None)
            if old is None or old[0] != ref:
                yield f"A5 {key} unregistered but held by {old}"
            if event.reason is None:
                yield f"A5 {key} unregistered without a reason"
        case "joined":
            members[(key, ref)] = meta
        case _:
            if members.pop((key, ref), None) is None:
                yield f"A5 {key} left without having joined"


def indexes(host: Host) -> Iterator[str]:
    """A6: rows, owners, prefixes and views are in step; A7: no row of the dead."""
    for index in range(SHARDS):
        tables = host.tables[index]
        for cluster, lane in tables.lanes.items():
            for row_key, row in lane.rows.items():
                if row.n not in host.actors:
                    yield f"A7 {host.name} holds {row_key} of dead actor {row.n}"
                if row_key not in lane.by_owner.of(row.n):
                    yield f"A6 {host.name} {row_key} not under its owner"
                if cluster not in tables.watched.get(row.n, {}):
                    yield f"A6 {host.name} does not watch {row.n}"
        for node, copies in tables.inbound.items():
            for copy in copies.values():
                if copy.cluster not in tables.lanes and copy.rows:
                    yield f"A6 {host.name} holds rows of a left cluster"
                if any(row.origin != node for row in copy.rows.values()):
                    yield f"A6 {host.name} holds a row of another origin"
        yield from _prefixes(host, tables)


def _prefixes(host: Host, tables: Tables) -> Iterator[str]:
    for (kind, cluster), index in tables.prefixes.items():
        view = host.views.get(cluster)
        shown = () if view is None else getattr(view, kind)
        found = {key for key in index.under("k/") if key.startswith("k/")}
        wanted = {key for key in shown if tables.owns(cluster, key)}
        if found != wanted:
            yield f"A6 {host.name} {kind} prefixes {found} want {wanted}"


def agreement(world: "World") -> Iterator[str]:
    """I1 to I5: all that live and are linked see the same, and it is the truth."""
    hosts = list(world.hosts.values())
    for host in hosts:
        yield from indexes(host)
        for other in hosts:
            if other is not host:
                yield from _in_step(host, other)
    for cluster in CLUSTERS:
        inside = [host for host in hosts if cluster in host.directory.own]
        registry, members = _truth(inside, cluster)
        for key, claims in registry.items():
            if len(claims) > 1:
                yield f"I3 {len(claims)} claims of {key} in {cluster!r}"
        for host in hosts:
            if host in inside:
                yield from _same(host, cluster, registry, members)
            elif host.views.get(cluster) and (
                host.views[cluster].registry or host.views[cluster].groups
            ):
                yield f"I4 {host.name} shows rows of {cluster!r}, which it is not in"
            expected = sorted(each.name for each in inside)
            if host not in inside:
                expected = [name for name in expected if name != host.name]
            if cluster and host.directory.nodes(cluster) != expected:
                yield f"I4 {host.name} nodes {host.directory.nodes(cluster)}"


def _truth(
    hosts: list[Host], cluster: str
) -> tuple[dict[str, list[Any]], dict[Any, bytes]]:
    registry: dict[str, list[Any]] = {}
    members: dict[Any, bytes] = {}
    for host in hosts:
        for tables in host.tables:
            for row_key, row in tables.lanes[cluster].rows.items():
                owner = (row.origin, row.n)
                if isinstance(row_key, str):
                    registry.setdefault(row_key, []).append((owner, row.meta))
                else:
                    members[(row_key[0], owner)] = row.meta
    return registry, members


def _same(
    host: Host, cluster: str, registry: dict[str, list[Any]], members: dict[Any, bytes]
) -> Iterator[str]:
    view = host.views[cluster]
    shown = {k: ((r.origin, r.n), r.meta) for k, r in view.registry.items()}
    if shown != {key: claims[0] for key, claims in registry.items()}:
        yield f"I2/I3 {host.name} registry of {cluster!r} {shown} want {registry}"
    rows = {
        (key, (row.origin, row.n)): row.meta
        for key, group in view.groups.items()
        for row in group.rows.values()
    }
    if rows != members:
        yield f"I1/I2 {host.name} groups of {cluster!r} {rows} want {members}"


def _in_step(host: Host, other: Host) -> Iterator[str]:
    peer = host.mesh.peer(other.name)
    if peer is None or peer.token is None or peer.node != other.node:
        yield f"L2 {host.name} is not linked to {other.name}"
        return
    for index in range(SHARDS):
        copies = host.tables[index].inbound.get(other.node, {})
        for cluster, lane in other.tables[index].lanes.items():
            if cluster not in host.directory.own or not lane.head:
                continue
            copy = copies.get(lane.cid)
            at = None if copy is None else copy.cursor
            if at != lane.head or copy is None or copy.hash() != lane.hash():
                yield (
                    f"I5 {host.name}<-{other.name} {cluster!r}/{index} at {at}, "
                    f"head {lane.head}"
                )
