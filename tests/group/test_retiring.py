"""Losers are ended by their own node, once, and only when the winner is confirmed."""

from group._core import messages as wire
from group._core import requests as ask
from group._core.effects import Evict
from tests.group.bench import HERE, THERE, YONDER, Bench, put

NEWER = (10_000 << 16) + 1


def question(n: int = 7, stamp: int = NEWER, key: str = "key") -> wire.Ask:
    return wire.Ask(0, "", key, n, stamp)


def answer(n: int = 7, stamp: int = NEWER, cluster: str = "") -> wire.Ans:
    return wire.Ans(0, cluster, "key", n, stamp)


def loser() -> Bench:
    """A shard whose claim of "key" has just lost to one of a peer."""
    bench = Bench()
    bench.watch_all()
    bench.link(1)
    bench.register("key", 3)
    bench.follow(1, 1, put("key", 7, stamp=NEWER))
    return bench


def test_the_winners_node_is_asked_at_once() -> None:
    bench = loser()

    assert bench.sent(1) == [question()]
    assert bench.owner("key") == ("there", 7)
    assert bench.all(Evict) == []


def test_a_confirmed_loser_is_ended_and_its_claim_withdrawn() -> None:
    bench = loser()

    bench.hear(1, answer())

    (evict,) = bench.all(Evict)
    assert (evict.n, evict.cluster, evict.key, evict.winner.n) == (3, "", "key", 7)
    (ops,) = bench.sent(1)
    assert isinstance(ops, wire.Ops)
    assert ops.ops == [wire.DelReg("key", wire.Reason("word", "conflict"))]
    assert 3 in bench.condemned


def test_a_loser_is_ended_once() -> None:
    bench = loser()
    bench.hear(1, answer())

    bench.hear(1, answer())

    assert bench.all(Evict) == []


def test_a_condemned_actor_can_neither_register_nor_join() -> None:
    bench = loser()
    bench.hear(1, answer())

    assert bench.register("other", 3) == ask.CONDEMNED
    assert bench.join("other", 3) == ask.CONDEMNED
    bench.do(ask.ActorDown(3, "lost"))

    assert bench.condemned == set()


def test_an_answer_about_another_claim_ends_nobody() -> None:
    bench = loser()

    for other in (answer(n=8), answer(stamp=NEWER + 1), answer(cluster="red")):
        bench.hear(1, other)
        assert bench.all(Evict) == []


def test_an_answer_of_a_node_that_does_not_hold_the_key_ends_nobody() -> None:
    bench = loser()
    bench.link(2, YONDER)

    bench.hear(2, answer())

    assert bench.all(Evict) == []


def test_an_answer_that_comes_when_the_winner_is_gone_ends_nobody() -> None:
    bench = loser()
    bench.follow(1, 2, wire.DelReg("key", wire.Reason("word", "exit")))

    bench.hear(1, answer())

    assert bench.all(Evict) == []
    assert bench.owner("key") == ("here", 3)


def test_an_answer_for_a_key_that_nobody_shows_ends_nobody() -> None:
    bench = loser()
    del bench.views[""].registry["key"]

    bench.hear(1, answer())

    assert bench.all(Evict) == []


def test_every_tick_asks_again() -> None:
    bench = loser()

    bench.do(ask.Tick())
    assert question() in bench.sent(1)
    bench.hear(1, answer())
    bench.do(ask.Tick())

    assert question() not in bench.sent(1)


def test_a_winner_that_is_out_of_reach_is_asked_later() -> None:
    bench = loser()

    bench.do(ask.LinkDown(1))
    bench.do(ask.Tick())

    assert bench.sent(1) == []
    assert bench.count("retiring_deferred") == 1


def test_a_key_that_is_not_shown_needs_no_question() -> None:
    bench = loser()
    del bench.views[""].registry["key"]

    bench.do(ask.Tick())

    assert question() not in bench.sent(1)


class TestBeingAsked:
    def owner(self) -> tuple[Bench, int]:
        """A shard that owns "key", and the stamp of its claim."""
        bench = Bench()
        bench.link(1, THERE)
        bench.register("key", 7)
        row = bench.tables.lanes[""].rows["key"]
        return bench, row.stamp

    def test_a_claim_that_is_alive_and_wins_is_confirmed(self) -> None:
        bench, stamp = self.owner()

        bench.hear(1, question(stamp=stamp))

        assert bench.sent(1) == [answer(stamp=stamp)]

    def test_another_claim_is_not_confirmed(self) -> None:
        bench, stamp = self.owner()

        for other in (question(n=8, stamp=stamp), question(), question(key="other")):
            bench.hear(1, other)
            assert bench.sent(1) == []

    def test_a_claim_in_a_cluster_that_was_left_is_not_confirmed(self) -> None:
        bench, stamp = self.owner()

        bench.hear(1, wire.Ask(0, "red", "key", 7, stamp))

        assert bench.sent(1) == []

    def test_a_claim_that_itself_loses_is_not_confirmed(self) -> None:
        bench, stamp = self.owner()
        bench.follow(1, 1, put("key", 9, stamp=NEWER))

        bench.hear(1, question(stamp=stamp))

        assert bench.sent(1) == []


def test_a_rank_decides_before_age() -> None:
    bench = Bench(HERE, rank=lambda key, row: row.meta)
    bench.link(1)
    bench.register("key", 3, meta=b"\xa12")

    bench.follow(1, 1, put("key", 7, stamp=NEWER, meta=b"\xa11"))

    assert bench.owner("key") == ("here", 3)
