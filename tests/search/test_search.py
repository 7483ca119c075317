"""No world of a small scope breaks an invariant, and a broken rule is found.

More: `python -m tests.search --states 1000000 --nodes 3`. The path to what is found is
the shortest there is, and is printed with the line that replays it.
"""

from dataclasses import replace

import pytest

from tests.search.planted import FAULTS
from tests.search.scope import SCOPES, Scope
from tests.search.search import FoundError, Search
from tests.sim.planting import Patch

STATES = 500


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
