"""No world of a small scope breaks an invariant, and a broken rule is found.

More: `python -m tests.search --states 1000000 --nodes 3`. The path to what is found is
the shortest there is, and is printed with the line that replays it.
"""

from dataclasses import replace

import pytest

from group._core.rows import Row
from tests.search.canon import fingerprint
from tests.search.planted import FAULTS
from tests.search.scope import SCOPES, Scope
from tests.search.search import FoundError, Search
from tests.sim.planting import Patch
from transport import NodeId

STATES = 500
ME = NodeId("a", bytes(8))


@pytest.mark.parametrize(
    "other",
    [
        Row(ME, 2, "A", 1, b"a"),
        Row(ME, 1, "B", 1, b"a"),
        Row(ME, 1, "A", 2, b"a"),
        Row(ME, 1, "A", 1, b"b"),
    ],
    ids=["n", "cls", "stamp", "meta"],
)
def test_rows_that_differ_in_one_field_make_different_states(other: Row) -> None:
    row = Row(ME, 1, "A", 1, b"a")

    assert fingerprint({"k": row}) != fingerprint({"k": other})


def test_a_row_that_is_shared_is_not_two_that_are_equal() -> None:
    row, twin = (Row(ME, 1, "A", 1, b"a") for _ in range(2))

    assert fingerprint([row, row]) != fingerprint([row, twin])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCOPES)
def test_no_world_of_two_nodes_breaks_an_invariant(name: str) -> None:
    result = Search(replace(SCOPES[name], ticks=0), STATES).run()

    assert result.complete or result.states >= STATES


@pytest.mark.slow
def test_no_world_of_three_nodes_breaks_an_invariant() -> None:
    result = Search(replace(SCOPES["all"], nodes=3), STATES // 2).run()

    assert result.states >= STATES // 2


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, monkeypatch: Patch) -> None:
    fault = FAULTS[name]
    fault.plant(monkeypatch)

    with pytest.raises(FoundError) as found:
        Search(fault.scope, 20_000).run()

    print(found.value)
    assert fault.breaks in found.value.words
    assert len(found.value.path) == fault.steps


def test_a_search_is_the_same_each_time() -> None:
    one, two = (Search(Scope(calls=1, cuts=1), 300) for _ in range(2))

    assert str(one.run()) == str(two.run())


def test_a_path_that_was_found_can_be_walked_again(monkeypatch: Patch) -> None:
    fault = FAULTS["leave_keeps_cursor"]
    fault.plant(monkeypatch)
    with pytest.raises(FoundError) as found:
        Search(fault.scope, 20_000).run()

    again = Search(fault.scope, 0).replay(found.value.path)

    assert again == found.value.steps[: len(again)]
    assert len(again) == len(found.value.path)


def test_a_scope_that_is_small_enough_is_seen_in_full() -> None:
    result = Search(Scope(calls=1), 20_000).run()

    assert result.complete
    assert {"call", "take", "do"} >= result.met.keys() >= {"call", "take"}
