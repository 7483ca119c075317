"""/alive and /ready: what an orchestrator goes by."""

from collections.abc import Callable

import pytest

from actors import Supervisor, kill, tree
from group import Group, child_spec, get
from group._core.following import Following
from group._core.messages import Beat
from group._core.peers import Peer
from tests.group.people import PATIENCE, await_meeting, listeners
from tests.http.visitor import visit
from tests.waiting import eventually
from transport import Node

NOBODY = "127.0.0.1:9"


def probe(node: Node, name: str) -> tuple[int, str]:
    assert node.http_url is not None
    answer = visit(node.http_url, f"/{name}")
    return answer.status, answer.text


def ready(node: Node) -> bool:
    return probe(node, "ready")[0] == 200


def test_a_node_alone_is_alive_and_ready() -> None:
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        assert probe(node, "alive") == (200, "alive\n")
        assert probe(node, "ready") == (200, "ready\n")


@pytest.mark.slow
def test_a_node_that_has_somebody_to_join_is_not_ready_before() -> None:
    with (
        Node.start("a") as first,
        Node.start("b", join=NOBODY, http="127.0.0.1:0", join_timeout=60) as node,
    ):
        assert probe(node, "ready") == (503, "not ready\nnode: no peer reached yet\n")
        assert probe(node, "alive")[0] == 200

        node.join(first.address)

        eventually(lambda: ready(node), PATIENCE)
        first.stop()
        eventually(lambda: not node._progress.linked, PATIENCE)
        # A node that serves is not taken out because a peer has gone.
        assert ready(node)


@pytest.mark.slow
def test_a_node_that_needs_nobody_is_ready_when_it_has_looked_long_enough() -> None:
    with Node.start("a", join=NOBODY, http="127.0.0.1:0", join_timeout=1.5) as node:
        assert not ready(node)
        eventually(lambda: ready(node), PATIENCE)


@pytest.mark.slow
def test_a_group_is_ready_when_all_rows_of_its_peers_are_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beats: list[Callable[[], None]] = []
    honest = Following.on_beat
    held = [True]

    def on_beat(me: Following, peer: Peer, beat: Beat) -> None:
        if held[0] and me.tables.me.name == "b":
            beats.append(lambda: None)
            return
        honest(me, peer, beat)

    monkeypatch.setattr(Following, "on_beat", on_beat)
    with (
        Node.start("a", heartbeat=0.1) as a,
        Group.start("app", node=a, log=False) as ga,
        listeners() as (ref,),
    ):
        ga.register("k", actor=ref)
        with (
            Node.start("b", join=a.address, http="127.0.0.1:0", heartbeat=0.1) as b,
            Group.start("app", node=b, log=False) as gb,
        ):
            await_meeting(ga, gb)
            eventually(lambda: len(beats) > 20, PATIENCE)
            words = "not ready\ngroup app: not yet in sync with 1\n"
            assert probe(b, "ready") == (503, words)

            held[0] = False

            eventually(lambda: ready(b), PATIENCE)
            assert gb.whereis("k") is not None
            held[0] = True
            ga.stop()
            assert ready(b)


@pytest.mark.crashes("group_gave_up", by="killed")
def test_a_group_that_gave_up_makes_its_node_dead_until_it_is_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("CRITICAL")
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        group = Group.start("app", node=node, log=False)

        kill(group.tree)

        eventually(lambda: probe(node, "alive")[0] == 503, PATIENCE)
        words = "not alive\ngroup app: its actors kept crashing\n"
        assert probe(node, "alive") == (503, words)
        with Group.start("app", node=node, log=False):
            assert probe(node, "alive")[0] == 200
        group.stop()
        assert probe(node, "alive")[0] == 200


def test_a_group_that_is_stopped_leaves_no_check_behind() -> None:
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        with Group.start("app", node=node, log=False):
            assert len(node.pages._entries) > 5
        left = len(node.pages._entries)

    with Node.start("b", listen=None, http="127.0.0.1:0") as fresh:
        assert left == len(fresh.pages._entries)


@pytest.mark.crashes("group_gave_up", by="killed")
@pytest.mark.crashes("GroupKeeper", by="killed")
def test_a_supervised_group_is_looked_after_by_its_supervisor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("CRITICAL")
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        spec = child_spec("app", node=node, log=False)
        supervisor = Supervisor.start([spec])
        try:
            kill(get("app", node=node).tree)
            eventually(lambda: "restarts=1" in str(tree(supervisor)), PATIENCE)
            assert probe(node, "alive")[0] == 200
        finally:
            supervisor.stop()
        assert probe(node, "alive")[0] == 200
