"""A user's rule for conflicts, in many histories; and that a bad one is found out."""

import itertools
import random
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from group import ConfigError, InvalidArgumentError, InvalidMetaError
from group._core import effects
from group.testing import SimulationError, simulate
from group.testing import _simulated as simulated

METAS = [{"level": n} for n in range(4)]
Rank = Callable[[str, Mapping[str, object], str, int], object]


def named(rank: Rank) -> Rank:
    vars(rank)["rank_id"] = "v1"
    return rank


@named
def by_level(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
    return meta["level"]


def test_a_good_rule_passes_and_meets_conflicts(seed: int) -> None:
    found = simulate(by_level, metas=METAS, histories=25, seed=seed)

    assert found.histories == 25
    assert found.claims > found.conflicts > 20
    assert str(found).startswith(f"25 histories from seed {seed}: ")


def test_the_built_in_rule_passes_with_more_nodes() -> None:
    assert simulate(histories=10, nodes=5).conflicts > 0


def test_the_same_seed_is_the_same_history(seed: int) -> None:
    one = simulate(by_level, metas=METAS, seed=seed)
    two = simulate(by_level, metas=METAS, seed=seed)

    assert one == two
    assert one.histories == 1


def test_metas_may_be_made() -> None:
    made: list[Mapping[str, object]] = []

    def meta(rng: random.Random) -> Mapping[str, object]:
        made.append({"level": rng.random()})
        return made[-1]

    simulate(by_level, metas=meta, histories=2)

    assert len(made) > 10


def test_a_failure_is_replayed_by_its_line() -> None:
    @named
    def moody(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return meta["level"] if stamp % 5 else {}

    with pytest.raises(SimulationError) as first:
        simulate(moody, metas=METAS)
    seed = first.value.seed
    assert f"replay: simulate(moody, metas=..., nodes=3, seed={seed})" in str(
        first.value
    )

    with pytest.raises(SimulationError) as second:
        simulate(moody, metas=METAS, nodes=3, seed=seed)
    assert str(second.value) == str(first.value)


def test_a_rule_that_raises_is_found_out() -> None:
    @named
    def rude(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return meta["size"]

    with pytest.raises(SimulationError, match="raised KeyError: 'size'") as failed:
        simulate(rude, metas=METAS)
    assert isinstance(failed.value.__cause__, KeyError)


@pytest.mark.parametrize("value", [None, {1}, float("nan"), (1, object())])
def test_a_rank_that_has_no_order_is_found_out(value: object) -> None:
    @named
    def odd(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return value

    with pytest.raises(SimulationError, match="cannot be put into an order"):
        simulate(odd)


@pytest.mark.parametrize("value", [0, 1.5, "a", b"b", (1, "a", (2,)), [], ()])
def test_a_rank_that_has_an_order_passes(value: object) -> None:
    @named
    def fine(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return value

    simulate(fine, histories=2)


def test_a_rule_that_draws_lots_is_found_out() -> None:
    @named
    def lots(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return random.random()

    with pytest.raises(SimulationError, match="one thing now and another then"):
        simulate(lots)


def test_a_rule_that_changes_its_mind_slowly_is_found_out() -> None:
    calls = itertools.count()

    @named
    def slow(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        level = meta["level"]
        assert isinstance(level, int)
        # Between two calls it changes rarely: what fails is what nodes agree about.
        return level if next(calls) // 1001 % 2 else -level

    with pytest.raises(SimulationError):
        simulate(slow, metas=METAS, histories=500)


def test_nodes_that_settle_conflicts_differently_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checks themselves: a node that always believes in itself."""
    usual = simulated.SimulatedNode.owner

    def mine(node: simulated.SimulatedNode, key: str) -> object:
        return node.claims().get(key) or (
            None if node.id.name == "n2" else usual(node, key)
        )

    monkeypatch.setattr(simulated.SimulatedNode, "owner", mine)

    with pytest.raises(SimulationError, match="n2 shows nobody"):
        simulate(by_level, metas=METAS)


def test_a_loser_that_ranks_higher_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = simulated.World._order
    monkeypatch.setattr(
        simulated.World, "_order", lambda *args: tuple(reversed(order(*args)))
    )

    with pytest.raises(SimulationError, match="which does not rank above it"):
        simulate(by_level, metas=METAS)


def test_a_loser_that_is_ended_twice_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evicted = simulated.World.evicted

    def twice(
        world: simulated.World, node: simulated.SimulatedNode, evict: effects.Evict
    ) -> None:
        evicted(world, node, evict)
        evicted(world, node, evict)

    monkeypatch.setattr(simulated.World, "evicted", twice)

    with pytest.raises(SimulationError, match="has lost the key twice"):
        simulate(by_level, metas=METAS)


def test_claims_that_are_never_settled_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn = simulated.SimulatedNode.turn

    def deaf(node: simulated.SimulatedNode, message: object) -> object:
        frame = getattr(message, "message", None)
        return None if type(frame).__name__ == "Ans" else turn(node, message)

    monkeypatch.setattr(simulated.SimulatedNode, "turn", deaf)

    with pytest.raises(SimulationError, match=r"is still claimed by [23] actors"):
        simulate(by_level, metas=METAS)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="stable id"):
        simulate(lambda key, meta, node, stamp: 1)
    with pytest.raises(InvalidArgumentError, match="nodes must be an integer 2 to 7"):
        simulate(nodes=1)
    with pytest.raises(InvalidArgumentError, match="histories must be an integer 1 to"):
        simulate(histories=0)
    with pytest.raises(InvalidArgumentError, match="at least one meta"):
        simulate(metas=[])
    for metas in (3, "ab", {"a": 1}):
        with pytest.raises(InvalidArgumentError, match="metas must be a list of metas"):
            simulate(metas=cast("Any", metas))
    for seed in ("x", -1, True):
        with pytest.raises(InvalidArgumentError, match="seed must be an integer 0 to"):
            simulate(seed=cast("Any", seed))
    with pytest.raises(InvalidMetaError, match="int is not supported; use dict"):
        simulate(metas=cast("Any", [5]))
    with pytest.raises(InvalidMetaError, match="set is not supported"):
        simulate(metas=[{"a": {1}}])
