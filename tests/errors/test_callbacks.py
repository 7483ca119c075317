"""B041 and B042: code of the user that fails or takes long, called by a shard."""

import threading
from collections.abc import Callable, Mapping

import pytest

from actors import mailbox
from group import Group
from tests.group.people import (
    PATIENCE,
    await_meeting,
    groups,
    listeners,
    settle,
)
from tests.waiting import eventually
from transport import Node

Ranked = Callable[[Mapping[str, object]], object]


class Rank:
    """Ranks by what a test says."""

    rank_id = "test"

    def __init__(self, ranked: Ranked) -> None:
        self._ranked = ranked

    def __call__(
        self, key: str, meta: Mapping[str, object], node: str, stamp: int
    ) -> object:
        return self._ranked(meta)


def raises(_meta: Mapping[str, object]) -> object:
    raise LookupError("no rank today")


RUBBISH: dict[str, Ranked] = {
    "nothing": lambda _: None,
    "an object": lambda _: object(),
    "a NaN": lambda _: float("nan"),
    "other kinds": lambda meta: meta.get("name", {1: 2}),
    "an exception": raises,
}


@pytest.mark.parametrize("ranked", RUBBISH.values(), ids=RUBBISH.keys())
def test_a_rank_that_fails_or_is_rubbish_leaves_one_owner(
    ranked: Ranked, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Node.start("a") as a,
        Node.start("b") as b,
        Group.start("app", node=a, log=False, conflict_rank=Rank(ranked)) as ga,
        Group.start("app", node=b, log=False, conflict_rank=Rank(ranked)) as gb,
        listeners(2) as (one, other),
    ):
        ga.register("k", {"name": "one"}, actor=one)
        gb.register("k", {"v": 2}, actor=other)
        b.join(a.address)
        await_meeting(ga, gb)

        def agreed() -> bool:
            settle(ga, gb)
            alive = [ref for ref in (one, other) if ref.is_alive()]
            return [ga.whereis("k"), gb.whereis("k")] == alive * 2

        eventually(agreed, PATIENCE, what="one owner on both nodes")
        # No shard has died of it.
        for g in (ga, gb):
            assert [runner.begun for runner in g._instance.runners] == [1] * 8
    if ranked is raises:
        assert "callback_failed" in caplog.text
        assert "callback=conflict_rank" in caplog.text
        assert "LookupError: no rank today" in caplog.text


def test_an_extractor_that_returns_rubbish_hands_it_to_its_readers() -> None:
    with Group.start("app", log=False, extract_meta=lambda _: 5) as g, mailbox():
        g.register("k", {"v": 1})

        found = g.lookup("k")

        assert found is not None
        assert repr(found.meta) == "5"
        g.register("k", {"v": 2})


def test_a_callback_that_blocks_is_named_with_its_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    never = threading.Event()

    def slowly(meta: Mapping[str, object]) -> Mapping[str, object]:
        never.wait(0.15)
        return meta

    with (
        groups("a", "b", extract_meta=slowly) as (ga, gb),
        listeners() as (one,),
    ):
        ga.register("k", {"v": 1}, actor=one)
        settle(ga)
        assert gb.lookup("k") == (one, {"v": 1})

    lines = [r.getMessage() for r in caplog.records if r.name == "group"]
    (line, *_) = [line for line in lines if line.startswith("slow_callback")]
    fields = dict(word.split("=") for word in line.split()[1:])
    assert fields["callback"] == "extract_meta"
    assert 0.15 <= float(fields["seconds"]) < 5
