"""Rows by origin and the view of them, always in step."""

from itertools import count

from group._core.changes import GROUPS, REGISTRY, Change
from group._core.conflict import constant_rank
from group._core.keys import ALL
from group._core.lanes import Inbound, Lane
from group._core.rows import Row, RowKey
from group._core.tables import Tables
from group._core.views import Members, View
from tests.collecting import MANY, at_each_collection
from tests.group.bench import HERE, THERE, YONDER, row


class Lab:
    """Tables with one own lane and copies of two peers."""

    def __init__(self) -> None:
        self.views: dict[str, View] = {}
        self.tables = Tables(HERE, (0, 1), self.views, constant_rank)
        self.lane = Lane(0, "", 4)
        self.tables.open(self.lane)
        self.tables.subscriptions.add("somebody", "", ALL)
        self.there, self.yonder = Inbound(0, ""), Inbound(0, "")
        self.there.cursor = self.yonder.cursor = 1
        self.tables.inbound = {THERE: {0: self.there}, YONDER: {0: self.yonder}}

    def news(self) -> list[tuple[str, str, int, int, object]]:
        """Kind, key, old and new actor, reason of what changed since the last call."""
        changes, self.tables.changes = self.tables.changes, []
        return [
            (c.kind, c.key, c.old.n if c.old else 0, c.new.n if c.new else 0, c.reason)
            for c in changes
        ]

    @property
    def registry(self) -> dict[str, int]:
        return {key: row.n for key, row in self.views[""].registry.items()}

    @property
    def groups(self) -> dict[str, list[int]]:
        groups = self.views[""].groups
        return {key: [n for _, n in members.rows] for key, members in groups.items()}


def test_a_registration_is_shown_and_noted() -> None:
    lab = Lab()

    lab.tables.put_own(lab.lane, "a/b", row(n=1))

    assert lab.registry == {"a/b": 1}
    assert lab.tables.prefixes[(REGISTRY, "")].under("a/") == ["a/b"]
    assert lab.news() == [(REGISTRY, "a/b", 0, 1, None)]


def test_a_registration_that_goes_leaves_nothing() -> None:
    lab = Lab()
    lab.tables.put_own(lab.lane, "a/b", row(n=1))

    assert lab.tables.pop_own(lab.lane, "a/b", "unregister") is not None
    assert lab.tables.pop_own(lab.lane, "a/b", "unregister") is None

    assert lab.registry == {}
    assert lab.tables.prefixes[(REGISTRY, "")].under("a/") == []
    assert lab.news()[1:] == [(REGISTRY, "a/b", 1, 0, "unregister")]


def test_the_same_row_again_is_no_news() -> None:
    lab = Lab()
    lab.tables.put_own(lab.lane, "key", row(n=1))
    lab.tables.put_own(lab.lane, ("key", 1), row(n=1))
    lab.news()

    lab.tables.put_own(lab.lane, "key", row(n=1))
    lab.tables.put_own(lab.lane, ("key", 1), row(n=1))

    assert lab.news() == []


def test_a_new_meta_is_news() -> None:
    lab = Lab()
    lab.tables.put_own(lab.lane, "key", row(n=1))

    lab.tables.put_own(lab.lane, "key", row(n=1, meta=b"\xa11"))

    assert lab.news()[1:] == [(REGISTRY, "key", 1, 1, None)]


def test_members_come_and_go_with_their_group() -> None:
    lab = Lab()
    lab.tables.put_own(lab.lane, ("a/b", 1), row(n=1))
    lab.tables.put_remote(lab.there, ("a/b", 2), row(THERE, 2))
    assert lab.groups == {"a/b": [1, 2]}

    lab.tables.pop_own(lab.lane, ("a/b", 1), "leave")
    assert lab.tables.prefixes[(GROUPS, "")].under("a/") == ["a/b"]
    lab.tables.pop_remote(lab.there, ("a/b", 2), "leave")
    lab.tables.pop_remote(lab.there, ("a/b", 2), "leave")

    assert lab.groups == {}
    assert lab.tables.prefixes[(GROUPS, "")].under("a/") == []


class TestConflicts:
    def test_the_newer_claim_takes_the_key_and_the_older_loses_it(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "key", row(n=1, stamp=1))

        lab.tables.put_remote(lab.there, "key", row(THERE, 2, stamp=2))

        assert lab.registry == {"key": 2}
        assert list(lab.tables.losing) == [("", "key")]
        assert lab.news()[1:] == [(REGISTRY, "key", 1, 2, "conflict")]

    def test_an_older_claim_changes_nothing_that_is_shown(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "key", row(n=1, stamp=2))
        lab.news()

        lab.tables.put_remote(lab.there, "key", row(THERE, 2, stamp=1))

        assert lab.registry == {"key": 1}
        assert not lab.tables.losing
        assert lab.news() == []

    def test_when_the_winner_goes_the_next_claim_takes_its_place(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "key", row(n=1, stamp=1))
        lab.tables.put_remote(lab.there, "key", row(THERE, 2, stamp=2))
        lab.tables.put_remote(lab.yonder, "key", row(YONDER, 3, stamp=3))
        lab.news()

        lab.tables.pop_remote(lab.yonder, "key", "exit")
        assert lab.registry == {"key": 2}
        lab.tables.pop_remote(lab.there, "key", "exit")

        assert lab.registry == {"key": 1}
        assert not lab.tables.losing
        assert not lab.tables.contested
        assert lab.news() == [
            (REGISTRY, "key", 3, 2, "exit"),
            (REGISTRY, "key", 2, 1, "exit"),
        ]

    def test_a_winner_that_turns_weaker_gives_the_key_to_the_other(self) -> None:
        lab = Lab()
        lab.tables.rank = lambda key, row: row.meta
        lab.tables.put_own(lab.lane, "key", row(n=1, meta=b"\xa12"))
        lab.tables.put_remote(lab.there, "key", row(THERE, 2, meta=b"\xa11"))
        assert lab.registry == {"key": 1}

        lab.tables.put_own(lab.lane, "key", row(n=1, meta=b"\xa10"))

        assert lab.registry == {"key": 2}
        assert list(lab.tables.losing) == [("", "key")]

    def test_an_unknown_claim_that_goes_changes_nothing(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "key", row(n=1))

        lab.tables.project("", "key", row(THERE, 2), None, "exit")

        assert lab.registry == {"key": 1}

    def test_nothing_in_nothing_out_is_no_news(self) -> None:
        lab = Lab()

        lab.tables.project("", "key", None, None, None)
        lab.tables.project("", ("key", 1), None, None, None)
        lab.tables.put_own(lab.lane, "key", row(n=1))
        lab.tables.put_remote(lab.there, "key", row(THERE, 2))
        lab.news()
        lab.tables.project("", "key", None, None, None)

        assert lab.news() == []


class TestClusters:
    def test_a_cluster_that_is_closed_loses_its_own_rows_with_events(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "a/b", row(n=1))
        lab.tables.put_own(lab.lane, ("a/b", 1), row(n=1))
        lab.news()

        assert lab.tables.close("") is lab.lane
        assert lab.tables.close("") is None

        assert (lab.registry, lab.groups) == ({}, {})
        assert lab.news() == [
            (REGISTRY, "a/b", 1, 0, "cluster_disconnect"),
            (GROUPS, "a/b", 1, 0, "cluster_disconnect"),
        ]
        assert not lab.tables.prefixes

    def test_a_copy_is_replaced_by_its_differences_only(self) -> None:
        lab = Lab()
        lab.tables.put_remote(lab.there, "same", row(THERE, 1))
        lab.tables.put_remote(lab.there, "gone", row(THERE, 2))
        lab.tables.put_remote(lab.there, "other", row(THERE, 3))
        lab.news()

        rows: dict[RowKey, Row] = {
            "same": row(THERE, 1),
            "other": row(THERE, 4),
            "new": row(THERE, 5),
        }
        lab.tables.replace(lab.there, rows, 0, "resync")

        assert lab.news() == [
            (REGISTRY, "gone", 2, 0, "resync"),
            (REGISTRY, "other", 3, 4, "resync"),
            (REGISTRY, "new", 0, 5, "resync"),
        ]
        lab.tables.drop(lab.there, "lost")
        assert lab.registry == {}


class TestReprojection:
    """The view of a shard that has crashed anywhere is made from the rows anew."""

    def test_a_view_that_is_in_step_stays_as_it_is(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "a/b", row(n=1, stamp=1))
        lab.tables.put_remote(lab.there, "a/b", row(THERE, 2, stamp=2))
        lab.tables.put_own(lab.lane, ("a/b", 1), row(n=1))
        lab.news()

        lab.tables.reproject()

        assert lab.news() == []
        assert list(lab.tables.losing) == [("", "a/b")]
        assert lab.tables.prefixes[(REGISTRY, "")].under("a/") == ["a/b"]
        assert lab.tables.prefixes[(GROUPS, "")].under("a/") == ["a/b"]

    def test_rows_that_were_not_shown_are_shown(self) -> None:
        lab = Lab()
        lab.lane.put("key", row(n=1))
        lab.there.put(("key", 2), row(THERE, 2))

        lab.tables.reproject()

        assert lab.registry == {"key": 1}
        assert lab.groups == {"key": [2]}
        assert lab.news() == [
            (REGISTRY, "key", 0, 1, "resync"),
            (GROUPS, "key", 0, 2, "resync"),
        ]

    def test_rows_that_are_gone_are_shown_no_more(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "key", row(n=1))
        lab.tables.put_own(lab.lane, ("key", 1), row(n=1))
        lab.tables.put_own(lab.lane, ("key", 2), row(n=2))
        lab.news()
        lab.lane.pop("key")
        lab.lane.pop(("key", 1))

        lab.tables.reproject()

        assert lab.registry == {}
        assert lab.groups == {"key": [2]}
        assert lab.news() == [
            (REGISTRY, "key", 1, 0, "resync"),
            (GROUPS, "key", 1, 0, "resync"),
        ]

    def test_a_winner_of_ours_is_not_losing(self) -> None:
        lab = Lab()
        lab.tables.put_own(lab.lane, "key", row(n=1, stamp=2))
        lab.tables.put_remote(lab.there, "key", row(THERE, 2, stamp=1))
        lab.tables.put_remote(lab.yonder, "other", row(YONDER, 3, stamp=1))
        lab.tables.put_remote(lab.there, "other", row(THERE, 4, stamp=2))

        lab.tables.reproject()

        assert not lab.tables.losing
        assert lab.tables.contested.keys() == {("", "key"), ("", "other")}

    def test_keys_of_other_shards_are_left_alone(self) -> None:
        views: dict[str, View] = {}
        shards = [Tables(HERE, (i, 2), views, constant_rank) for i in range(2)]
        for shard in shards:
            shard.open(Lane(0, "", 4))
        keys = [next(k for k in "abcdef" if shard.owns("", k)) for shard in shards]
        for shard, key in zip(shards, keys, strict=True):
            shard.put_own(shard.lanes[""], key, row(n=1))
            shard.put_own(shard.lanes[""], (key, 1), row(n=1))
            shard.changes.clear()

        shards[0].reproject()

        assert shards[0].changes == []
        assert views[""].registry.keys() == set(keys)
        assert views[""].groups.keys() == set(keys)

    def test_other_shards_may_write_meanwhile(self) -> None:
        views: dict[str, View] = {}
        shard = Tables(HERE, (0, 2), views, constant_rank)
        shard.open(Lane(0, "", 4))
        others = (f"k/{number}" for number in count())
        others = (key for key in others if not shard.owns("", key))

        def another_shard_writes() -> None:
            key = next(others)
            views[""].groups[key] = Members(row(n=9))
            views[key] = View()

        for _ in range(MANY):
            another_shard_writes()
        shard.lanes[""].put(("a", 1), row(n=1))
        shard.subscriptions.add("somebody", "", ALL)
        with at_each_collection(another_shard_writes):
            shard.reproject()

        assert [change.key for change in shard.changes] == ["a"]
        assert len(views) > MANY + 1

    def test_all_actors_with_rows_are_watched(self) -> None:
        lab = Lab()
        lab.lane.put("key", row(n=1))
        lab.lane.put(("key", 2), row(n=2))

        lab.tables.rewatch()

        assert lab.tables.watched == {1: {"": None}, 2: {"": None}}


def test_a_change_says_what_was_before() -> None:
    change = Change(REGISTRY, "", "key", None, row(n=1), None)

    assert change.new is not None
    assert change.old is None
