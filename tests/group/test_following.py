"""Copies of peers' lanes: exact at their position, or replaced, or asked for again."""

import pytest

from group._core import messages as wire
from group._core import requests as ask
from group._core.effects import Cut, Report
from group._core.hlc import MAX_SKEW_MS
from group._core.messages import Reason
from tests.group.bench import THERE, Bench, hash_of, put, put_member, row, snapshot

EXIT = Reason("word", "exit")


@pytest.fixture
def bench() -> Bench:
    """A shard in two clusters, watched, linked to a peer in both."""
    bench = Bench(clusters=("", "red"))
    bench.watch_all()
    bench.link(1, clusters=("", "red"))
    return bench


def cursor(bench: Bench, cid: int = 0) -> int | None:
    return bench.tables.inbound[THERE][cid].cursor


def cuts(bench: Bench) -> list[str]:
    return [each.why for each in bench.all(Cut)]


class TestOperations:
    def test_a_lane_from_its_beginning_needs_no_snapshot(self, bench: Bench) -> None:
        bench.follow(1, 1, put("key", 7), put_member("key", 7))

        assert cursor(bench) == 2
        assert bench.owner("key") == ("there", 7)
        assert bench.members("key") == [("there", 7)]
        assert bench.events() == [
            ("registered", "key", "there#7", None),
            ("joined", "key", "there#7", None),
        ]

    def test_rows_go_with_the_reason_that_their_owner_gave(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7), put_member("b", 7), put_member("c", 8))

        bench.follow(
            1,
            4,
            wire.DelReg("a", EXIT),
            wire.DelGrp("b", 7, EXIT),
            wire.DelReg("x", EXIT),
        )

        assert bench.events() == [
            ("unregistered", "a", "there#7", "exit"),
            ("left", "b", "there#7", "exit"),
        ]

    def test_an_actor_that_ends_takes_all_its_rows(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7), put_member("b", 7), put_member("c", 8))

        bench.follow(1, 4, wire.DelOwner(7, EXIT))

        assert bench.owner("a") is None
        assert bench.members("b") == []
        assert bench.members("c") == [("there", 8)]

    def test_operations_that_are_known_are_not_applied_again(
        self, bench: Bench
    ) -> None:
        bench.follow(1, 1, put("a", 7), wire.DelReg("a", EXIT))

        bench.follow(1, 1, put("a", 7))
        assert bench.owner("a") is None
        bench.follow(1, 2, wire.DelReg("a", EXIT), put("b", 8))

        assert cursor(bench) == 3
        assert bench.owner("b") == ("there", 8)
        assert bench.count("duplicates") == 1

    def test_after_a_gap_the_peer_is_asked_to_go_on(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))

        bench.follow(1, 3, put("b", 8))

        assert bench.sent(1) == [wire.Need(0, 0, 1)]
        assert cursor(bench) == 1
        assert bench.owner("b") is None

    def test_operations_at_an_unknown_position_are_discarded(
        self, bench: Bench
    ) -> None:
        bench.follow(1, 5, put("a", 7))

        assert cursor(bench) is None
        assert bench.owner("a") is None
        assert bench.count("discarded") == 1

    def test_a_lane_that_begins_anew_drops_what_was_there(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))
        bench.tables.inbound[THERE][0].cursor = None

        bench.follow(1, 1, put("b", 8))

        assert bench.owner("a") is None
        assert bench.owner("b") == ("there", 8)

    def test_a_cluster_that_we_are_not_in_is_ignored(self, bench: Bench) -> None:
        bench.do(ask.CloseCluster("red", 3))

        bench.follow(1, 1, put("a", 7), cid=1)
        for frame in snapshot(3, cid=1):
            bench.hear(1, frame)

        assert cuts(bench) == []
        assert bench.count("discarded") == 4


class TestFaultsOfPeers:
    def test_an_unknown_cluster(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7), cid=9)

        assert cuts(bench) == ["unknown cluster number 9"]

    def test_a_key_of_another_shard(self) -> None:
        bench = Bench(place=(0, 2))
        bench.link(1)
        key = next(key for key in "abcdef" if not bench.tables.owns("", key))

        bench.follow(1, 1, put(key, 7))

        assert cuts(bench) == [f"{key!r} is not of shard 0"]

    def test_a_stamp_that_changes(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7, stamp=1))

        bench.follow(1, 2, put("a", 7, stamp=2))

        assert cuts(bench) == ["stamp of 'a' changed"]

    def test_a_snapshot_of_too_many_rows(self, bench: Bench) -> None:
        bench.hear(1, wire.SnapBegin(0, 0, 1, 5_000_001))

        assert cuts(bench) == ["snapshot of 5000001 rows, more than 5000000"]


def test_another_actor_of_the_same_node_may_take_the_key(bench: Bench) -> None:
    bench.follow(1, 1, put("a", 7, stamp=1))

    bench.follow(1, 2, put("a", 8, stamp=2))

    assert bench.owner("a") == ("there", 8)


def test_a_clock_that_runs_wild_is_reported(bench: Bench) -> None:
    bench.follow(1, 1, put("a", 7, stamp=(bench.wall + MAX_SKEW_MS + 1) << 16))

    assert [each.event for each in bench.all(Report)] == ["clock_skew"]
    assert bench.owner("a") == ("there", 7)


def test_a_clock_that_runs_wild_is_reported_once_a_minute(bench: Bench) -> None:
    wild = (bench.wall + MAX_SKEW_MS + 1) << 16
    reports = 0
    for number in range(1, 10):
        bench.now += 8.0
        bench.follow(1, number, put(f"k/{number}", 7, stamp=wild + number))
        reports += len(bench.all(Report))

    assert (reports, bench.count("skewed")) == (2, 9)


def test_a_snapshot_of_too_many_bytes_is_a_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("group._core.following.MAX_STAGED_BYTES", 1000)
    rows: list[wire.Put] = [put(f"k/{n}", 7, meta=b"x" * 300) for n in range(4)]
    bench.hear(1, wire.SnapBegin(0, 0, 9, 4))

    bench.hear(1, wire.SnapRows(0, 0, rows[:3]))
    assert cuts(bench) == []
    bench.hear(1, wire.SnapRows(0, 0, rows[3:]))

    assert cuts(bench) == ["snapshot of more than 1000 bytes"]


class TestSnapshots:
    def hear(self, bench: Bench, *frames: wire.Message) -> None:
        for frame in frames:
            bench.hear(1, frame)

    def test_a_snapshot_replaces_what_was_there(self, bench: Bench) -> None:
        bench.follow(1, 1, put("gone", 7), put("same", 8))

        self.hear(bench, *snapshot(9, put("same", 8), put_member("new", 9)))

        assert cursor(bench) == 9
        assert bench.events() == [
            ("unregistered", "gone", "there#7", "resync"),
            ("joined", "new", "there#9", None),
        ]

    def test_its_rows_are_hashed_once(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When it is compared with its end, and not once more at the next beat."""
        frames = snapshot(9, put("a", 9), put("b", 9))
        monkeypatch.setattr("group._core.lanes.row_digest", pytest.fail)

        self.hear(bench, *frames)

        copy = bench.tables.inbound[THERE][0]
        known = copy.hash()
        monkeypatch.undo()
        copy.rehash()
        assert copy.hash() == known != 0

    def test_nothing_is_shown_before_its_end(self, bench: Bench) -> None:
        begin, rows, _ = snapshot(9, put("new", 9))

        self.hear(bench, begin, rows)

        assert bench.owner("new") is None

    @pytest.mark.parametrize(
        "end",
        [
            wire.SnapEnd(0, 0, 8, 1, 0),
            wire.SnapEnd(0, 0, 9, 2, 0),
            wire.SnapEnd(0, 0, 9, 1, 0),
        ],
        ids=["head", "count", "hash"],
    )
    def test_an_end_that_does_not_fit_installs_nothing(
        self, bench: Bench, end: wire.SnapEnd
    ) -> None:
        begin, rows, _ = snapshot(9, put("new", 9))

        self.hear(bench, begin, rows, end)

        assert bench.owner("new") is None
        assert bench.sent(1) == [wire.Need(0, 0, None)]

    def test_rows_that_are_missing_install_nothing(self, bench: Bench) -> None:
        begin, _, end = snapshot(9, put("new", 9))

        self.hear(bench, begin, end)

        assert bench.sent(1) == [wire.Need(0, 0, None)]

    def test_more_rows_than_announced_end_the_snapshot(self, bench: Bench) -> None:
        begin, rows, end = snapshot(9, put("a", 9))
        more = wire.SnapRows(0, 0, [put("b", 9)])

        self.hear(bench, begin, rows, more, end)

        assert bench.owner("a") is None
        assert bench.count("bad_snapshots") == 1
        assert bench.count("end_without_begin") == 1

    def test_rows_without_a_beginning_are_ignored(self, bench: Bench) -> None:
        _, rows, end = snapshot(9, put("a", 9))

        self.hear(bench, rows, end)

        assert bench.owner("a") is None
        assert bench.sent(1) == []

    def test_a_newer_snapshot_takes_the_place_of_one_under_way(
        self, bench: Bench
    ) -> None:
        begin, rows, _ = snapshot(8, put("old", 8))

        self.hear(bench, begin, rows, *snapshot(9, put("new", 9)))

        assert bench.owner("old") is None
        assert bench.owner("new") == ("there", 9)

    def test_a_snapshot_of_the_past_is_not_installed(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7), put("b", 8))

        self.hear(bench, *snapshot(1, put("a", 7)))

        assert cursor(bench) == 2
        assert bench.count("old_snapshots") == 1

    def test_half_a_snapshot_is_lost_with_its_link(self, bench: Bench) -> None:
        begin, rows, end = snapshot(9, put("a", 9))
        self.hear(bench, begin, rows)

        bench.do(ask.LinkDown(1))
        bench.link(2, clusters=("", "red"))
        bench.hear(2, end)

        assert bench.owner("a") is None


class TestLinks:
    def test_a_hello_says_what_is_held(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7), put("b", 8))
        bench.follow(1, 1, put("c", 9), cid=1)
        bench.tables.inbound[THERE][1].cursor = None

        bench.do(ask.LinkDown(1))
        bench.do(ask.LinkUp(2, THERE))

        (hello,) = bench.sent(2)
        assert isinstance(hello, wire.Hello)
        assert hello.have == [(0, 2)]

    def test_rows_stay_while_a_peer_is_suspect(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))

        bench.do(ask.LinkDown(1))

        assert bench.owner("a") == ("there", 7)
        assert bench.events() == []

    def test_clusters_that_a_new_catalogue_lacks_are_dropped(
        self, bench: Bench
    ) -> None:
        bench.follow(1, 1, put("a", 7))
        bench.follow(1, 1, put("b", 8), cid=1)

        bench.do(ask.LinkDown(1))
        bench.link(2, clusters=("",))

        assert bench.owner("a") == ("there", 7)
        assert bench.owner("b", "red") is None

    def test_a_cluster_that_the_peer_left_is_dropped(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))

        bench.hear(1, wire.Left(3, [0, 77]))

        assert bench.events() == [
            ("unregistered", "a", "there#7", "cluster_disconnect")
        ]


class TestAudit:
    def beat(self, bench: Bench, digest: int | None, change: int = 2) -> None:
        bench.hear(1, wire.Beat(0, 5, change, digest))

    def test_equal_digests_need_no_word(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))

        self.beat(bench, bench.tables.inbound[THERE][0].digest())

        assert bench.sent(1) == []

    def test_digests_that_differ_are_looked_into(self, bench: Bench) -> None:
        self.beat(bench, 77)

        assert bench.sent(1) == [wire.HeadsQuery(0)]

    def test_a_beat_that_is_not_complete_is_not_judged(self, bench: Bench) -> None:
        self.beat(bench, None)
        assert bench.sent(1) == []

        self.beat(bench, 77, change=1)
        assert bench.sent(1) == []

    def test_a_copy_that_was_dropped_does_not_count(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))
        bench.follow(1, 1, put("b", 7), cid=1)
        self.beat(bench, 77)

        bench.hear(1, wire.Left(3, [0]))
        self.beat(bench, bench.tables.inbound[THERE][1].digest())

        assert bench.sent(1) == []

    def test_a_copy_that_is_gone_needs_no_new_seal(self, bench: Bench) -> None:
        bench.shard.sessions.linked[1].stale[99] = None

        self.beat(bench, 0)

        assert bench.sent(1) == []

    def test_a_copy_that_is_elsewhere_is_asked_for(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))

        bench.hear(1, wire.Heads(0, [(0, 5, 77), (1, 2, 78), (9, 1, 79)]))

        assert bench.sent(1) == [wire.Need(0, 0, 1), wire.Need(0, 1, None)]

    def test_a_copy_in_step_is_left_alone(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))

        bench.hear(1, wire.Heads(0, [(0, 1, hash_of([put("a", 7)]))]))

        assert bench.sent(1) == []

    def test_a_hash_that_differs_is_an_error_and_mended(self, bench: Bench) -> None:
        bench.follow(1, 1, put("a", 7))
        bench.tables.inbound[THERE][0].put("a", row(THERE, 7, meta=b"\xa1?"))

        bench.hear(1, wire.Heads(0, [(0, 1, hash_of([put("a", 7)]))]))

        assert bench.sent(1) == [wire.Need(0, 0, None)]
        (report,) = bench.all(Report)
        assert (report.level, report.event) == ("error", "audit_mismatch")

    def test_a_cluster_that_we_left_meanwhile_is_not_asked_for(
        self, bench: Bench
    ) -> None:
        bench.do(ask.CloseCluster("red", 3))

        bench.hear(1, wire.Heads(0, [(1, 2, 78)]))

        assert bench.sent(1) == []
