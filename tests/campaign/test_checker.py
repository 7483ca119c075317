"""The checker of campaigns accepts health and nothing else."""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.campaign.beliefs import GONE, Line, Owner, Place, Reading, Writing
from tests.campaign.calls import Recorder
from tests.campaign.checker import Collected, bonds, calls, leaks, problems
from tests.campaign.faults import NODES, plan
from tests.campaign.state import SUB, Row, Seen, Slow

NAMES = ("a", "b", "c")
OUTSIDE = "c"
"""Not in the named cluster."""

Spoil = Callable[[Collected, random.Random], None]
CORRUPTIONS: dict[str, Spoil] = {}


def corruption(spoil: Spoil) -> Spoil:
    """Enter a function into the list of all."""
    CORRUPTIONS[getattr(spoil, "__name__", "")] = spoil
    return spoil


def life_of(name: str) -> str:
    return f"life of {name}"


def healthy(folder: Path, seed: int) -> Collected:
    """Return a world in which all is well, from journals like those of a run."""
    rng = random.Random(seed)
    collected = Collected({}, {})
    rows: list[Row] = []
    for number, name in enumerate(NAMES):
        path = folder / f"{seed}.{name}"
        rows += write(Writing(path), rng, name, number)
        collected.lives[name, life_of(name)] = Reading(path).catch_up()
        collected.now[name] = life_of(name)
    path = folder / f"{seed}.dead"
    write(Writing(path), rng, "a", 3)
    collected.lives["a", "an earlier life"] = Reading(path).catch_up()
    for name in NAMES:
        collected.seen[name] = seen_by(name, rows, collected)
    return collected


def write(journal: Writing, rng: random.Random, name: str, number: int) -> list[Row]:
    """Write what some actors do, and return the rows that come of it."""
    rows = []
    inside = name != OUTSIDE
    for n in range(1, 3 + rng.randrange(4)):
        journal.note(Line(0.0, "start", n))
        owner = (name, life_of(name), n)
        for cluster in ("", SUB) if inside else ("",):
            for kind, key in (("registered", f"k/{number}/{n}"), ("member", "g/0")):
                version = rng.randrange(1, 100)
                row = msgspec.convert((kind, cluster, key, owner, version), Row)
                put(journal, row)
                rows.append(row)
    for loser in (11, 12):
        journal.note(Line(0.0, "start", loser))
        put(journal, Row("registered", "", "k/lost", (name, "", loser), 1))
        winner = ("a", life_of("a"), 1)
        if name == "a":
            winner = ("b", life_of("b"), 1)
        key = f"k/{'b' if name == 'a' else 'a'}"
        put(journal, Row("registered", "", key, (name, "", loser), 1))
        line = Line(1.0, "end", loser, key=key, reason="conflict", other=winner)
        journal.note(line)
    # Won by those above, and given up.
    won = Row("registered", "", f"k/{name}", (name, life_of(name), 1), 1)
    put(journal, won)
    journal.note(Line(0.0, "drops", 1, "registered", "", won.key))
    journal.note(Line(0.0, "done", 1))
    return rows


def put(journal: Writing, row: Row) -> None:
    """Write that an actor has put a row."""
    n = row.owner[2]
    line = Line(0.0, "puts", n, row.kind, row.cluster, row.key, row.version)
    journal.note(line)
    journal.note(Line(0.0, "done", n))


def seen_by(name: str, rows: list[Row], collected: Collected) -> Seen:
    inside = name != OUTSIDE
    mine = [row for row in rows if inside or row.cluster == ""]
    others = [other for other in NAMES if other != name]
    beliefs = collected.lives[name, life_of(name)]
    return Seen(
        name=name,
        life=life_of(name),
        peers={other: life_of(other) for other in others},
        nodes=others,
        clusters={SUB: [each for each in NAMES if each != OUTSIDE]} if inside else {},
        rows=list(mine),
        folded=list(mine),
        lagging=list(mine),
        lags=0,
        streamed=list(mine),
        complaints=[],
        alive=sorted(beliefs.live),
        counters={"audit_mismatches": 0},
        descriptors=20,
        threads=10,
    )


def show(collected: Collected, old: Row | None, new: Row | None, *names: str) -> None:
    """Change a row in all that some nodes show, the events included."""
    for name in names:
        seen = collected.seen[name]
        for rows in (seen.rows, seen.folded, seen.lagging, seen.streamed):
            if old is not None and old in rows:
                rows.remove(old)
            if new is not None:
                rows.append(new)


def some(collected: Collected, rng: random.Random, kind: str, cluster: str = "") -> Row:
    rows = collected.seen["a"].rows
    return rng.choice([r for r in rows if r.kind == kind and r.cluster == cluster])


def with_owner(row: Row, owner: Owner) -> Row:
    return Row(row.kind, row.cluster, row.key, owner, row.version)


@corruption
def a_row_is_missing_on_one_node(all_: Collected, rng: random.Random) -> None:
    show(all_, some(all_, rng, "registered"), None, rng.choice(NAMES))


@corruption
def a_row_is_missing_everywhere(all_: Collected, rng: random.Random) -> None:
    show(all_, some(all_, rng, "member"), None, *NAMES)


@corruption
def a_row_of_a_dead_actor_is_shown(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "member")
    show(all_, None, with_owner(row, (row.owner[0], row.owner[1], 11)), *NAMES)


@corruption
def a_row_of_a_dead_life_is_shown(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "member")
    show(all_, None, with_owner(row, ("a", "an earlier life", 1)), *NAMES)


@corruption
def a_node_shows_an_old_meta(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "member")
    old = Row(row.kind, row.cluster, row.key, row.owner, row.version + 1000)
    show(all_, row, old, rng.choice(NAMES))


@corruption
def all_nodes_show_an_old_meta(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "registered")
    old = Row(row.kind, row.cluster, row.key, row.owner, row.version + 1000)
    show(all_, row, old, *NAMES)


@corruption
def two_nodes_show_different_owners(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "registered")
    other = "b" if row.owner[0] == "a" else "a"
    show(all_, row, with_owner(row, (other, life_of(other), 1)), OUTSIDE)


@corruption
def two_actors_believe_that_a_key_is_theirs(
    all_: Collected, rng: random.Random
) -> None:
    row = some(all_, rng, "registered")
    other = "b" if row.owner[0] == "a" else "a"
    theirs = all_.lives[other, life_of(other)]
    theirs.rows[Place("registered", "", row.key, 1)] = frozenset({5})


@corruption
def a_key_has_two_owners_on_one_node(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "registered")
    other = "b" if row.owner[0] == "a" else "a"
    show(all_, None, with_owner(row, (other, life_of(other), 1)), rng.choice(NAMES))


@corruption
def a_node_shows_rows_of_a_cluster_it_is_not_in(
    all_: Collected, rng: random.Random
) -> None:
    show(all_, None, some(all_, rng, "member", SUB), OUTSIDE)


@corruption
def a_node_is_missing_in_a_cluster(all_: Collected, rng: random.Random) -> None:
    all_.seen["a"].clusters[SUB].remove("b")


@corruption
def a_node_is_linked_to_a_dead_life(all_: Collected, rng: random.Random) -> None:
    all_.seen["b"].peers["a"] = "an earlier life"


@corruption
def a_node_misses_a_peer(all_: Collected, rng: random.Random) -> None:
    del all_.seen[rng.choice("bc")].peers["a"]


@corruption
def a_peer_is_linked_and_not_in_the_group(all_: Collected, rng: random.Random) -> None:
    all_.seen[rng.choice("bc")].nodes.remove("a")


@corruption
def an_event_is_missing(all_: Collected, rng: random.Random) -> None:
    all_.seen[rng.choice(NAMES)].folded.remove(some(all_, rng, "registered"))


@corruption
def a_monitor_has_not_begun_again(all_: Collected, rng: random.Random) -> None:
    all_.seen[rng.choice(NAMES)].lagging.clear()


@corruption
def a_stream_has_missed_an_end(all_: Collected, rng: random.Random) -> None:
    row = some(all_, rng, "member")
    seen = all_.seen[rng.choice(NAMES)]
    seen.streamed.append(with_owner(row, (row.owner[0], row.owner[1], 11)))


@corruption
def an_event_contradicts_another(all_: Collected, rng: random.Random) -> None:
    all_.seen[rng.choice(NAMES)].complaints.append("it went and had never come")


@corruption
def an_actor_is_evicted_twice(all_: Collected, rng: random.Random) -> None:
    name = rng.choice(NAMES)
    beliefs = all_.lives[name, life_of(name)]
    beliefs.apply(beliefs.ends[11][0])


@corruption
def an_actor_is_evicted_from_a_key_it_never_had(
    all_: Collected, rng: random.Random
) -> None:
    name = rng.choice(NAMES)
    all_.lives[name, life_of(name)].claimed[11].clear()


@corruption
def an_actor_is_evicted_for_one_who_never_claimed(
    all_: Collected, rng: random.Random
) -> None:
    all_.lives["a", life_of("a")].claimed[1].discard("k/a")


@corruption
def a_winner_lives_and_does_not_own_the_key(
    all_: Collected, rng: random.Random
) -> None:
    beliefs = all_.lives["a", life_of("a")]
    beliefs.rows[Place("registered", "", "k/a", 1)] = frozenset({1})


@corruption
def a_live_actor_is_said_to_be_dead(all_: Collected, rng: random.Random) -> None:
    name = rng.choice(NAMES)
    all_.lives[name, life_of(name)].apply(Line(9.0, "end", 1, reason="normal"))


@corruption
def a_watch_of_a_dead_actor_has_not_fired(all_: Collected, rng: random.Random) -> None:
    line = Line(9.0, "watches", 1, version=5, other=("b", life_of("b"), 11))
    all_.lives["a", life_of("a")].apply(line)


@corruption
def a_watch_has_fired_twice(all_: Collected, rng: random.Random) -> None:
    for _ in range(2):
        all_.lives["a", life_of("a")].apply(Line(9.0, "down", 1, version=5))


@corruption
def an_actor_outlives_one_it_is_linked_to(all_: Collected, rng: random.Random) -> None:
    line = Line(9.0, "links", 1, other=("b", life_of("b"), 11))
    all_.lives["a", life_of("a")].apply(line)


@corruption
def an_audit_has_failed(all_: Collected, rng: random.Random) -> None:
    all_.seen[rng.choice(NAMES)].counters["audit_mismatches"] = 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_checker_notices(name: str, seed: int, tmp_path: Path) -> None:
    all_ = healthy(tmp_path, seed)
    assert problems(all_) == []

    CORRUPTIONS[name](all_, random.Random(seed))

    found = problems(all_)
    print(found)
    assert found


def with_call(seen: Seen, began: float, ended: float, outcome: str = "ok") -> Seen:
    seen.calls.slow.append(Slow("register", began, ended, 2.0, outcome))
    return seen


def test_a_call_that_takes_too_long_is_noticed(tmp_path: Path) -> None:
    seen = healthy(tmp_path, 1).seen["a"]
    assert list(calls(with_call(seen, 10.0, 11.9), [])) == []

    assert list(calls(with_call(seen, 10.0, 12.1), []))


def test_a_call_that_never_returns_is_noticed(tmp_path: Path) -> None:
    seen = healthy(tmp_path, 1).seen["a"]

    (words,) = calls(with_call(seen, 10.0, 12.1, "in flight"), [])

    assert "in flight" in words


def test_time_in_which_a_process_was_frozen_does_not_count(tmp_path: Path) -> None:
    seen = with_call(healthy(tmp_path, 1).seen["a"], 10.0, 15.0)

    assert list(calls(seen, [(1.0, 9.0), (11.0, 14.5), (16.0, 20.0)])) == []
    assert list(calls(seen, [(1.0, 9.0), (11.0, 12.0), (16.0, 20.0)]))


def test_an_error_that_no_call_may_raise_is_noticed(tmp_path: Path) -> None:
    seen = healthy(tmp_path, 1).seen["a"]
    recorder = Recorder()
    recorder.call("register", lambda: 1 // 0, KeyError)
    seen.calls = recorder.report()

    (words,) = calls(seen, [])

    assert "ZeroDivisionError" in words


@pytest.mark.parametrize("what", ["descriptors", "threads"])
def test_growth_is_noticed(what: str, tmp_path: Path) -> None:
    seen = healthy(tmp_path, 1).seen["a"]
    first = (seen.descriptors, seen.threads)
    assert list(leaks(seen, *first)) == []

    setattr(seen, what, getattr(seen, what) + 10)

    assert list(leaks(seen, *first))


def test_a_seed_decides_the_faults(seed: int) -> None:
    plans = [plan(random.Random(seed), NAMES, 5.0) for _ in range(2)]

    assert plans[0] == plans[1]


def test_a_node_has_one_fault_of_its_own_at_a_time(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        until = dict.fromkeys(NAMES, 0.0)
        for fault in plan(rng, NAMES, 5.0):
            if fault.kind in NODES:
                (name,) = fault.nodes
                assert fault.at >= until[name]
                until[name] = fault.at + fault.lasts


def test_the_checker_accepts_a_hundred_healthy_worlds(
    seed: int, tmp_path: Path
) -> None:
    for each in range(seed, seed + 100):
        assert problems(healthy(tmp_path, each)) == [], each


def test_a_call_that_was_cut_short_leaves_both_possible(tmp_path: Path) -> None:
    all_ = healthy(tmp_path, 1)
    row = some(all_, random.Random(1), "member")
    beliefs = all_.lives[row.owner[:2]]
    beliefs.apply(Line(9.0, "drops", row.owner[2], "member", "", row.key))
    assert problems(all_) == []

    show(all_, row, None, *NAMES)

    assert problems(all_) == []


def test_an_actor_may_share_the_fate_of_one_that_was_evicted(tmp_path: Path) -> None:
    all_ = healthy(tmp_path, 1)
    (line,) = all_.lives["a", life_of("a")].ends[11]
    beliefs = all_.lives["b", life_of("b")]
    beliefs.apply(Line(0.0, "start", 50))
    # That it once wanted the key itself makes it no victim of its own node.
    beliefs.apply(Line(0.0, "puts", 50, key=line.key, version=1))
    beliefs.apply(Line(0.0, "refused", 50))
    beliefs.apply(Line(0.0, "links", 50, other=("a", life_of("a"), 11)))

    beliefs.apply(
        Line(2.0, "end", 50, key=line.key, reason="conflict", other=line.other)
    )

    assert problems(all_) == []


def test_who_ended_well_before_its_node_was_lost_takes_nobody_along(
    tmp_path: Path,
) -> None:
    all_ = healthy(tmp_path, 1)
    gone = ("b", life_of("b"), 50)
    all_.lives["a", life_of("a")].apply(Line(9.0, "links", 1, other=gone))
    theirs = all_.lives["b", life_of("b")]
    theirs.apply(Line(9.1, "start", 50))
    theirs.apply(Line(9.2, "end", 50, reason="normal"))
    del all_.now["b"]

    assert not list(bonds(all_))


def test_rows_of_a_cluster_that_was_left_are_gone(tmp_path: Path) -> None:
    journal = Writing(tmp_path / "journal")
    journal.note(Line(0.0, "start", 1))
    put(journal, Row("member", SUB, "g", ("a", "", 1), 7))
    journal.note(Line(0.0, "puts", 1, "registered", SUB, "k", 8))
    place = Place("registered", SUB, "k", 1)

    journal.note(Line(0.0, "left", cluster=SUB))
    journal.note(Line(0.0, "done", 1))

    # Acknowledged after the cluster was left: before or after is not known.
    assert journal.beliefs.rows == {place: GONE | {8}}
