"""B052 to B062: callers that prove themselves, or cannot, and get no link.

Strangers that speak something else are in tests/transport/test_probes.py and
tests/transport/test_tls.py.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from group import Group
from tests.errors.forger import Forger
from tests.transport.strangers import READY, SECRET, Impostor, warnings
from tests.waiting import eventually
from transport import Node, NodeId, RejectedError
from transport._core import control
from transport._core.frames import Kind
from transport._core.handshake import Credentials
from transport._core.session import Failed, Opened, Session


@pytest.fixture
def victim() -> Iterator[Node]:
    with (
        Node.start("victim", cookie=SECRET) as node,
        Node.start("friend", cookie=SECRET, join=node.address) as friend,
    ):
        node.wait_peers(1, 5)
        yield node
        assert node.linked_id("friend") == friend.id
        assert node.ping("friend", timeout=5) < 5


def caller(
    node: Node,
    *,
    name: str = "caller",
    life: bytes = b"c" * 16,
    cookie: str = SECRET,
    cluster_id: str = "default",
    versions: tuple[int, int] = (1, 1),
    ready: control.Ready = READY,
) -> Impostor:
    """Somebody who means well, but for what a test changes."""
    me = Credentials(NodeId(name, life), cluster_id, (cookie.encode(),), versions)
    made = Impostor(node, name=name)
    made.sock.settimeout(5)
    made.session = Session(me, ready, b"n" * 32, dialler=True)
    return made


def refusal(made: Impostor) -> RejectedError:
    """Go on until the node says no; return how."""
    with made.sock:
        while not any(isinstance(event, Failed) for event in made.events):
            made.step()
        assert made.sock.recv(1) == b""
    (failed,) = [event for event in made.events if isinstance(event, Failed)]
    assert isinstance(failed.error, RejectedError)
    return failed.error


def the_line(caplog: pytest.LogCaptureFixture) -> str:
    (line,) = warnings(caplog)
    assert line.startswith("connection_refused node=victim")
    return line


def test_versions_that_do_not_meet_are_told_to_both(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    error = refusal(caller(victim, versions=(3, 3)))

    assert str(error) == "version: peer 1-1, here 3-3"
    assert (error.reason, error.code) == ("version", "B052")
    assert "REJECT version: peer 3-3, here 1-1" in the_line(caplog)


def test_another_cluster_is_told_to_both(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    error = refusal(caller(victim, cluster_id="prod"))

    assert str(error) == "cluster: peer 'default', here 'prod'"
    assert (error.reason, error.code) == ("cluster", "B053")
    assert "REJECT cluster: peer 'prod', here 'default'" in the_line(caplog)


def test_a_wrong_cookie_is_told_without_detail(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    error = refusal(caller(victim, cookie="w" * 32))

    assert str(error) == "authentication failed"
    assert (error.reason, error.code) == ("auth", "B054")
    assert "authentication failed with caller" in the_line(caplog)


@pytest.mark.parametrize(
    ("field", "there", "words"),
    [
        ("codec", 2, "codec 2 on caller, 1 on victim"),
        ("lease_ms", 9000, "lease= differs: 9 s on caller, 5 s on victim"),
        ("heartbeat_ms", 500, "heartbeat= differs: 0.5 s on caller, 1 s on victim"),
    ],
)
def test_other_parameters_of_the_link_are_named_with_both_values(
    victim: Node,
    caplog: pytest.LogCaptureFixture,
    field: str,
    there: int,
    words: str,
) -> None:
    ready = msgspec.structs.replace(READY, hidden=False, **{field: there})

    error = refusal(caller(victim, ready=ready))

    assert str(error).startswith(f"config: {words}. ")
    assert (error.reason, error.code) == ("config", "B055")
    assert f"REJECT {error}" in the_line(caplog)


def test_another_hash_of_a_group_is_refused_and_the_link_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        Node.start("a", cookie=SECRET) as a,
        Group.start("app", node=a, shards=1, log=False) as g,
    ):
        forger = Forger(a)
        with forger.sock:
            forger.open()
            forger.say(
                control.Open(
                    1,
                    "app",
                    "group",
                    (("hash", "md5"), ("rank", "newest"), ("shards", 1)),
                )
            )
            refused = forger.await_control(control.Refuse)

            assert refused.text == (
                "peer forger runs 'app' with hash 'md5', we have 'msgpack-blake2b-8'; "
                "it must be equal on all nodes"
            )
            eventually(lambda: refused.text in " ".join(warnings(caplog)))
            assert a.linked_id("forger") is not None
            assert g.nodes() == []


def test_a_live_name_is_not_given_to_another(victim: Node) -> None:
    error = refusal(caller(victim, name="friend"))

    assert (error.reason, error.code) == ("name_in_use", "B057")
    assert str(error).startswith("a live node named 'friend' already exists")


def token_of(made: Impostor) -> int:
    (opened,) = [event for event in made.events if isinstance(event, Opened)]
    return opened.token


def test_a_second_link_is_refused(victim: Node) -> None:
    first = caller(victim).open()
    with first.sock:
        error = refusal(caller(victim))

        assert (error.reason, error.code) == ("already_linked", "B058")
        assert victim.linked_id("caller") is not None


def test_a_link_that_names_the_first_as_dead_replaces_it(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    first = caller(victim).open()
    second = caller(victim)
    second.prev_token = token_of(first)

    with second.sock:
        second.open()

        # B081: nobody reads what still comes over the old one.
        first.send(b"rubbish")
        first.end()
        links = victim._engine._exchange.links
        eventually(lambda: token_of(second) in links, what="the second is the link")
        assert token_of(first) not in links
    assert warnings(caplog) == []


def test_a_node_has_a_limit_of_links(
    victim: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = victim._engine._exchange._mesh
    monkeypatch.setattr(mesh, "_settings", replace(mesh._settings, max_links=1))

    error = refusal(caller(victim))

    assert (error.code, str(error)) == ("B059", "victim has 1 links")


def beat(made: Impostor, ahead: float) -> None:
    """Send a sign of life by a clock that differs."""
    said = control.Beat(int((time.time() + ahead) * 1000))
    made.send(made.session.frame(Kind.CONTROL, control.encode(said)))


@pytest.mark.parametrize(("ahead", "where"), [(73, "ahead"), (-73, "behind")])
def test_a_clock_that_differs_is_said_once(
    victim: Node, caplog: pytest.LogCaptureFixture, ahead: int, where: str
) -> None:
    made = caller(victim, ready=msgspec.structs.replace(READY, heartbeat_ms=1)).open()
    with made.sock:

        def said() -> str:
            beat(made, ahead)
            return next(iter(warnings(caplog)), "")

        line = eventually(said)
        beat(made, ahead)
        victim.ping("friend", timeout=5)

    assert line.startswith("clock_differs")
    words = rf"clock of caller is 7[23]\.\d s {where}; conflicts with caller will be"
    assert re.search(words, line)
    assert len(warnings(caplog)) == 1


def test_beats_that_waited_together_say_nothing_about_a_clock(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    made = caller(victim).open()
    with made.sock:
        # As after a pause: the newest of them is late as well.
        for late in range(73, 53, -1):
            beat(made, -late)
        made.send(made.session.frame(Kind.CONTROL, control.encode(control.Ping(7))))
        link = victim._engine.link_to(eventually(lambda: victim.linked_id("caller")))
        assert link is not None
        # Behind them: 20 beats, a ping, and READY.
        eventually(lambda: link.session.frames[0] >= 22)

    assert warnings(caplog) == []
