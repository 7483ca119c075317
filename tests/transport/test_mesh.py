from collections.abc import Iterable

import pytest

from tests.transport.wires import node_id
from transport._core import effects as fx
from transport._core import messages as msg
from transport._core.mesh import Mesh, Settings, State

A, B, C = "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"


def mesh(
    name: str = "m",
    *,
    address: str = "127.0.0.1:9",
    hidden: bool = False,
    max_links: int = 256,
) -> Mesh:
    settings = Settings(
        node_id(name), address=address, hidden=hidden, max_links=max_links
    )
    return Mesh(settings, 0.0, lambda: 1.0)


def asked(
    name: str, token: int, *, address: str = A, life: int = 1, prev: int = 0
) -> msg.Asked:
    return msg.Asked(token, node_id(name, life), address, hidden=False, prev_token=prev)


def answered(name: str, token: int, *, address: str = A, life: int = 1) -> msg.Answered:
    return msg.Answered(token, address, node_id(name, life), address, hidden=False)


def linked(*names: str) -> Mesh:
    """Return the mesh of node m, linked to each name at A, B... as the answerer."""
    made = mesh()
    for number, name in enumerate(names):
        address = f"127.0.0.1:{number + 1}"
        made.step(asked(name, 100 + number, address=address), 0.0)
    return made


def ticked(made: Mesh, until: float, *, start: float = 0.0) -> list[fx.Effect]:
    """Tick twice a second; return all effects with the time in mind."""
    seen, now = [], start
    while now < until:
        now = min(now + 0.5, until)
        seen += made.step(msg.Tick(), now)
    return seen


def only(kind: type[fx.Effect], seen: Iterable[fx.Effect]) -> list[fx.Effect]:
    return [effect for effect in seen if isinstance(effect, kind)]


def test_joining_dials_at_once_and_again_with_longer_waits() -> None:
    made = mesh()

    assert made.step(msg.Join(A), 0.0) == [fx.Dial(A)]
    assert made.step(msg.DialFailed(A, "refused"), 0.0) == []
    assert made.next_wake(0.0) == pytest.approx(0.1)
    assert made.step(msg.Tick(), 0.1) == [fx.Dial(A)]
    made.step(msg.DialFailed(A, "refused"), 0.1)
    assert only(fx.Dial, made.step(msg.Tick(), 0.25)) == []
    assert only(fx.Dial, made.step(msg.Tick(), 0.31)) == [fx.Dial(A)]


def test_a_dial_that_is_answered_is_a_link() -> None:
    made = mesh()
    made.step(msg.Join(A), 0.0)

    met = made.step(msg.Met(5, A, node_id("a")), 0.1)
    seen = made.step(answered("a", 5), 0.2)

    assert met == [fx.Proceed(5, 0)]
    assert seen == [fx.LinkUp(5, node_id("a")), fx.PeerUp(node_id("a"))]
    assert only(fx.Dial, ticked(made, 3.0)) == []


def test_a_dialler_is_accepted() -> None:
    assert mesh().step(asked("a", 5), 0.0) == [
        fx.Accept(5),
        fx.LinkUp(5, node_id("a")),
        fx.PeerUp(node_id("a")),
    ]


def test_a_lost_link_makes_suspect_and_the_same_life_resumes_in_silence() -> None:
    made = linked("a")

    lost = made.step(msg.Lost(100, "reset"), 1.0)
    back = made.step(answered("a", 7), 1.1)

    assert lost == [fx.LinkDown(100, node_id("a"), "reset"), fx.Dial(A)]
    assert back == [fx.LinkUp(7, node_id("a"))]


def test_a_redial_names_the_dead_link() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "reset"), 1.0)

    assert made.step(msg.Met(7, A, node_id("a")), 1.0) == [fx.Proceed(7, 100)]


def test_a_peer_that_stays_away_is_down_after_the_grace_once() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "reset"), 1.0)
    made.step(msg.DialFailed(A, "timed out"), 1.5)

    seen = ticked(made, 2.9, start=1.0)
    after = ticked(made, 9.0, start=2.9)

    assert only(fx.PeerDown, seen) == []
    assert only(fx.PeerDown, after) == [fx.PeerDown(node_id("a"), "reset")]


def test_a_refused_redial_is_down_at_once() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "closed"), 1.0)

    seen = made.step(msg.DialFailed(A, "connection refused", refused=True), 1.0)

    assert seen == [fx.PeerDown(node_id("a"), "closed, then connection refused")]


def test_a_redial_that_a_dying_process_resets_is_tried_again_at_once() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "closed"), 1.0)

    early = made.step(msg.DialFailed(A, "connection reset by peer"), 1.001)
    again = made.step(msg.Tick(), 1.012)
    late = made.step(msg.DialFailed(A, "connection reset by peer"), 1.2)
    soon = made.step(msg.Tick(), 1.22)

    assert (early, again) == ([], [fx.Dial(A)])
    # It is no process that ends: as ever.
    assert (late, soon) == ([], [])
    assert made.next_wake(1.22) > 0.05


def test_a_refusal_of_another_address_says_nothing() -> None:
    made = linked("a")
    made.step(msg.Join(B), 0.5)
    made.step(msg.Lost(100, "closed"), 1.0)

    seen = made.step(msg.DialFailed(B, "connection refused", refused=True), 1.0)

    assert only(fx.PeerDown, seen) == []


def test_a_bye_is_down_at_once_and_not_dialled_again() -> None:
    made = linked("a")

    seen = made.step(msg.GotBye(100, "stopped"), 1.0)

    assert seen == [
        fx.LinkDown(100, node_id("a"), "stopped"),
        fx.Close(100, "stopped"),
        fx.PeerDown(node_id("a"), "stopped"),
    ]
    assert only(fx.Dial, ticked(made, 9.0, start=1.0)) == []


def test_another_life_of_a_lost_peer_takes_its_name() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "closed"), 1.0)

    seen = made.step(asked("a", 7, life=2), 1.1)

    assert seen[0] == fx.PeerDown(node_id("a", 1), "another incarnation answers")
    assert seen[1:] == [
        fx.Accept(7),
        fx.LinkUp(7, node_id("a", 2)),
        fx.PeerUp(node_id("a", 2)),
    ]


def test_a_live_name_is_not_stolen_and_its_holder_is_asked_to_prove_life() -> None:
    made = linked("a")

    seen = made.step(asked("a", 7, life=2), 1.0)

    assert isinstance(seen[0], fx.Probe)
    assert isinstance(seen[1], fx.Reject)
    assert seen[1].code == "name_in_use"
    assert "a live node named 'a' already exists" in seen[1].text


def test_a_holder_that_does_not_answer_the_ping_loses_its_link() -> None:
    made = linked("a")
    made.step(asked("a", 7, life=2), 1.0)

    seen = ticked(made, 2.5, start=1.0)

    assert only(fx.Close, seen) == [fx.Close(100, "no answer to a ping")]
    assert isinstance(made.step(asked("a", 8, life=2), 2.6)[1], fx.Accept)


def test_a_holder_that_answers_keeps_its_name() -> None:
    made = linked("a")
    made.step(asked("a", 7, life=2), 1.0)
    made.heard(100, 1.2)

    assert only(fx.Close, ticked(made, 3.0, start=1.2)) == []


def test_my_own_name_is_refused_to_others() -> None:
    seen = mesh("m").step(asked("m", 5, life=2), 0.0)

    assert isinstance(seen[0], fx.Reject)
    assert seen[0].code == "name_in_use"


def test_a_newcomer_whose_name_is_alive_gives_up_after_the_probe() -> None:
    made = mesh()
    made.step(msg.Join(A), 0.0)

    first = made.step(msg.DialRejected(A, "name_in_use", "taken"), 0.1)
    last = made.step(msg.DialRejected(A, "name_in_use", "taken"), 2.2)

    assert only(fx.NameInUse, first) == []
    assert only(fx.NameInUse, last) == [fx.NameInUse("taken")]


def test_a_node_that_had_a_link_never_gives_up_its_name() -> None:
    made = linked("b")
    made.step(msg.DialRejected(A, "name_in_use", "taken"), 0.1)

    seen = made.step(msg.DialRejected(A, "name_in_use", "taken"), 9.0)

    assert only(fx.NameInUse, seen) == []


def test_a_second_link_is_refused() -> None:
    seen = linked("a").step(asked("a", 7, prev=55), 1.0)

    assert isinstance(seen[0], fx.Reject)
    assert seen[0].code == "already_linked"


def test_a_dialler_who_names_my_link_as_dead_replaces_it() -> None:
    seen = linked("a").step(asked("a", 7, prev=100), 1.0)

    assert seen == [
        fx.LinkDown(100, node_id("a"), "replaced by a new link"),
        fx.Close(100, "replaced by a new link"),
        fx.Accept(7),
        fx.LinkUp(7, node_id("a")),
    ]


def test_of_two_dials_that_cross_the_smaller_names_wins() -> None:
    small, large = mesh("a", address=A), mesh("b", address=B)
    small.step(msg.Join(B), 0.0)
    large.step(msg.Join(A), 0.0)

    from_large = small.step(asked("b", 5, address=B), 0.1)
    from_small = large.step(asked("a", 6, address=A), 0.1)

    assert isinstance(from_large[0], fx.Reject)
    assert from_large[0].code == "race"
    assert from_small[0] == fx.Accept(6)


def test_when_both_dials_were_accepted_both_ends_keep_the_smaller_names() -> None:
    # Each was dialled under an alias, so neither knew that the other was coming.
    small, large = mesh("a", address=A), mesh("b", address=B)
    small.step(asked("b", 5, address=B), 0.1)
    large.step(asked("a", 6, address=A), 0.1)

    at_small = small.step(answered("b", 6, address=B), 0.2)
    at_large = large.step(answered("a", 5, address=A), 0.2)

    assert fx.Close(5, "simultaneous dial") in at_small
    assert fx.LinkUp(6, node_id("b")) in at_small
    assert at_large == [fx.Close(5, "simultaneous dial")]


def test_an_alias_of_a_linked_peer_is_left_alone() -> None:
    made = linked("a")
    made.step(msg.Join("localhost:1"), 0.5)

    seen = made.step(msg.Met(9, "localhost:1", node_id("a")), 0.6)

    assert seen == [fx.Close(9, "already linked")]
    assert only(fx.Dial, ticked(made, 3.0, start=0.6)) == []


def test_the_own_address_is_remembered() -> None:
    made = mesh()
    made.step(msg.Join("localhost:9"), 0.0)

    made.step(msg.DialRejected("localhost:9", "self", "this is the node itself"), 0.1)

    assert only(fx.Dial, ticked(made, 20.0)) == []
    assert made.step(msg.Join("127.0.0.1:9"), 20.0) == []


def test_a_peer_without_a_sign_of_life_is_cut_after_the_lease() -> None:
    made = linked("a", "b")
    for second in range(1, 5):
        ticked(made, float(second), start=second - 1.0)
        made.heard(101, float(second))

    seen = ticked(made, 5.6, start=4.0)

    assert only(fx.Close, seen) == [fx.Close(100, "no sign of life for 5 s")]
    assert only(fx.LinkDown, seen) == [
        fx.LinkDown(100, node_id("a"), "no sign of life for 5 s")
    ]


def test_nobody_is_judged_for_a_pause_of_our_own() -> None:
    made = linked("a")
    ticked(made, 1.0)

    seen = made.step(msg.Tick(), 31.0)
    soon = ticked(made, 34.0, start=31.0)
    late = ticked(made, 37.0, start=34.0)

    assert only(fx.Paused, seen) == [fx.Paused(29.0)]
    assert only(fx.Close, [*seen, *soon]) == []
    assert len(only(fx.Close, late)) == 1


def test_every_link_gets_one_beat_a_heartbeat() -> None:
    made = linked("a", "b")
    for token in (100, 101):
        made.heard(token, 3.0)

    seen = ticked(made, 4.0)

    assert only(fx.Beat, seen) == [fx.Beat(100), fx.Beat(101)] * 4


def test_newcomer_and_others_learn_of_each_other() -> None:
    made = linked("a")

    seen = made.step(asked("b", 101, address=B), 0.1)

    assert only(fx.SendPeers, seen) == [
        fx.SendPeers(101, (("a", A),)),
        fx.SendPeers(100, (("b", B),)),
    ]


def test_a_hint_is_dialled_unless_it_is_known_or_ourselves() -> None:
    made = linked("a")
    hints = (("c", C), ("a", A), ("m", "127.0.0.1:77"), ("d", "not an address"))

    seen = made.step(msg.GotPeers(100, hints), 0.1)

    assert seen == [fx.Dial(C)]


def test_a_hidden_node_is_not_spoken_of_and_follows_no_hints() -> None:
    made = linked("a")
    hidden = msg.Asked(101, node_id("h"), B, hidden=True, prev_token=0)

    told = made.step(hidden, 0.1)
    later = made.step(asked("b", 102, address=C), 0.2)
    shy = mesh("h", hidden=True)
    shy.step(asked("a", 100), 0.0)

    assert only(fx.SendPeers, told) == []
    assert only(fx.SendPeers, later) == [
        fx.SendPeers(102, (("a", A),)),
        fx.SendPeers(100, (("b", C),)),
    ]
    assert shy.step(msg.GotPeers(100, (("c", C),)), 0.1) == []


def test_a_hidden_node_is_told_apart_not_dialled_and_forgotten() -> None:
    made = mesh()
    hidden = msg.Asked(101, node_id("h"), B, hidden=True, prev_token=0)

    up = made.step(hidden, 0.0)
    lost = made.step(msg.Lost(101, "closed"), 0.5)
    gone = ticked(made, 4.0, start=0.5)

    assert fx.PeerUp(node_id("h"), hidden=True) in up
    assert only(fx.Dial, [*lost, *gone]) == []
    assert only(fx.PeerDown, gone) == [fx.PeerDown(node_id("h"), "closed", hidden=True)]
    assert made.peers() == []


def test_the_longer_lease_of_two_holds() -> None:
    made = mesh()
    made.step(
        msg.Asked(101, node_id("h"), B, hidden=True, prev_token=0, lease=9.0), 0.0
    )
    made.step(
        msg.Asked(102, node_id("i"), C, hidden=True, prev_token=0, lease=1.0), 0.0
    )

    early, late = ticked(made, 8.5), ticked(made, 10.0, start=8.5)

    assert only(fx.LinkDown, early) == [
        fx.LinkDown(102, node_id("i"), "no sign of life for 5 s")
    ]
    assert only(fx.LinkDown, late) == [
        fx.LinkDown(101, node_id("h"), "no sign of life for 9 s")
    ]


def test_links_have_a_limit() -> None:
    made = mesh(max_links=1)
    made.step(asked("a", 100), 0.0)

    seen = made.step(asked("b", 101, address=B), 0.0)

    assert isinstance(seen[0], fx.Reject)
    assert seen[0].code == "full"


def test_a_node_with_all_its_links_dials_nobody() -> None:
    made = mesh(max_links=1)
    made.step(asked("a", 100), 0.0)

    assert made.step(msg.Join(B), 0.1) == []
    assert made.next_wake(0.1) == 0.25
    lost = made.step(msg.Lost(100, "reset"), 0.2)
    assert fx.Dial(B) in lost


def test_late_news_of_an_old_link_is_ignored() -> None:
    made = linked("a")
    made.step(asked("a", 7, prev=100), 1.0)

    assert made.step(msg.Lost(100, "eof"), 1.1) == []
    assert made.step(msg.GotBye(100, "bye"), 1.1) == []
    assert made.step(msg.GotPeers(100, (("c", C),)), 1.1) == []


def test_disconnect_says_bye_and_dials_no_more() -> None:
    made = linked("a")
    made.step(msg.Join(A), 0.0)

    seen = made.step(msg.Disconnect("a"), 1.0)

    assert seen[0] == fx.SayBye(100, "disconnected")
    assert seen[-1] == fx.PeerDown(node_id("a"), "disconnected")
    assert only(fx.Dial, ticked(made, 9.0, start=1.0)) == []


def test_stop_says_bye_to_all_and_ends_everything() -> None:
    made = linked("a", "b")
    made.step(msg.Lost(101, "eof"), 0.5)

    seen = made.step(msg.Stop("stopped"), 1.0)

    assert only(fx.SayBye, seen) == [fx.SayBye(100, "stopped")]
    assert len(only(fx.PeerDown, seen)) == 2
    assert only(fx.Dial, ticked(made, 9.0, start=1.0)) == []
    assert isinstance(made.step(asked("c", 9, address=C), 9.0)[0], fx.Reject)


def test_a_node_that_was_down_comes_up_as_new() -> None:
    made = linked("a")
    made.step(msg.GotBye(100, "stopped"), 1.0)

    seen = made.step(asked("a", 8), 2.0)

    assert fx.PeerUp(node_id("a")) in seen
    peer = made.peer("a")
    assert peer is not None
    assert peer.state is State.UP


def test_a_hinted_address_that_never_answers_is_forgotten() -> None:
    made = linked("a")
    made.step(msg.GotPeers(100, (("c", C),)), 0.0)
    made.step(msg.DialFailed(C, "timed out"), 700.0)

    assert only(fx.Dial, made.step(msg.Tick(), 710.0)) == []


def test_a_peer_with_one_fault_may_come_back_at_once() -> None:
    made = linked("a")

    seen = made.step(msg.Lost(100, "protocol error", fault=True), 1.0)

    assert fx.Dial(A) in seen
    assert isinstance(made.step(asked("a", 7), 1.1)[0], fx.Accept)


def test_a_peer_with_faults_is_kept_away_longer_each_time() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "bad frame", fault=True), 1.0)
    made.step(asked("a", 7), 1.1)

    seen = made.step(msg.Lost(7, "bad frame", fault=True), 2.0)
    refused = made.step(asked("a", 8), 5.9)
    back = made.step(asked("a", 9), 6.1)
    again = made.step(msg.Lost(9, "bad frame", fault=True), 7.0)

    assert only(fx.Dial, seen) == []
    assert only(fx.Quarantined, seen) == [
        fx.Quarantined(node_id("a"), 4.0, 2, "bad frame")
    ]
    assert isinstance(refused[0], fx.Reject)
    assert refused[0].code == "quarantined"
    assert fx.Accept(9) in back
    assert only(fx.Quarantined, again) == [
        fx.Quarantined(node_id("a"), 8.0, 3, "bad frame")
    ]


def test_a_dial_under_way_to_a_quarantined_peer_is_ended() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "bad frame", fault=True), 1.0)
    made.step(asked("a", 7), 1.1)
    made.step(msg.Lost(7, "bad frame", fault=True), 2.0)

    assert made.step(msg.Met(8, A, node_id("a")), 2.1) == [fx.Close(8, "quarantined")]


def test_a_quarantined_peer_is_dialled_when_its_time_is_over() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "bad frame", fault=True), 1.0)
    made.step(msg.DialFailed(A, "timed out"), 1.05)
    made.step(asked("a", 7), 1.1)
    made.step(msg.Lost(7, "bad frame", fault=True), 2.0)

    early = ticked(made, 5.5, start=2.0)
    later = ticked(made, 6.5, start=5.5)

    assert only(fx.Dial, early) == []
    assert only(fx.Dial, later) == [fx.Dial(A)]


def test_another_life_has_a_clean_record() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "bad frame", fault=True), 1.0)
    made.step(asked("a", 7), 1.1)
    made.step(msg.Lost(7, "bad frame", fault=True), 2.0)

    assert fx.Accept(8) in made.step(asked("a", 8, life=2), 2.1)


def test_a_dial_that_meets_another_life_of_a_live_name_is_ended() -> None:
    made = linked("a")
    made.step(msg.Join("localhost:1"), 0.5)

    met = made.step(msg.Met(8, "localhost:1", node_id("a", 2)), 0.6)

    assert met == [fx.Close(8, "name in use"), fx.Probe(100)]
    assert made.step(msg.Tick(), 0.6) == []


def test_a_dial_that_finds_a_lost_peer_in_another_life_buries_the_old_one() -> None:
    made = linked("a")
    made.step(msg.Lost(100, "reset"), 0.5)

    met = made.step(msg.Met(8, A, node_id("a", 2)), 0.6)

    assert met == [
        fx.PeerDown(node_id("a"), "another incarnation answers"),
        fx.Proceed(8, 0),
    ]


def test_an_answer_from_another_life_of_a_live_name_is_ended() -> None:
    made = linked("a")

    assert made.step(answered("a", 8, life=2), 0.6) == [
        fx.Close(8, "name in use"),
        fx.Probe(100),
    ]


def test_a_pause_also_stretches_a_probe_and_a_grace() -> None:
    made = linked("a", "b")
    made.step(asked("a", 7, life=2), 0.1)
    made.step(msg.Lost(101, "reset"), 0.1)

    paused = made.step(msg.Tick(), 20.0)
    soon = ticked(made, 20.05, start=20.0)

    assert only(fx.PeerDown, [*paused, *soon]) == []
    assert only(fx.Close, [*paused, *soon]) == []


def test_a_node_long_gone_is_forgotten() -> None:
    made = linked("a")
    made.step(msg.GotBye(100, "stopped"), 1.0)
    assert made.peer("a") is not None

    for second in range(2, 604):
        made.step(msg.Tick(), float(second))

    assert made.peer("a") is None


def test_disconnecting_a_stranger_is_nothing() -> None:
    assert mesh().step(msg.Disconnect("nobody"), 0.0) == []


def test_a_polled_address_is_not_hurried_again() -> None:
    made = mesh()
    made.step(msg.Join(A, lasting=False), 0.0)
    made.step(msg.DialFailed(A, "refused"), 0.0)

    assert made.step(msg.Join(A, lasting=False), 0.01) == []
    assert made.step(msg.Join(A), 0.02) == [fx.Dial(A)]


def test_hints_have_a_limit() -> None:
    made = linked("a")
    hints = tuple((f"n{n}", f"10.0.{n // 250}.{n % 250}:7") for n in range(2000))

    dials = made.step(msg.GotPeers(100, hints), 0.1)

    assert 1000 < len(dials) <= 1024


def test_a_goodbye_forgets_only_the_routes_to_that_node() -> None:
    made = linked("a", "b")
    made.step(msg.GotPeers(100, (("c", C),)), 0.1)
    made.step(msg.DialFailed(C, "refused"), 0.1)

    made.step(msg.GotBye(101, "stopped"), 0.15)

    assert fx.Dial(C) in made.step(msg.Tick(), 1.0)


def test_news_of_a_forgotten_route_is_ignored() -> None:
    made = linked("a")
    made.step(msg.Join(B), 0.0)
    made.step(msg.Met(7, B, node_id("b")), 0.1)
    made.step(answered("b", 7, address=B), 0.2)
    made.step(msg.Join("localhost:2"), 0.3)
    made.step(msg.Disconnect("b"), 0.4)

    assert made.step(msg.DialFailed(B, "refused"), 0.5) == []
    assert made.step(msg.DialRejected(B, "self", "own"), 0.5) == []
    assert made.step(msg.Met(9, B, node_id("b")), 0.5) == [fx.Proceed(9, 7)]
    assert fx.LinkUp(9, node_id("b")) in made.step(answered("b", 9, address=B), 0.6)


def test_it_is_looking_until_every_address_was_tried() -> None:
    made = mesh()
    assert not made.looking()
    made.step(msg.Join(A), 0.0)
    made.step(msg.Join(B), 0.0)

    made.step(msg.DialFailed(A, "refused", refused=True), 0.1)
    assert made.looking()
    made.step(msg.Met(5, B, node_id("b")), 0.2)
    assert made.looking()
    made.step(answered("b", 5, address=B), 0.3)

    assert not made.looking()


def test_of_dials_that_cross_it_is_looking_for_the_other() -> None:
    made = linked("a")
    assert not made.looking()
    made.step(msg.GotPeers(100, (("b", B),)), 0.0)
    assert made.looking()

    made.step(msg.DialRejected(B, "race", "b is dialling m"), 0.1)
    assert made.looking()
    made.step(asked("b", 7, address=B), 0.2)

    assert not made.looking()


def test_who_has_all_links_it_may_have_or_leaves_is_not_looking() -> None:
    full = mesh(max_links=1)
    full.step(msg.Join(B), 0.0)
    full.step(asked("a", 7, address=A), 0.1)
    assert not full.looking()

    leaving = mesh()
    leaving.step(msg.Join(B), 0.0)
    leaving.step(msg.Stop("bye"), 0.1)
    assert not leaving.looking()
