"""Own lanes to every peer: operations while the log reaches back, else a snapshot."""

import pytest

from actors import Crash
from group._core import messages as wire
from group._core import requests as ask
from group._core.effects import Send, Settled
from tests.group.bench import THERE, YONDER, Bench


def first_positions(messages: list[wire.Message]) -> list[int]:
    return [each.first for each in messages if isinstance(each, wire.Ops)]


def kinds(messages: list[wire.Message]) -> list[str]:
    return [type(each).__name__ for each in messages]


SNAPSHOT = ["SnapBegin", "SnapRows", "SnapEnd"]


class TestWhatIsSent:
    def test_an_operation_leaves_at_once_and_once_for_all(self) -> None:
        bench = Bench()
        bench.link(1, THERE)
        bench.link(2, YONDER)

        bench.register("key", 7)

        (send,) = bench.all(Send)
        assert send.tokens == (1, 2)
        assert isinstance(send.message, wire.Ops)
        assert send.message.first == 1

    def test_a_peer_that_is_not_in_the_cluster_is_sent_nothing(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.link(1)

        bench.register("key", 7, cluster="red")

        assert bench.sent(1) == []

    def test_a_peer_that_has_not_said_hello_is_sent_nothing(self) -> None:
        bench = Bench()
        bench.do(ask.LinkUp(1, THERE))
        bench.hear(1, wire.Catalogue(1, [(0, "")]))

        bench.register("key", 7)

        assert bench.sent(1) == []

    def test_a_newcomer_gets_a_snapshot(self) -> None:
        bench = Bench()
        bench.register("key", 7)
        bench.join("group", 7)

        sent = bench.link(1)

        assert kinds(sent) == ["Hello", *SNAPSHOT]
        begin = sent[1]
        assert isinstance(begin, wire.SnapBegin)
        assert (begin.head, begin.count) == (2, 2)

    def test_a_lane_without_history_is_not_sent(self) -> None:
        assert kinds(Bench().link(1)) == ["Hello"]

    def test_a_peer_that_is_back_gets_what_it_lacks(self) -> None:
        bench = Bench()
        for n in range(1, 4):
            bench.register(f"key{n}", n)

        sent = bench.link(1, have=[(0, 2)])

        assert first_positions(sent) == [3]
        assert kinds(sent) == ["Hello", "Ops"]

    def test_a_peer_that_lacks_nothing_gets_nothing(self) -> None:
        bench = Bench()
        bench.register("key", 7)

        assert kinds(bench.link(1, have=[(0, 1)])) == ["Hello"]

    def test_a_peer_that_lacks_more_than_the_log_holds_gets_a_snapshot(self) -> None:
        bench = Bench(log_size=2)
        for n in range(1, 5):
            bench.register(f"key{n}", n)

        assert kinds(bench.link(1, have=[(0, 1)]))[1:] == SNAPSHOT
        assert kinds(bench.link(2, YONDER, have=[(0, 2)]))[1:] == ["Ops"]

    def test_a_peer_that_knows_the_future_gets_a_snapshot(self) -> None:
        bench = Bench()
        bench.register("key", 7)

        assert kinds(bench.link(1, have=[(0, 9)]))[1:] == SNAPSHOT
        assert bench.count("cursor_ahead") == 1

    def test_a_peer_that_joins_later_gets_a_snapshot_then(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.register("key", 7, cluster="red")
        bench.link(1)

        bench.hear(1, wire.Joined(2, [(5, "red"), (6, "blue")]))

        assert kinds(bench.sent(1)) == SNAPSHOT

    def test_a_peer_that_left_is_sent_nothing_more(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.register("key", 7)

        bench.hear(1, wire.Left(2, [0]))
        bench.unregister("key")

        assert bench.sent(1) == []

    def test_a_lane_that_was_sent_in_this_turn_is_not_sent_again(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.register("key", 7)

        bench.shard.turn.begin(0.0, 0)
        bench.shard.outbound.moved(bench.tables.lanes[""])
        bench.shard.outbound.end_turn()

        assert bench.shard.turn.effects == []

    def test_a_cluster_that_we_join_is_empty_for_all_that_are_in_it(self) -> None:
        bench = Bench()
        bench.link(1, clusters=("", "red"))

        bench.do(ask.OpenCluster("red", 3, 2))
        bench.register("key", 7, cluster="red")

        assert first_positions(bench.sent(1)) == [1]

    def test_a_cluster_that_we_left_is_sent_no_more(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.link(1, clusters=("", "red"))
        bench.register("key", 7, cluster="red")

        bench.do(ask.CloseCluster("red", 3))
        bench.do(ask.CloseCluster("never", 3))

        assert bench.sent(1) == []
        assert bench.register("key", 7, cluster="red") == ask.NOT_CONNECTED


class TestNeed:
    def test_a_peer_is_taken_back_to_where_it_is(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.register("a", 1)
        bench.register("b", 2)

        bench.hear(1, wire.Need(0, 0, 1))
        assert first_positions(bench.sent(1)) == [2]
        bench.hear(1, wire.Need(0, 0, None))

        assert kinds(bench.sent(1)) == SNAPSHOT

    def test_a_lane_that_is_no_more_cannot_be_had(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.link(1, clusters=("", "red"))

        bench.hear(1, wire.Need(0, 9, None))

        assert bench.sent(1) == []


class TestFullLinks:
    def test_a_full_link_gets_all_at_once_when_it_has_drained(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.do(ask.Blocked(1))
        bench.register("a", 1)
        assert bench.sent(1) == []
        bench.register("b", 2)

        bench.do(ask.Writable(1))

        (ops,) = bench.sent(1)
        assert isinstance(ops, wire.Ops)
        assert (ops.first, len(ops.ops)) == (1, 2)

    def test_a_link_that_is_gone_neither_fills_nor_drains(self) -> None:
        bench = Bench()

        bench.do(ask.Blocked(1))
        bench.do(ask.Writable(1))

        assert bench.effects == []

    def test_a_cluster_that_went_meanwhile_is_not_sent(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.link(1, clusters=("", "red"))
        bench.do(ask.Blocked(1))
        bench.register("a", 1, cluster="red")
        bench.register("a", 1)
        peer = bench.shard.sessions.linked[1]

        bench.do(ask.CloseCluster("red", 3))
        peer.dirty["red"] = None
        bench.do(ask.Writable(1))

        assert kinds(bench.sent(1)) == ["Ops"]

    def test_operations_and_rows_are_cut_into_frames(self) -> None:
        bench = Bench(log_size=10_000)
        bench.link(1)
        bench.do(ask.Blocked(1))
        for n in range(1, wire.OPS_PER_FRAME + 2):
            bench.register(f"key{n}", n)

        bench.do(ask.Writable(1))
        assert first_positions(bench.sent(1)) == [1, wire.OPS_PER_FRAME + 1]

        assert kinds(bench.link(2, YONDER))[1:] == [
            "SnapBegin",
            "SnapRows",
            "SnapRows",
            "SnapEnd",
        ]

    def test_frames_are_bounded_in_bytes_too(self) -> None:
        bench = Bench(log_size=100)
        meta = b"\xc5\xff\x00" + bytes(0xFF00)
        for n in range(1, 17):
            bench.register(f"key{n}", n, meta=meta)

        sent = bench.link(1)

        assert kinds(sent).count("SnapRows") == 2

    @pytest.mark.parametrize("letter", ["k", "\u00e9", "\u20ac", "\U0001f600"])
    def test_frames_of_the_longest_keys_and_reasons_fit(self, letter: str) -> None:
        """One that did not would crash the shard, and each that follows it."""
        bench = Bench(log_size=10_000)
        bench.link(1)
        bench.do(ask.Blocked(1))
        count = 1_200
        for n in range(1, count + 1):
            end = str(n).rjust(8, "/")
            letters = (1024 - len(end)) // len(letter.encode())
            bench.register(letter * letters + end, n)

        bench.do(ask.Writable(1))
        rows = [*bench.sent(1), *bench.link(2, YONDER)]
        bench.do(ask.Blocked(1))
        for n in range(1, count + 1):
            bench.do(ask.ActorDown(n, Crash(letter * 9_999, letter * 9_999, "")))
        bench.do(ask.Writable(1))

        sent = [*rows, *bench.sent(1)]
        assert {"Ops", "SnapRows"} <= set(kinds(sent))
        assert max(len(wire.encode(message)) for message in sent) <= 1_000_000


class TestBeats:
    def test_a_beat_carries_the_digest_of_what_was_sent(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.register("a", 1)

        bench.do(ask.Tick())

        (beat,) = bench.sent(1)
        assert isinstance(beat, wire.Beat)
        assert beat.digest == bench.tables.lanes[""].digest()
        assert beat.change == 1

    def test_a_beat_says_nothing_of_what_a_full_link_lacks(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.do(ask.Blocked(1))
        bench.register("a", 1)

        bench.do(ask.Tick())

        (beat,) = bench.sent(1)
        assert isinstance(beat, wire.Beat)
        assert beat.digest is None

    def test_the_digest_follows_who_is_in_which_cluster(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.link(1)
        bench.register("a", 1)
        bench.register("a", 1, cluster="red")
        bench.do(ask.Tick())
        one, two = bench.tables.lanes[""].digest(), bench.tables.lanes["red"].digest()

        bench.hear(1, wire.Joined(2, [(1, "red")]))
        assert self.digest(bench) == one ^ two
        bench.hear(1, wire.Left(3, [0]))
        assert self.digest(bench) == two
        bench.hear(1, wire.Joined(4, [(2, "blue")]))
        bench.hear(1, wire.Left(5, [2]))
        bench.register("b", 2)
        bench.do(ask.CloseCluster("", 3))
        bench.do(ask.CloseCluster("red", 4))

        assert self.digest(bench) == 0

    def digest(self, bench: Bench) -> int | None:
        bench.do(ask.Tick())
        (beat,) = bench.sent(1)
        assert isinstance(beat, wire.Beat)
        return beat.digest

    def test_a_peer_without_hello_hears_no_beat(self) -> None:
        bench = Bench()
        bench.do(ask.LinkUp(1, THERE))

        bench.do(ask.Tick())

        assert bench.sent(1) == []

    def test_heads_list_what_was_sent_in_full(self) -> None:
        bench = Bench(clusters=("", "red", "blue"))
        bench.link(1, clusters=("", "red", "blue"))
        bench.register("a", 1)
        bench.do(ask.Blocked(1))
        bench.register("a", 1, cluster="red")

        bench.hear(1, wire.HeadsQuery(0))

        lane = bench.tables.lanes[""]
        assert bench.sent(1) == [wire.Heads(0, [(0, 1, lane.hash())])]

    def test_a_lane_that_closed_with_news_is_not_sealed(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.register("a", 1, cluster="red")
        bench.shard.outbound._unsealed["gone"] = None

        bench.do(ask.Tick())

        assert bench.shard.outbound._unsealed == {}


class TestFences:
    def test_a_fence_follows_all_that_was_written_on_a_full_link_too(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.do(ask.Blocked(1))
        bench.register("a", 1)

        bench.do(ask.Settle(5))

        assert kinds(bench.sent(1)) == ["Ops", "Fence"]
        assert bench.all(Settled) == []
        bench.hear(1, wire.Fenced(0, 5))
        assert bench.all(Settled) == [Settled(5)]

    def test_without_links_all_is_settled(self) -> None:
        bench = Bench()

        bench.do(ask.Settle(5))

        assert bench.all(Settled) == [Settled(5)]

    def test_every_link_must_answer(self) -> None:
        bench = Bench()
        bench.link(1, THERE)
        bench.link(2, YONDER)
        bench.do(ask.Settle(5))

        bench.hear(1, wire.Fenced(0, 5))
        bench.hear(1, wire.Fenced(0, 5))
        bench.hear(1, wire.Fenced(0, 77))
        assert bench.all(Settled) == []
        bench.hear(2, wire.Fenced(0, 5))

        assert bench.all(Settled) == [Settled(5)]

    def test_a_link_that_is_lost_need_not_answer(self) -> None:
        bench = Bench()
        bench.link(1, THERE)
        bench.link(2, YONDER)
        bench.do(ask.Settle(5))

        bench.do(ask.LinkDown(1))
        assert bench.all(Settled) == []
        bench.do(ask.PeerDown(YONDER, "lost"))

        assert bench.all(Settled) == [Settled(5)]

    def test_a_fence_before_the_hello_waits_for_it_and_overtakes_nothing(self) -> None:
        bench = Bench()
        bench.register("a", 1)
        bench.do(ask.LinkUp(1, THERE))
        bench.do(ask.Blocked(1))
        bench.do(ask.Settle(5))
        bench.hear(1, wire.Catalogue(1, [(0, "")]))
        bench.do(ask.Tick())
        assert bench.sent(1) == []

        bench.hear(1, wire.Hello(0, 0, []))

        assert kinds(bench.sent(1)) == [*SNAPSHOT, "Fence"]

    def test_a_fence_that_nobody_answers_is_repeated(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.do(ask.Settle(5))

        bench.do(ask.Tick())

        assert kinds(bench.sent(1)) == ["Beat", "Fence"]

    def test_a_fence_of_a_peer_is_answered(self) -> None:
        bench = Bench()
        bench.link(1)

        bench.hear(1, wire.Fence(0, 9))

        assert bench.sent(1) == [wire.Fenced(0, 9)]

    def test_what_was_held_back_goes_before_the_answer_when_there_is_room(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.do(ask.Blocked(1))
        bench.register("a", 1)

        bench.hear(1, wire.Fence(0, 9))
        assert bench.sent(1) == []
        bench.do(ask.Writable(1))

        assert kinds(bench.sent(1)) == ["Ops", "Fenced"]

    def test_a_peer_that_asks_and_does_not_read_makes_nothing_wait(self) -> None:
        bench = Bench()
        bench.link(1)
        cid = bench.tables.lanes[""].cid
        bench.register("a", 1)
        bench.sent(1)
        bench.do(ask.Blocked(1))

        for number in range(1000):
            bench.hear(1, wire.Need(0, cid, None))
            assert bench.sent(1) == []
            bench.hear(1, wire.Fence(0, number))
            assert bench.sent(1) == []
        bench.do(ask.Writable(1))

        assert kinds(bench.sent(1)) == [*SNAPSHOT, *["Fenced"] * 100]
