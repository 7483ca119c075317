"""One shard on one node: requests in, answers, events and frames out."""

from group._core import messages as wire
from group._core import requests as ask
from group._core.effects import Cut, Notify, Watch
from group._core.keys import ALL
from tests.group.bench import FOREVER, HERE, THERE, Bench, put, told


class TestRegistering:
    def test_a_free_key_is_taken_and_its_actor_watched(self) -> None:
        bench = Bench()

        assert bench.register("key", 7) == ask.DONE

        assert bench.owner("key") == ("here", 7)
        assert bench.all(Watch) == [Watch(7)]

    def test_an_actor_is_watched_once(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.register("key", 7)

        bench.register("key", 7, cluster="red")

        assert bench.all(Watch) == []

    def test_a_key_that_somebody_has_is_taken(self) -> None:
        bench = Bench()
        bench.register("key", 7)

        answer = bench.register("key", 8)

        assert isinstance(answer, ask.Taken)
        assert answer.row.n == 7

    def test_a_key_that_a_peer_has_is_taken(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.follow(1, 1, put("key", 7))

        answer = bench.register("key", 7)

        assert isinstance(answer, ask.Taken)
        assert answer.row.origin == THERE

    def test_a_claim_of_ours_that_is_not_shown_is_taken_all_the_same(self) -> None:
        bench = Bench()
        bench.register("key", 7)
        del bench.views[""].registry["key"]

        assert isinstance(bench.register("key", 8), ask.Taken)

    def test_a_new_meta_keeps_the_stamp(self) -> None:
        bench = Bench()
        bench.register("key", 7)
        before = bench.tables.lanes[""].rows["key"].stamp
        bench.wall += 5

        bench.register("key", 7, meta=b"\xa11")

        after = bench.tables.lanes[""].rows["key"]
        assert (after.stamp, after.meta) == (before, b"\xa11")

    def test_the_same_again_changes_nothing(self) -> None:
        bench = Bench()
        bench.register("key", 7)

        assert bench.register("key", 7) == ask.DONE

        assert bench.tables.lanes[""].head == 1

    def test_after_its_deadline_nothing_is_done(self) -> None:
        bench = Bench()
        bench.now = 2.0

        late = ask.Register(7, "Actor", "", "key", b"\x80", deadline=1.0)
        assert bench.do(late) == ask.EXPIRED

        assert bench.owner("key") is None

    def test_outside_the_cluster_nothing_is_done(self) -> None:
        bench = Bench()

        assert bench.register("key", 7, cluster="red") == ask.NOT_CONNECTED
        assert bench.join("key", 7, cluster="red") == ask.NOT_CONNECTED
        assert bench.unregister("key", cluster="red") == ask.NOT_CONNECTED
        assert bench.leave("key", 7, cluster="red") == ask.NOT_CONNECTED


class TestUnregistering:
    def test_a_key_is_given_up(self) -> None:
        bench = Bench()
        bench.watch_all()
        bench.register("key", 7)

        assert bench.unregister("key") == ask.DONE

        assert bench.events() == [("unregistered", "key", "here#7", "unregister")]

    def test_a_key_that_nobody_has_cannot_be_given_up(self) -> None:
        assert Bench().unregister("key") == ask.NOT_REGISTERED

    def test_a_key_of_a_peer_cannot_be_given_up(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.follow(1, 1, put("key", 7))

        assert isinstance(bench.unregister("key"), ask.NotOwner)


class TestGroups:
    def test_an_actor_joins_and_leaves(self) -> None:
        bench = Bench()
        bench.watch_all()

        assert bench.join("group", 7) == ask.DONE
        assert bench.members("group") == [("here", 7)]
        assert bench.leave("group", 7) == ask.DONE

        assert bench.events() == [("left", "group", "here#7", "leave")]
        assert bench.members("group") == []

    def test_who_is_not_a_member_cannot_leave(self) -> None:
        assert Bench().leave("group", 7) == ask.NOT_JOINED

    def test_deleting_what_is_gone_logs_nothing(self) -> None:
        bench = Bench()
        lane = bench.tables.lanes[""]

        bench.shard.local.delete(lane, "key", "unregister")

        assert lane.head == 0


class TestEndsOfActors:
    def test_all_rows_go_by_one_operation(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.watch_all()
        for key in "abc":
            bench.join(key, 7)

        bench.do(ask.ActorDown(7, "normal"))

        (ops,) = bench.sent(1)
        assert isinstance(ops, wire.Ops)
        assert ops.ops == [wire.DelOwner(7, wire.Reason("word", "normal"))]
        assert [event[1] for event in bench.events()] == ["a", "b", "c"]

    def test_an_actor_without_rows_goes_without_a_word(self) -> None:
        bench = Bench(clusters=("", "red"))
        bench.link(1)
        bench.register("key", 7)
        bench.unregister("key")
        bench.register("key", 7, cluster="red")
        bench.do(ask.CloseCluster("red", 3))

        bench.do(ask.ActorDown(7, "normal"))
        bench.do(ask.ActorDown(8, "normal"))

        assert bench.sent(1) == []


class TestSubscribing:
    def test_events_begin_where_the_snapshot_ends(self) -> None:
        bench = Bench()
        bench.register("a", 1)

        answer = bench.do(ask.Subscribe("me", "", ALL, snapshot=True))
        assert isinstance(answer, ask.Snapshot)
        assert [told(event)[1] for event in answer.events] == ["a"]
        bench.register("b", 2)

        assert bench.events() == [("registered", "b", "here#2", None)]

    def test_a_batch_has_only_what_its_subscriber_asked_for(self) -> None:
        bench = Bench()
        bench.do(ask.Subscribe("all", "", ALL))
        bench.do(ask.Subscribe("one", "", "a"))
        bench.join("a", 7)
        bench.join("b", 7)

        bench.do(ask.ActorDown(7, "normal"))

        heard = {each.subscriber: len(each.events) for each in bench.all(Notify)}
        assert heard == {"all": 2, "one": 1}

    def test_who_has_unsubscribed_hears_nothing(self) -> None:
        bench = Bench()
        bench.watch_all()
        bench.do(ask.Subscribe("other", "", "elsewhere"))

        assert bench.do(ask.Unsubscribe("watcher", "", None)) == ask.DONE
        bench.register("key", 7)

        assert bench.events() == []

    def test_a_key_that_is_held_by_several_patterns_is_described_once(self) -> None:
        bench = Bench()
        bench.register("a/b", 1)

        answer = bench.do(ask.Describe((("", ALL), ("", "a/"), ("", "a/b"))))

        assert isinstance(answer, ask.Snapshot)
        assert [told(event)[1] for event in answer.events] == ["a/b"]


class TestLeases:
    def test_a_cluster_with_rows_of_ours_is_busy(self) -> None:
        bench = Bench(clusters=("red",))
        bench.register("key", 7, cluster="red")

        assert bench.do(ask.SealCluster("red")) == ask.BUSY
        assert bench.do(ask.SealCluster("never")) == ask.BUSY

    def test_a_sealed_cluster_takes_no_writes_until_it_is_decided(self) -> None:
        bench = Bench(clusters=("red",))

        assert bench.do(ask.SealCluster("red")) == ask.DONE
        assert bench.register("key", 7, cluster="red") == ask.SEALED
        assert bench.do(ask.UnsealCluster("red")) == ask.DONE

        assert bench.register("key", 7, cluster="red") == ask.DONE

    def test_a_cluster_that_is_opened_twice_is_open_once(self) -> None:
        bench = Bench(clusters=("red",))
        bench.register("key", 7, cluster="red")

        bench.do(ask.OpenCluster("red", 9, 2))

        assert bench.tables.lanes["red"].cid == 0


class TestLinks:
    def test_frames_of_a_link_that_is_gone_do_not_count(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.do(ask.LinkDown(1))

        bench.follow(1, 1, put("key", 7))

        assert bench.owner("key") is None
        assert bench.count("late") == 1

    def test_a_new_link_takes_the_place_of_the_old_one(self) -> None:
        bench = Bench()
        bench.link(1)

        bench.link(2)
        bench.follow(1, 1, put("old", 7))
        bench.follow(2, 1, put("new", 7))

        assert bench.owner("old") is None
        assert bench.owner("new") == ("there", 7)

    def test_another_life_of_a_node_ends_the_last_one(self) -> None:
        bench = Bench()
        bench.watch_all()
        bench.link(1)
        bench.follow(1, 1, put("key", 7))

        bench.do(ask.LinkUp(2, THERE._replace(incarnation=b"T" * 16)))

        assert bench.owner("key") is None
        assert "restarted" in str(bench.events()[0][3])

    def test_a_peer_that_is_gone_for_good_takes_its_rows_along(self) -> None:
        bench = Bench()
        bench.watch_all()
        bench.link(1)
        bench.follow(1, 1, put("key", 7))

        bench.do(ask.PeerDown(THERE._replace(incarnation=b"T" * 16), "lost"))
        assert bench.owner("key") == ("there", 7)
        bench.do(ask.PeerDown(THERE, "lost"))
        assert bench.owner("key") is None
        bench.do(ask.PeerDown(THERE, "lost"))

        assert bench.shard.sessions.peers == {}

    def test_a_link_ends_once_and_its_peer_may_end_later(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.follow(1, 1, put("key", 7))

        bench.do(ask.LinkDown(1))
        bench.do(ask.LinkDown(1))
        assert bench.owner("key") == ("there", 7)
        bench.do(ask.PeerDown(THERE, "lost"))

        assert bench.owner("key") is None

    def test_what_is_for_a_peer_without_a_link_goes_nowhere(self) -> None:
        bench = Bench()

        bench.shard.turn.send(None, wire.HeadsQuery(0))

        assert bench.shard.turn.effects == []

    def test_a_frame_before_the_catalogue_is_a_fault(self) -> None:
        bench = Bench()
        bench.do(ask.LinkUp(1, THERE))

        bench.hear(1, wire.Hello(0, 0, []))

        assert [cut.why for cut in bench.all(Cut)] == ["Hello before catalogue"]

    def test_a_second_catalogue_is_a_fault(self) -> None:
        bench = Bench()
        bench.link(1)

        bench.hear(1, wire.Catalogue(2, []))

        assert [cut.why for cut in bench.all(Cut)] == ["second catalogue"]

    def test_a_cluster_that_is_opened_twice_is_a_fault(self) -> None:
        bench = Bench()
        bench.link(1)

        for wrong in ([(0, "red")], [(7, "")]):
            bench.hear(1, wire.Joined(2, list(wrong)))
            assert "opened twice" in bench.all(Cut)[0].why

        bench.do(ask.LinkUp(2, THERE))
        bench.hear(2, wire.Catalogue(1, [(0, ""), (0, "red")]))
        assert "opened twice" in bench.all(Cut)[0].why

    def test_too_many_clusters_are_a_fault(self) -> None:
        bench = Bench()
        many = [(n, str(n)) for n in range(1, wire.MAX_CLUSTERS + 2)]
        bench.do(ask.LinkUp(1, THERE))

        bench.hear(1, wire.Catalogue(1, many))

        assert "more than" in bench.all(Cut)[0].why

    def test_a_second_hello_begins_again(self) -> None:
        bench = Bench()
        bench.link(1)
        bench.register("key", 7)

        bench.hear(1, wire.Hello(0, 0, []))

        assert isinstance(bench.sent(1)[0], wire.SnapBegin)


def test_two_shards_that_are_wired_together_agree() -> None:
    here, there = Bench(HERE), Bench(THERE)
    there.register("theirs", 2)

    for frame in there.link(1, HERE)[1:]:
        if not here.shard.sessions.linked:
            here.link(1, THERE)
        here.hear(1, frame)
    here.register("ours", 1)
    for frame in here.sent(1):
        there.hear(1, frame)

    assert here.owner("theirs") == ("there", 2)
    assert there.owner("ours") == ("here", 1)


def test_a_deadline_that_is_far_away_is_no_deadline() -> None:
    bench = Bench()
    bench.now = FOREVER

    assert bench.register("key", 7) == ask.DONE
