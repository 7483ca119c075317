"""The hooks of groups and links."""

from collections.abc import Iterator

import pytest

from actors import hooks
from group import ALL, Group, NotRegisteredError
from group._core.local import Local
from group._core.requests import Register
from tests.actors.test_hooks import Ear
from tests.group.people import PATIENCE, groups, listeners
from tests.group.test_group_nodes import strangers
from tests.waiting import eventually

NAMES = [
    "group.conflict",
    "group.dispatch",
    "group.events",
    "group.replicate",
    "group.shard.crash",
    *(
        f"group.{verb}.{part}"
        for verb in ("join", "leave", "register", "unregister")
        for part in ("exception", "start", "stop")
    ),
    "transport.link.down",
    "transport.link.up",
    "transport.message.dropped",
    "transport.peer.down",
    "transport.peer.up",
]


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Hears everything but messages, of which there are many."""
    made = Ear()
    detach = hooks.attach(made, "group.", "transport.")
    yield made
    detach()


def of(ear: Ear, name: str) -> list[tuple[dict[str, float], dict[str, object]]]:
    return [(measured, about) for said, measured, about in ear.told if said == name]


def test_the_names_are_stable() -> None:
    layers = ("group.", "transport.")

    assert [name for name in hooks.names() if name.startswith(layers)] == sorted(NAMES)


def test_a_write_is_told_with_its_time(ear: Ear) -> None:
    with groups("a") as (a,), listeners() as (ref,):
        a.register("user/1", actor=ref)
        a.join("room", actor=ref)
        a.leave("room", actor=ref)
        a.unregister("user/1")

    verbs = [name for name in ear.names() if name.endswith(".stop")]
    assert verbs == [
        f"group.{verb}.stop" for verb in ("register", "join", "leave", "unregister")
    ]
    ((measured, about),) = of(ear, "group.register.stop")
    assert 0 <= measured["seconds"] < PATIENCE
    assert about == {"group": "app", "node": "a", "cluster": None, "key": "user/1"}


def test_a_refused_write_is_told_with_its_error(ear: Ear) -> None:
    with groups("a") as (a,), pytest.raises(NotRegisteredError):
        a.unregister("user/1")

    ((_, about),) = of(ear, "group.unregister.exception")
    assert about["error"] == "NotRegisteredError"
    assert of(ear, "group.unregister.stop") == []


def test_what_goes_over_links_is_told_at_both_ends(ear: Ear) -> None:
    with groups("a", "b") as (a, b), listeners() as (ref,):
        # Rows of a session that just begins would go as a snapshot.
        a.settle(PATIENCE)
        a.register("user/1", actor=ref)
        a.join("room", actor=ref)
        a.settle(PATIENCE)
        assert b.whereis("user/1") is not None
        told = of(ear, "group.replicate")

    sent = [m for m, about in told if about["node"] == "a"]
    got = [m for m, about in told if about["node"] == "b"]
    assert all(about["direction"] == "out" for _, about in told if about["node"] == "a")
    assert sum(m.get("PutReg", 0) for m in sent) == 1
    assert sum(m.get("PutGrp", 0) for m in sent) == 1
    assert sum(m.get("PutReg", 0) for m in got) == 1
    assert all(0 <= m["lag"] < PATIENCE for m in got)


def test_events_and_dispatch_are_counted(ear: Ear) -> None:
    with groups("a") as (a,), listeners(2) as refs, a.events(ALL) as stream:
        for ref in refs:
            a.join("room", actor=ref)
        assert a.dispatch("room", "hello") == 2
        stream.get(timeout=PATIENCE)

    assert sum(measured["joined"] for measured, _ in of(ear, "group.events")) == 2
    assert of(ear, "group.dispatch")[0][0] == {"refs": 2}


def test_links_and_peers_are_told_as_they_come_and_go(ear: Ear) -> None:
    with groups("a", "b") as (_, b):
        b.node.stop()
        eventually(lambda: of(ear, "transport.peer.down"), PATIENCE)

    assert {"node": "a", "peer": "b"} in [m for _, m in of(ear, "transport.peer.up")]
    assert {"node": "a", "peer": "b"} in [m for _, m in of(ear, "transport.link.up")]
    down = [about for _, about in of(ear, "transport.peer.down")]
    assert {"node": "a", "peer": "b", "cause": "stopped"} in down


@pytest.mark.slow
def test_a_lost_key_is_told_on_the_node_of_the_loser(ear: Ear) -> None:
    with strangers(log=False) as (ga, gb), listeners(2) as (older, newer):
        ga.register("k", actor=older)
        gb.register("k", actor=newer)
        ga.node.join(gb.node.address)

        eventually(lambda: of(ear, "group.conflict"), PATIENCE)

    ((_, about),) = of(ear, "group.conflict")
    assert about == {"group": "app", "node": "a", "cluster": None, "key": "k"}


@pytest.mark.crashes("ShardActor", by="planted")
def test_a_shard_that_crashes_is_told(
    ear: Ear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "actors")
    crash = iter([RuntimeError("planted")])

    def register(me: Local, request: Register) -> object:
        for error in crash:
            raise error
        return honest(me, request)

    honest = Local.register
    monkeypatch.setattr(Local, "register", register)
    with Group.start("app", shards=1, log=False) as g, listeners() as (ref,):
        g.register("k", actor=ref)

    ((_, about),) = of(ear, "group.shard.crash")
    assert (about["shard"], about["error"]) == (0, "RuntimeError")
