"""A shard that crashed, in whatever moment: its successor takes the tables up."""

import operator
from collections.abc import Callable, Iterable
from functools import reduce

import pytest

from group._core import messages as wire
from group._core import requests as ask
from group._core.effects import Evict, Watch
from group._core.lanes import Lane
from group._core.views import PrefixIndex
from tests.group.bench import HERE, THERE, YONDER, Bench, put, snapshot


class CrashError(Exception):
    """What a shard dies of here."""


def xor(numbers: Iterable[int]) -> int:
    return reduce(operator.xor, numbers, 0)


def crash(*args: object) -> None:
    raise CrashError


def fail_at(
    bench: Bench, target: object, name: str, step: Callable[[], object]
) -> None:
    """Let a turn fail at the entry of one method, as a bug there would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, crash)
        with pytest.raises(CrashError):
            step()


def rebuilt(
    bench: Bench,
    *links: ask.Link,
    clusters: tuple[tuple[str, int], ...] = (("", 0),),
) -> None:
    """Put a new shard over the tables."""
    bench.shard = bench.new_shard()
    bench.do(ask.Rebuild(1, clusters, links))


def linked(token: int | None = 1, *, change: int | None = 1) -> ask.Link:
    return ask.Link(THERE, token, change, ((0, ""),))


@pytest.fixture
def bench() -> Bench:
    """A watched shard, linked to a peer that has a row."""
    bench = Bench()
    bench.watch_all()
    bench.link(1)
    bench.follow(1, 1, put("theirs", 9))
    return bench


class TestHalfAnOperation:
    def test_a_row_that_was_not_logged_is_sent_in_a_snapshot(
        self, bench: Bench
    ) -> None:
        fail_at(bench, Lane, "log", lambda: bench.register("key", 7))

        rebuilt(bench, linked())

        assert bench.owner("key") == ("here", 7)
        begin = bench.sent(1)[-3]
        assert begin == wire.SnapBegin(0, 0, 1, 1)

    def test_what_was_changed_and_not_told_is_told(self, bench: Bench) -> None:
        fail_at(bench, Lane, "log", lambda: bench.register("key", 7))

        rebuilt(bench, linked())

        assert bench.events() == [("registered", "key", "here#7", None)]

    def test_a_row_that_was_not_shown_is_shown(self, bench: Bench) -> None:
        project = type(bench.tables)
        fail_at(bench, project, "project", lambda: bench.register("key", 7))
        assert bench.owner("key") is None

        rebuilt(bench, linked())

        assert bench.owner("key") == ("here", 7)
        assert bench.events() == [("registered", "key", "here#7", None)]

    @pytest.mark.parametrize("kind", ["registry", "groups"])
    def test_a_row_that_was_not_indexed_is_told_and_found(
        self, bench: Bench, kind: str
    ) -> None:
        write = bench.register if kind == "registry" else bench.join
        fail_at(bench, PrefixIndex, "add", lambda: write("a/b", 7))

        rebuilt(bench, linked())

        assert [event[1:3] for event in bench.events()] == [("a/b", "here#7")]
        assert bench.tables.prefixes[(kind, "")].under("a/") == ["a/b"]

    def test_claims_that_were_half_settled_are_settled_anew(self, bench: Bench) -> None:
        bench.register("key", 3)
        rival = put("key", 7, stamp=10_000 << 16)
        tables = type(bench.tables)
        fail_at(bench, tables, "_show", lambda: bench.follow(1, 2, rival))

        rebuilt(bench)

        assert bench.owner("key") == ("here", 3)
        assert not bench.tables.contested
        assert not bench.tables.losing

    def test_an_actor_whose_end_was_half_handled_is_watched_again(
        self, bench: Bench
    ) -> None:
        bench.join("a", 7)
        bench.join("b", 7)
        tables = type(bench.tables)
        fail_at(bench, tables, "drop_owner", lambda: bench.do(ask.ActorDown(7, "exit")))

        rebuilt(bench, linked())

        assert Watch(7) in bench.all(Watch)

    def test_subscribers_are_kept(self, bench: Bench) -> None:
        rebuilt(bench, linked())

        bench.register("key", 7)

        assert bench.events() == [("registered", "key", "here#7", None)]

    def test_a_loser_that_was_condemned_is_ended(self, bench: Bench) -> None:
        bench.register("key", 3)
        bench.follow(1, 2, put("key", 7, stamp=10_000 << 16))
        answer = wire.Ans(0, "", "key", 7, 10_000 << 16)
        tables = type(bench.tables)
        fail_at(bench, tables, "pop_own", lambda: bench.hear(1, answer))

        rebuilt(bench, linked())

        assert [evict.n for evict in bench.all(Evict)] == [3]
        assert "key" not in bench.tables.lanes[""].rows
        rebuilt(bench, linked())
        assert bench.all(Evict) == []

    def test_a_loser_whose_claim_went_in_the_crash_is_ended_too(
        self, bench: Bench
    ) -> None:
        bench.register("key", 3)
        bench.follow(1, 2, put("key", 7, stamp=10_000 << 16))
        answer = wire.Ans(0, "", "key", 7, 10_000 << 16)
        tables = type(bench.tables)
        fail_at(bench, tables, "project", lambda: bench.hear(1, answer))

        rebuilt(bench, linked())

        assert [evict.n for evict in bench.all(Evict)] == [3]


class TestPositions:
    def test_one_position_is_burnt_and_everybody_gets_a_snapshot(
        self, bench: Bench
    ) -> None:
        bench.register("key", 7)

        rebuilt(bench, linked())

        assert bench.tables.lanes[""].head == 2
        sent = [type(each).__name__ for each in bench.sent(1)]
        assert sent == ["Hello", "SnapBegin", "SnapRows", "SnapEnd"]

    def test_a_lane_that_was_never_written_needs_no_snapshot(
        self, bench: Bench
    ) -> None:
        rebuilt(bench, linked())

        assert bench.tables.lanes[""].head == 0

    def test_no_cursor_is_believed(self, bench: Bench) -> None:
        rebuilt(bench, linked())

        hello = bench.sent(1)[0]
        assert isinstance(hello, wire.Hello)
        assert hello.have == []
        bench.follow(1, 2, put("more", 9))
        assert bench.owner("more") is None
        for frame in snapshot(2, put("theirs", 9), put("more", 9)):
            bench.hear(1, frame)
        assert bench.owner("more") == ("there", 9)

    def test_digests_agree_afterwards(self, bench: Bench) -> None:
        bench.do(ask.OpenCluster("red", 1, 2))
        bench.hear(1, wire.Joined(2, [(1, "red")]))
        bench.register("key", 7)
        bench.register("key", 7, cluster="red")
        bench.do(ask.Tick())

        both = (("", 0), ("red", 1))
        rebuilt(bench, ask.Link(THERE, 1, 2, ((0, ""), (1, "red"))), clusters=both)

        lanes = bench.tables.lanes.values()
        assert self.digest(bench) == xor(lane.digest() for lane in lanes)

    def test_digests_agree_when_a_cluster_was_left_meanwhile(
        self, bench: Bench
    ) -> None:
        bench.do(ask.OpenCluster("red", 1, 2))
        bench.hear(1, wire.Joined(2, [(1, "red")]))
        bench.register("key", 7)
        bench.register("key", 7, cluster="red")
        bench.do(ask.Tick())

        rebuilt(bench, ask.Link(THERE, 1, 2, ((0, ""), (1, "red"))))

        assert self.digest(bench) == bench.tables.lanes[""].digest()

    def digest(self, bench: Bench) -> int | None:
        bench.do(ask.Tick())
        (beat,) = bench.sent(1)
        assert isinstance(beat, wire.Beat)
        return beat.digest


class TestFences:
    def test_a_fence_is_not_answered_by_a_shard_that_may_have_lost_frames(
        self, bench: Bench
    ) -> None:
        rebuilt(bench, linked())

        bench.hear(1, wire.Fence(0, 5))

        assert bench.sent(1) == []

    def test_it_is_when_all_has_come_again(self, bench: Bench) -> None:
        rebuilt(bench, linked())
        for frame in snapshot(2, put("theirs", 9)):
            bench.hear(1, frame)
        digest = bench.tables.inbound[THERE][0].digest()
        bench.hear(1, wire.Beat(0, 5, 1, digest))

        bench.hear(1, wire.Fence(0, 5))

        assert bench.sent(1) == [wire.Fenced(0, 5)]


class TestWhatHappenedMeanwhile:
    def test_a_peer_that_is_gone_is_purged(self, bench: Bench) -> None:
        rebuilt(bench)

        assert bench.owner("theirs") is None
        assert "lost" in str(bench.events()[0][3])

    def test_a_cluster_that_a_peer_has_left_is_dropped(self, bench: Bench) -> None:
        rebuilt(bench, ask.Link(THERE, 1, 5, ()))

        assert bench.owner("theirs") is None

    def test_the_rows_of_a_suspect_stay(self, bench: Bench) -> None:
        rebuilt(bench, linked(token=None, change=None))

        assert bench.owner("theirs") == ("there", 9)
        assert bench.sent(1) == []

    def test_a_peer_whose_catalogue_is_on_its_way_is_said_hello(
        self, bench: Bench
    ) -> None:
        rebuilt(bench, linked(2, change=None))

        assert isinstance(bench.sent(2)[0], wire.Hello)
        bench.hear(2, wire.Catalogue(1, [(0, "")]))
        bench.hear(2, wire.Hello(0, 0, []))
        assert bench.owner("theirs") == ("there", 9)

    def test_clusters_are_opened_and_closed(self, bench: Bench) -> None:
        bench.register("key", 7)

        rebuilt(bench, linked(), clusters=(("red", 4),))

        assert bench.tables.lanes.keys() == {"red"}
        assert bench.owner("key") is None
        assert bench.register("key", 7, cluster="red") == ask.DONE

    def test_a_cluster_that_was_left_and_joined_again_begins_anew(
        self, bench: Bench
    ) -> None:
        bench.register("key", 7)

        rebuilt(bench, linked(), clusters=(("", 8),))

        assert bench.tables.lanes[""].cid == 8
        assert bench.owner("key") is None

    def test_an_eviction_in_a_cluster_that_is_gone_is_carried_out(
        self, bench: Bench
    ) -> None:
        bench.tables.evictions.append(
            Evict(3, "red", "key", bench.views[""].registry["theirs"])
        )

        rebuilt(bench, linked())

        assert [evict.n for evict in bench.all(Evict)] == [3]


def test_an_empty_shard_begins_with_a_rebuild_that_changes_nothing() -> None:
    bench = Bench(HERE)

    rebuilt(bench, ask.Link(YONDER, 1, 1, ((0, ""),)))

    assert bench.count("rebuilt") == 1
    assert bench.tables.lanes[""].head == 0
