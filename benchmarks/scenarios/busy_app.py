"""An application on two nodes that does a bit of everything at once, then ends."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from actors import AnyRef
from benchmarks.owners import PATIENCE, end_all, open_mailboxes
from benchmarks.pairs import Pair, linked
from benchmarks.readings import Reading
from benchmarks.references import pg
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.scenarios.deaths import no_ghosts
from benchmarks.scenarios.replication import PG_BOTH_UNITS
from benchmarks.waiting import await_rows
from group import Group

USERS, ROOMS, ROOMS_OF_A_USER, THREADS = 2_000, 50, 5, 8
NODES = ("a", "b")
DISPATCH_EVERY = 50
"""One user of so many says something to a room."""


@scenario
def busy_app(size: Size) -> Iterator[Sequence[Case]]:
    """2 x 2,000 users register, join, update, read, dispatch, leave and die at once.

    On each node eight threads have a share of the users. Each user registers with
    meta, joins five of fifty rooms, joins one of them again with other meta, looks two
    others up, lists a room and leaves one; every fiftieth says something to a room.
    Half of them die in between, the others at the end.
    """
    users = size.shape(USERS, least=THREADS)
    with linked() as pair, pg.linked_beams(size) as beam:
        yield [
            partial(together, pair, users),
            *beam.case(PG_BOTH_UNITS, "concurrent", pg.OTHER, size.shape(5_000, 5)),
        ]


def together(pair: Pair, users: int) -> Iterator[Reading]:
    """Let both nodes live; then see how long after the end both agree."""
    began = clock()
    pair.other.begin("busy", "b", users)
    ended = [live(pair.group, "a", users), pair.other.time()]
    pair.other.begin("await_rows", 0)
    agreed = [await_rows(pair.group, 0), pair.other.time()]
    no_ghosts(pair)
    took, later = max(ended) - began, max(agreed) - max(ended)
    yield Reading("busy app, until both have ended", took / 1e6, "ms")
    yield Reading("busy app, converged after the end", max(later, 1) / 1e6, "ms")


def live(group: Group, node: str, users: int) -> int:
    """Let this node's share of users live and die; return when all have ended."""
    refs = open_mailboxes(users)
    with ThreadPoolExecutor(THREADS) as pool:
        shares = [
            pool.submit(live_some, group, node, refs, range(first, users, THREADS))
            for first in range(THREADS)
        ]
        for share in shares:
            share.result(PATIENCE)
    end_all(refs[1::2])
    return clock()


def live_some(
    group: Group, node: str, refs: Sequence[AnyRef], share: Sequence[int]
) -> None:
    """Do what users do, one user after another; those with even numbers die."""
    for number in share:
        ref = refs[number]
        group.register(f"user/{node}/{number}", {"node": node}, actor=ref)
        rooms = [
            f"room/{(number + 7 * step) % ROOMS}" for step in range(ROOMS_OF_A_USER)
        ]
        for room in rooms:
            group.join(room, {"role": "member"}, actor=ref)
        group.join(rooms[0], {"role": "admin"}, actor=ref)
        for other in NODES:
            group.lookup(f"user/{other}/{number - 1}")
        group.members(rooms[1])
        if number % DISPATCH_EVERY == 0:
            group.dispatch(rooms[2], number)
        group.leave(rooms[3], actor=ref)
        if number % 2 == 0:
            ref.stop()
