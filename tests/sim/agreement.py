"""What must hold when all is quiet: linked hosts agree, and what they say is true."""

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING

from group._core.lanes import Lane
from group._core.tables import Tables
from group._core.views import View
from tests.sim.profiles import CLUSTERS
from tests.sim.stories import Owner, shown_claims, shown_members

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.world import World


def disagreements(world: "World") -> Iterator[str]:
    """I1 to I5 and A5 to A7, over all hosts of a world that is quiet."""
    hosts = list(world.hosts.values())
    for host in hosts:
        yield from indexes(host)
        for words in host.stories.check(host.replica.views, thoroughly=True):
            yield f"A5 {host.name} {words}"
        if host.replica.fences.pending():
            yield f"F2 {host.name} has a fence that nobody settles"
    for host, other in permutations(hosts, 2):
        yield from in_step(host, other)
    for cluster in CLUSTERS:
        yield from same_rows(hosts, cluster)
        yield from same_nodes(hosts, cluster)


def indexes(host: "Host") -> Iterator[str]:
    """A6: rows, owners, prefixes and watches are in step; A7: no row of the dead."""
    for tables in host.replica.tables:
        for cluster, lane in tables.lanes.items():
            yield from _owners(host, tables, cluster, lane)
            yield from _recorded(host, tables, cluster, lane)
        for node, copies in tables.inbound.items():
            for copy in copies.values():
                if copy.cluster not in tables.lanes and copy.rows:
                    yield f"A6 {host.name} holds rows of a left cluster"
                if any(row.origin != node for row in copy.rows.values()):
                    yield f"A6 {host.name} holds a row of another origin"
        yield from _prefixes(host, tables)


def _owners(host: "Host", tables: Tables, cluster: str, lane: Lane) -> Iterator[str]:
    for row_key, row in lane.rows.items():
        if row.n not in host.actors:
            yield f"A7 {host.name} holds {row_key} of dead actor {row.n}"
        if row_key not in lane.by_owner.of(row.n):
            yield f"A6 {host.name} {row_key} not under its owner"
        if cluster not in tables.watched.get(row.n, {}):
            yield f"A6 {host.name} does not watch {row.n}"


def _recorded(host: "Host", tables: Tables, cluster: str, lane: Lane) -> Iterator[str]:
    """I2: the lane holds what the callers know, no more and no less."""
    rows = {row_key: (row.n, row.meta) for row_key, row in lane.rows.items()}
    known = {
        row_key: held
        for row_key, held in host.ledger.rows(cluster).items()
        if tables.owns(cluster, row_key if isinstance(row_key, str) else row_key[0])
    }
    if rows != known:
        yield f"I2 {host.name} lane {cluster!r} has {rows}, callers know {known}"


def _prefixes(host: "Host", tables: Tables) -> Iterator[str]:
    for (kind, cluster), index in tables.prefixes.items():
        view = host.replica.views.get(cluster)
        if view is None:
            continue
        shown = view.registry if kind == "registry" else view.groups
        found = set(index.under("k/"))
        wanted = {key for key in shown if tables.owns(cluster, key)}
        if found != wanted:
            yield f"A6 {host.name} {kind} prefixes {found}, want {wanted}"


def in_step(host: "Host", other: "Host") -> Iterator[str]:
    """I5: what one host holds of another is exactly what that one has."""
    if not host.links.linked_to(other):
        yield f"L2 {host.name} is not linked to {other.name}"
        return
    for index, tables in enumerate(host.replica.tables):
        copies = tables.inbound.get(other.node, {})
        for cluster, lane in other.replica.tables[index].lanes.items():
            if cluster not in host.replica.directory.own or not lane.head:
                continue
            copy = copies.get(lane.cid)
            at = None if copy is None else copy.cursor
            if copy is None or at != lane.head or copy.hash() != lane.hash():
                where = f"{host.name}<-{other.name} {cluster!r}/{index}"
                yield f"I5 {where} at {at}, head {lane.head}"


def same_rows(hosts: list["Host"], cluster: str) -> Iterator[str]:
    """I1 to I4: every host shows exactly the rows of all that are in the cluster."""
    claims: dict[str, Owner] = {}
    members: dict[tuple[str, object], bytes] = {}
    inside = [host for host in hosts if host.replica.is_in(cluster)]
    for host in inside:
        for row_key, (n, meta) in host.ledger.rows(cluster).items():
            owner = (host.node, n)
            if not isinstance(row_key, str):
                members[(row_key[0], owner)] = meta
            elif row_key in claims:
                yield f"I3 two claims of {row_key} in {cluster!r}"
            else:
                claims[row_key] = (owner, meta)
    for host in hosts:
        view = host.replica.views.get(cluster) or View()
        wanted = (claims, members) if host in inside else ({}, {})
        for words in shows(view, *wanted):
            yield f"{words} on {host.name} in {cluster!r}"


def shows(
    view: View, claims: dict[str, Owner], members: dict[tuple[str, object], bytes]
) -> Iterator[str]:
    """Tell in what a view differs from what it must show."""
    if shown_claims(view) != claims:
        yield f"I1 {view.registry}, want {claims},"
    if shown_members(view) != members:
        yield f"I1 {shown_members(view)}, want {members},"
    if any(not group.rows for group in view.groups.values()):
        yield "I4 an empty group"


def same_nodes(hosts: list["Host"], cluster: str) -> Iterator[str]:
    """I4: every host knows who is in a cluster."""
    inside = sorted(host.name for host in hosts if host.replica.is_in(cluster))
    for host in hosts:
        found = host.replica.directory.nodes(cluster)
        if found != inside:
            yield f"I4 {host.name} finds {found} in {cluster!r}, want {inside}"
