"""What must hold on every node when all is quiet. Names as in the protocol.

Nothing here asks the registry what is true: that is known from the journals that the
actors write, and from what the campaign itself has done to their processes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from tests.campaign.beliefs import Beliefs, Owner, Place
from tests.campaign.state import SUB, Row, Seen, Slow

CLUSTERS = ("", SUB)
SHOWN = 4
SPARE_DESCRIPTORS, SPARE_THREADS = 6, 3

Rows = dict[tuple[object, ...], int]
"""The version of each row, by what names it and whose it is."""


@dataclass
class Collected:
    """All that is known at one moment.

    Attributes:
        seen: What each node sees.
        lives: The journal of each life of each node that has ever been.
        now: Which life each node has now; all others are over.
    """

    seen: dict[str, Seen]
    lives: dict[tuple[str, str], Beliefs]
    now: dict[str, str] = field(default_factory=dict)

    def living(self) -> Iterator[tuple[str, str, Beliefs]]:
        """Yield node, life and journal of those that are not over."""
        for name, life in self.now.items():
            yield name, life, self.lives[name, life]


def problems(all_: Collected) -> list[str]:
    """Return what is wrong; empty when all is well."""
    return [
        *links(all_),
        *membership(all_),
        *agreement(all_),
        *truth(all_),
        *stories(all_),
        *ends(all_),
        *watches(all_),
        *bonds(all_),
        *audits(all_),
    ]


def links(all_: Collected) -> Iterator[str]:
    """L2: everybody is linked to the present life of everybody else."""
    for name, seen in all_.seen.items():
        if seen.life != all_.now[name]:
            yield f"L2 {name} says that it is another life"
        wanted = {other: life for other, life in all_.now.items() if other != name}
        if seen.peers != wanted:
            yield f"L2 {name} is linked to {sorted(seen.peers)}, lives {wanted}"
        if seen.nodes != sorted(wanted):
            yield f"L2 {name} shares the group with {seen.nodes}"


def membership(all_: Collected) -> Iterator[str]:
    """I4: everybody knows who is in a cluster; who is not in it sees nothing of it."""
    inside = sorted(name for name, seen in all_.seen.items() if SUB in seen.clusters)
    for name, seen in all_.seen.items():
        for cluster, nodes in seen.clusters.items():
            if nodes != inside:
                yield f"I4 {name} finds {nodes} in {cluster!r}, want {inside}"
        if name not in inside and any(row.cluster == SUB for row in seen.rows):
            yield f"I4 {name} shows rows of a cluster that it is not in"


def agreement(all_: Collected) -> Iterator[str]:
    """I3: one owner per key, and the same rows on all nodes of a cluster."""
    for name, seen in all_.seen.items():
        keys = Counter(
            (row.cluster, row.key) for row in seen.rows if row.kind == "registered"
        )
        for key, count in keys.items():
            if count > 1:
                yield f"I3 {name} shows {count} owners of {key}"
    for cluster in CLUSTERS:
        inside = _inside(all_, cluster)
        for one, two in combinations(inside, 2):
            mine, theirs = _rows(one, cluster), _rows(two, cluster)
            for words in _differences(mine, theirs):
                yield f"I3 {one.name} and {two.name} differ in {cluster!r}: {words}"


def truth(all_: Collected) -> Iterator[str]:
    """I1, I2: every row of a live actor is shown everywhere, and no other row is."""
    for cluster in CLUSTERS:
        possible = _possible(all_, cluster)
        certain = {at for at, held in possible.items() if None not in held}
        yield from _two_owners(cluster, certain)
        for seen in _inside(all_, cluster):
            rows = _rows(seen, cluster)
            for at in certain - rows.keys():
                yield f"I2 {seen.name} lacks {at} in {cluster!r}"
            for at, version in rows.items():
                if at not in possible:
                    yield f"I1 {seen.name} shows {at} in {cluster!r}: {_why(all_, at)}"
                elif version not in possible[at]:
                    yield f"I2 {seen.name} shows {at} at {version}, not {possible[at]}"


def _possible(
    all_: Collected, cluster: str
) -> dict[tuple[object, ...], frozenset[int | None]]:
    return {
        _place(place, (name, life, place.n)): held
        for name, life, beliefs in all_.living()
        for place, held in beliefs.rows.items()
        if place.cluster == cluster
    }


def _two_owners(cluster: str, certain: set[tuple[object, ...]]) -> Iterator[str]:
    owners = Counter(at[1] for at in certain if at[0] == "registered")
    for key, count in owners.items():
        if count > 1:
            yield f"I3 {count} live actors believe that {key} in {cluster!r} is theirs"


def stories(all_: Collected) -> Iterator[str]:
    """A5: what follows from the events is the view."""
    for name, seen in all_.seen.items():
        for words in seen.complaints:
            yield f"A5 {name}: {words}"
        for words in _differences(_all(seen.rows), _all(seen.folded)):
            yield f"A5 {name}, rows and monitor differ: {words}"
        for words in _differences(_all(seen.rows), _all(seen.lagging)):
            yield f"A5 {name}, rows and a slow monitor differ: {words}"
        default = [row for row in seen.rows if row.cluster == ""]
        streamed = [row for row in seen.streamed if row.cluster == ""]
        for words in _differences(_all(default), _all(streamed)):
            yield f"A5 {name}, rows and stream differ: {words}"


def ends(all_: Collected) -> Iterator[str]:
    """A3, I6: an actor ends once; who is evicted has lost to somebody who may win."""
    for (name, life), beliefs in all_.lives.items():
        for n, lines in beliefs.ends.items():
            if len(lines) != 1:
                yield f"A3 actor {n} of {name} has ended {len(lines)} times: {lines}"
            for line in lines:
                if line.reason == "conflict" and line.other is not None:
                    me = (name, life, n)
                    yield from _eviction(all_, me, line.key, line.other)
    for name, _, beliefs in all_.living():
        alive = set(all_.seen[name].alive)
        if beliefs.live != alive:
            differ = sorted(beliefs.live ^ alive)
            yield f"A7 {name}: actors {differ} live and are said to be dead, or so"


def _eviction(all_: Collected, loser: Owner, key: str, winner: Owner) -> Iterator[str]:
    friends = _friends(all_, loser)
    if any(_was_evicted(all_, friend, key, winner) for friend in friends):
        # Links spread a reason, also to the winner's own node.
        return
    if key not in all_.lives[loser[:2]].claimed.get(loser[2], ()):
        yield f"A3 {loser} was evicted from {key}, which it never claimed"
    theirs = all_.lives.get(winner[:2])
    if theirs is None or key not in theirs.claimed.get(winner[2], ()):
        yield f"I6 {loser} was evicted from {key} for {winner}, who never claimed it"
        return
    if loser[:2] == winner[:2]:
        yield f"A3 {loser} was evicted by {winner}, of its own node"
    over = all_.now.get(winner[0]) != winner[1] or winner[2] not in theirs.live
    if over:
        return
    # Alive, and it has not given the key up: then it owns it.
    for place, held in theirs.rows.items():
        owns = (place.kind, place.key, place.n) == ("registered", key, winner[2])
        if owns and None not in held:
            yield from _owned(all_, place, winner)


def _friends(all_: Collected, owner: Owner) -> Iterator[Owner]:
    """Yield all to whom an actor has ever been linked, from either end."""
    for (name, life), beliefs in all_.lives.items():
        for n, other in beliefs.ever_linked:
            if (name, life, n) == owner:
                yield other
            elif other == owner:
                yield name, life, n


def _was_evicted(all_: Collected, owner: Owner, key: str, winner: Owner) -> bool:
    beliefs = all_.lives.get(owner[:2])
    ends = [] if beliefs is None else beliefs.ends.get(owner[2], [])
    fate = ("conflict", key, winner)
    return any((line.reason, line.key, line.other) == fate for line in ends)


def _owned(all_: Collected, place: Place, winner: Owner) -> Iterator[str]:
    for seen in _inside(all_, place.cluster):
        if _place(place, winner) not in _rows(seen, place.cluster):
            yield f"I6 {winner} won {place.key}, and {seen.name} does not show it"


def watches(all_: Collected) -> Iterator[str]:
    """Every watch of a dead actor has fired, once."""
    for name, _, beliefs in all_.living():
        for words in beliefs.complaints:
            yield f"W1 {name}: {words}"
        for (n, number), watched in beliefs.watches.items():
            theirs = all_.lives.get(watched[:2])
            over = all_.now.get(watched[0]) != watched[1]
            if over or theirs is None or watched[2] not in theirs.live:
                yield f"W1 watch {number} of actor {n} on {name}: {watched} is dead"


def bonds(all_: Collected) -> Iterator[str]:
    """Nobody outlives one to whom it is linked and who has ended badly."""
    for name, _, beliefs in all_.living():
        for n, other in beliefs.links:
            theirs = all_.lives.get(other[:2])
            over = all_.now.get(other[0]) != other[1]
            ended = [] if theirs is None else theirs.ends.get(other[2], [])
            # Who ended well harms nobody, also if its node was lost afterwards.
            well = bool(ended) and all(line.reason == "normal" for line in ended)
            if (over or ended) and not well:
                yield f"W2 actor {n} on {name} outlives {other}: {ended}"


def audits(all_: Collected) -> Iterator[str]:
    """I5: no digest has ever differed for a bad reason."""
    for name, seen in all_.seen.items():
        for counter, count in seen.counters.items():
            if counter.startswith("audit_mismatch") and count:
                yield f"I5 {name} counts {count} {counter}"


# What is asked of each node by itself


def took(slow: Slow, frozen: list[tuple[float, float]]) -> float:
    """Return the seconds of a call in which its process was not frozen."""
    lost = sum(
        max(0.0, min(end, slow.ended) - max(begin, slow.began)) for begin, end in frozen
    )
    return slow.ended - slow.began - lost


def calls(seen: Seen, frozen: list[tuple[float, float]]) -> Iterator[str]:
    """Every call ends in time, and as it may."""
    for words in seen.calls.complaints:
        yield f"C1 {seen.name}: {words}"
    for slow in seen.calls.slow:
        seconds = took(slow, frozen)
        if seconds > slow.limit:
            words = f"{slow.what} ({slow.outcome}) took {seconds:.2f} s"
            yield f"C2 {seen.name}: {words}, limit {slow.limit:g} s"


def leaks(seen: Seen, descriptors: int, threads: int) -> Iterator[str]:
    """Nothing has grown since a node was first asked."""
    if seen.descriptors > descriptors + SPARE_DESCRIPTORS:
        yield f"C3 {seen.name}: {descriptors} descriptors grew to {seen.descriptors}"
    if seen.threads > threads + SPARE_THREADS:
        yield f"C3 {seen.name}: {threads} threads grew to {seen.threads}"


def _inside(all_: Collected, cluster: str) -> list[Seen]:
    return [
        seen for seen in all_.seen.values() if cluster == "" or cluster in seen.clusters
    ]


def _rows(seen: Seen, cluster: str) -> Rows:
    return _all(row for row in seen.rows if row.cluster == cluster)


def _all(rows: "Iterator[Row] | list[Row]") -> Rows:
    return {(row.kind, row.key, row.owner, row.cluster): row.version for row in rows}


def _place(place: Place, owner: Owner) -> tuple[object, ...]:
    return place.kind, place.key, owner, place.cluster


def _differences(mine: Rows, theirs: Rows) -> Iterator[str]:
    only = [f"only first {at}" for at in mine.keys() - theirs.keys()]
    only += [f"only second {at}" for at in theirs.keys() - mine.keys()]
    only += [
        f"{at} {mine[at]} and {theirs[at]}"
        for at in mine.keys() & theirs.keys()
        if mine[at] != theirs[at]
    ]
    yield from only[:SHOWN]


def _why(all_: Collected, at: tuple[object, ...]) -> str:
    owner = at[2]
    assert isinstance(owner, tuple)
    if all_.now.get(owner[0]) != owner[1]:
        return "that life of its node is over"
    beliefs = all_.lives[owner[0], owner[1]]
    if owner[2] not in beliefs.live:
        return "the actor is dead"
    return "the actor has no such row"
