"""`groupctl start` in this process: what it says, and how it ends."""

import io
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from actors import Timeout
from group import Group
from group._cli import service
from group._cli.options import grammar
from group._cli.paper import Paper
from group._cli.service import Announcer, serve
from tests.group.people import PATIENCE, await_meeting
from tests.unwoken import seen_after
from tests.waiting import eventually
from transport import Node


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command change the environment, as --cookie-file does."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.fixture
def peer() -> Iterator[Group]:
    with Node.start("peer") as node, Group.start("my_app", node=node, log=False) as g:
        yield g


def end_me(_group: Group) -> None:
    """An app that is none: the command is told to stop before it is ready."""
    os.kill(os.getpid(), signal.SIGTERM)


def started(*words: str) -> tuple[int, list[str]]:
    """Run `groupctl start` to its end; return its status and its lines."""
    out = io.StringIO()
    app = ("--app", f"{__name__}:end_me")
    options = grammar().parser.parse_args(["start", "--name", "me", *app, *words])
    status = serve(options, Paper(out))
    return status, out.getvalue().splitlines()


def test_the_last_line_says_why_it_stops(
    peer: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    say, on_start = Paper.say, Announcer.on_start

    def noted(me: Paper, text: str = "", /, **fields: object) -> None:
        say(me, text, **fields)
        if " stops: " in text:
            stopped.set()

    def late(me: Announcer) -> None:
        stopped.wait(0.2)
        await_meeting(me._group, peer)
        on_start(me)

    monkeypatch.setattr(Paper, "say", noted)
    monkeypatch.setattr(Announcer, "on_start", late)

    status, lines = started("--join", peer.node.address, "--stop-timeout", "20")

    assert status == 0
    assert lines[1:] == ["+ peer is here; 2 nodes", "me stops: SIGTERM"]


@pytest.mark.parametrize(("what", "part"), [("group", Group), ("node", Node)])
def test_a_part_that_ends_late_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, what: str, part: type
) -> None:
    stop: Callable[[object, float], None] = vars(part)["stop"]

    def late(me: object, timeout: float = 5.0) -> None:
        stop(me, timeout)
        raise Timeout

    monkeypatch.setattr(part, "stop", late)

    status, lines = started()

    assert status == 0
    assert lines[1:] == [
        "me stops: SIGTERM",
        f"the {what} did not end in time; its threads are left behind",
    ]


def test_a_peer_that_takes_its_time_to_run_the_group_is_announced(
    peer: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOOK_AGAIN", 0.001)
    monkeypatch.setattr(service, "SELDOM", 0.001)
    out, looks = io.StringIO(), threading.Semaphore(0)
    look = Announcer._look

    def counted(me: Announcer, name: str, wait: float) -> None:
        looks.release()
        look(me, name, wait)

    monkeypatch.setattr(Announcer, "_look", counted)
    with Node.start("slow", join=peer.node.address) as slow:
        announcer = Announcer.start(peer, Paper(out))
        for _ in range(100):
            assert looks.acquire(timeout=PATIENCE)
        assert out.getvalue() == ""

        with Group.start("my_app", node=slow, log=False):
            eventually(lambda: out.getvalue() == "+ slow is here; 2 nodes\n", PATIENCE)
        slow.stop()
        eventually(lambda: "- slow is gone: stopped; 1 node" in out.getvalue(), 5)
        announcer.stop()


@pytest.mark.slow
def test_a_signal_that_wakes_nobody_is_seen_all_the_same() -> None:
    words = ["start", "--name", "s", "--log", "off"]
    script = f"from group._cli.commands import main; main({words})"

    took, lines = seen_after("SIGTERM", script)

    print(f"stopped after {took:.2f} s, seen within {service.LOOK_UP:g}")
    assert lines[-1] == "s stops: SIGTERM"
    assert took < 5 * (service.LOOK_UP + 1.0)
