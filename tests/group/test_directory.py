"""Which node is in which cluster, told and heard in the one right order."""

import pytest

from group._core import messages as wire
from group._core import requests as ask
from group._core.directory import (
    CATALOGUE_BYTES,
    Directory,
    is_outdated_by_rebuild,
)
from group._core.effects import Cut, Effect, Reply, Send, ToShards
from tests.group.bench import HERE, THERE, YONDER
from transport._core.frames import MAX_BODY_BYTES


class Lab:
    """A directory, and what its last turn wanted."""

    def __init__(self) -> None:
        self.directory = Directory(HERE)
        self.effects: list[Effect] = []

    def do(self, message: object) -> object:
        self.effects = self.directory.step(message)
        answers = [e.answer for e in self.effects if isinstance(e, Reply)]
        return answers[0] if answers else None

    def sent(self) -> list[tuple[tuple[int, ...], wire.Message]]:
        return [(e.tokens, e.message) for e in self.effects if isinstance(e, Send)]

    def to_shards(self) -> list[object]:
        return [e.request for e in self.effects if isinstance(e, ToShards)]

    def cuts(self) -> list[str]:
        return [e.why for e in self.effects if isinstance(e, Cut)]

    def link(self, token: int = 1, *clusters: str) -> None:
        self.do(ask.LinkUp(token, THERE))
        named = list(enumerate(clusters))
        self.do(ask.Frame(token, wire.Catalogue(5, named)))


def test_a_cluster_is_told_to_peers_before_the_shards_open_it() -> None:
    lab = Lab()
    lab.link(1)

    assert lab.do(ask.Connect(("red", "blue", "red"))) == ("red", "blue")

    assert isinstance(lab.effects[0], Send)
    assert lab.sent() == [((1,), wire.Joined(1, [(0, "red"), (1, "blue")]))]
    assert lab.to_shards() == [
        ask.OpenCluster("red", 0, 1),
        ask.OpenCluster("blue", 1, 1),
    ]


def test_to_connect_again_does_nothing() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red",)))

    assert lab.do(ask.Connect(("red",))) == ()

    assert lab.to_shards() == []


def test_a_cluster_that_is_just_being_left_cannot_be_joined_yet() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red",)))
    lab.do(ask.Disconnect(("red",)))

    assert lab.do(ask.Connect(("blue", "red"))) == ask.BUSY

    assert lab.to_shards() == []


def test_peers_hear_of_a_left_cluster_when_all_shards_have_closed_it() -> None:
    lab = Lab()
    lab.link(1)
    lab.do(ask.Connect(("red",)))

    assert lab.do(ask.Disconnect(("red", "red", "never"))) == ("red",)
    assert lab.to_shards() == [ask.CloseCluster("red", 2)]
    assert lab.sent() == []

    assert lab.do(ask.Closed(("red", "never"))) == ask.DONE
    assert lab.sent() == [((1,), wire.Left(2, [0]))]


def test_a_cluster_that_is_being_left_is_left_once_more() -> None:
    lab = Lab()
    lab.link(1)
    lab.do(ask.Connect(("red",)))
    lab.do(ask.Disconnect(("red",)))

    assert lab.do(ask.Disconnect(("red",))) == ("red",)
    assert lab.to_shards() == [ask.CloseCluster("red", 3)]

    assert lab.do(ask.Closed(("red",))) == ask.DONE
    assert lab.sent() == [((1,), wire.Left(3, [0]))]
    assert lab.do(ask.Closed(("red",))) == ask.DONE
    assert lab.sent() == []


def test_nobody_is_told_when_nothing_was_left() -> None:
    lab = Lab()
    lab.link(1)

    lab.do(ask.Closed(("never",)))

    assert lab.sent() == []


def test_without_links_nothing_is_sent() -> None:
    lab = Lab()

    lab.do(ask.Connect(("red",)))

    assert lab.sent() == []


def test_a_cluster_that_is_joined_again_gets_another_number() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red",)))
    lab.do(ask.Disconnect(("red",)))
    lab.do(ask.Closed(("red",)))

    lab.do(ask.Connect(("red",)))

    assert lab.to_shards() == [ask.OpenCluster("red", 1, 3)]


def test_a_new_link_is_told_the_whole_catalogue_first() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red",)))

    lab.do(ask.LinkUp(1, THERE))

    assert lab.sent() == [((1,), wire.Catalogue(1, [(0, "red")]))]
    assert lab.to_shards() == [ask.LinkUp(1, THERE)]


def test_what_peers_are_in_is_known_and_goes_to_the_shards() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red",)))
    lab.link(1, "", "red")
    assert lab.directory.nodes("red") == ["here", "there"]

    left = ask.Frame(1, wire.Left(6, [1]))
    lab.do(left)
    assert lab.directory.nodes("red") == ["here"]
    assert lab.to_shards() == [left]

    lab.do(ask.Frame(1, wire.Joined(7, [(2, "red"), (3, "blue")])))
    assert lab.directory.nodes("blue") == ["there"]
    assert lab.directory.nodes(None) == ["there"]


def test_a_cluster_that_we_are_about_to_leave_does_not_list_us() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red",)))

    lab.do(ask.Disconnect(("red",)))

    assert lab.directory.nodes("red") == []


def test_what_a_lost_peer_was_in_stays_until_it_is_back_or_given_up() -> None:
    lab = Lab()
    lab.link(1, "red")

    lab.do(ask.LinkDown(1))
    assert lab.directory.nodes("red") == ["there"]
    lab.do(ask.LinkDown(1))
    lab.do(ask.PeerDown(THERE, "lost"))

    assert lab.directory.nodes("red") == []
    assert lab.to_shards() == [ask.PeerDown(THERE, "lost")]


def test_a_peer_that_is_given_up_while_linked_is_linked_no_more() -> None:
    lab = Lab()
    lab.link(1, "red")

    lab.do(ask.PeerDown(YONDER, "lost"))
    lab.do(ask.PeerDown(THERE, "lost"))

    assert not lab.directory.linked


def test_a_second_link_takes_the_place_of_the_first() -> None:
    lab = Lab()
    lab.link(1, "red")

    lab.link(2, "blue")
    lab.do(ask.Frame(1, wire.Joined(8, [(9, "late")])))

    assert lab.to_shards() == []
    assert lab.directory.nodes("late") == []
    assert lab.directory.nodes("blue") == ["there"]


def test_a_second_catalogue_on_a_link_is_a_fault_of_the_peer() -> None:
    lab = Lab()
    lab.link(1)

    lab.do(ask.Frame(1, wire.Catalogue(6, [])))

    assert lab.cuts() == ["second catalogue"]


def test_a_cluster_that_is_opened_twice_is_a_fault_of_the_peer() -> None:
    lab = Lab()
    lab.link(1, "red")

    lab.do(ask.Frame(1, wire.Joined(6, [(1, "red")])))

    assert lab.cuts() == ["cluster 'red' opened twice"]


@pytest.mark.parametrize("cid", [0, 9], ids=["the default one", "an unknown one"])
def test_a_cluster_that_cannot_be_left_is_a_fault_of_the_peer(cid: int) -> None:
    lab = Lab()
    lab.link(1, "", "red")

    lab.do(ask.Frame(1, wire.Left(6, [cid])))

    assert lab.cuts() == [f"left cluster number {cid}, which cannot be left"]


def test_a_number_that_is_used_again_is_a_fault_of_the_peer() -> None:
    lab = Lab()
    lab.link(1, "", "red")
    lab.do(ask.Frame(1, wire.Left(6, [1])))

    lab.do(ask.Frame(1, wire.Joined(7, [(1, "blue")])))

    assert lab.cuts() == ["cluster number 1 used again"]


def test_a_restarted_shard_is_told_all_that_it_must_know() -> None:
    lab = Lab()
    lab.do(ask.Connect(("red", "blue")))
    lab.do(ask.Disconnect(("blue",)))
    lab.link(1, "red")

    assert lab.directory.rebuild() == ask.Rebuild(
        change=2,
        clusters=(("red", 0),),
        links=(ask.Link(THERE, 1, 5, ((0, "red"),)),),
    )


def test_what_was_said_before_a_rebuild_is_outdated_and_requests_are_not() -> None:
    frame = ask.Frame(1, wire.HeadsQuery(0))

    assert is_outdated_by_rebuild(frame)
    assert is_outdated_by_rebuild(ask.LinkUp(1, THERE))
    assert is_outdated_by_rebuild(ask.CloseCluster("red", 1))
    assert not is_outdated_by_rebuild(ask.ActorDown(1, "normal"))
    assert not is_outdated_by_rebuild(ask.Unregister("", "key", 1.0))


def test_a_frame_that_is_not_of_the_catalogue_changes_nothing_here() -> None:
    lab = Lab()
    lab.link(1, "red")

    lab.do(ask.Frame(1, wire.HeadsQuery(0)))

    assert lab.directory.nodes("red") == ["there"]


def test_no_more_clusters_are_joined_than_peers_can_be_told_of() -> None:
    lab = Lab()
    lab.link(1)
    names = tuple(f"{n:05}".ljust(255, "x") for n in range(10_000))
    fit = CATALOGUE_BYTES // (255 + 9)

    assert lab.do(ask.Connect(names)) == ask.Full(0)
    assert lab.do(ask.Connect(names[:fit])) == names[:fit]
    assert lab.do(ask.Connect((names[fit],))) == ask.Full(fit)
    assert lab.do(ask.Connect(names[:fit])) == ()

    lab.do(ask.LinkUp(2, YONDER))
    ((_, catalogue),) = lab.sent()
    assert len(wire.encode(catalogue)) <= MAX_BODY_BYTES - 4

    lab.do(ask.Disconnect(names[:1]))
    lab.do(ask.Closed(names[:1]))
    assert lab.do(ask.Connect((names[fit],))) == (names[fit],)


def test_an_audit_of_as_many_clusters_as_are_joined_fits_a_frame() -> None:
    most = CATALOGUE_BYTES // 24
    lanes = [(2**32 - 1, 2**62, 2**64 - 1)] * most

    assert len(wire.encode(wire.Heads(0, lanes))) <= MAX_BODY_BYTES - 4
