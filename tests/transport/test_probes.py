"""Strangers at a live port: each is sent away with one line, and disturbs nobody."""

import os
import pickle
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import (
    SECRET,
    Impostor,
    call,
    read_to_end,
    warnings,
    where,
)
from transport import Node
from transport._core import control
from transport._core.frames import Kind
from transport._core.handshake import Credentials, Handshake
from transport._core.identity import NodeId

PATIENCE = 0.6


@pytest.fixture
def victim() -> Iterator[Node]:
    """A node with a real peer, whose link must survive whatever a test does."""
    with (
        Node.start("victim", cookie=SECRET, handshake_timeout=PATIENCE) as node,
        Node.start("friend", cookie=SECRET, join=node.address) as friend,
    ):
        node.wait_peers(1, 5)
        life = node.linked_id("friend")
        yield node
        assert node.ping("friend", timeout=5) < 5
        assert friend.linked_id("victim") == node.id
        assert node.linked_id("friend") == life


def handshake(name: str = "stranger", cookie: bytes = SECRET.encode()) -> Handshake:
    me = Credentials(NodeId(name, b"s" * 16), "default", (cookie,))
    return Handshake(me, b"n" * 32, dialler=True)


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.sentinel),))


STRANGERS = {
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "looks like HTTP"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "peer speaks TLS"),
    "noise": (b"\x93\x7f\x00\xd1" * 50, "not an actor-group peer"),
    "4 GiB": (b"\xff\xff\xff\xff" + b"x" * 100, "not an actor-group peer"),
    "a long greeting": (b"AGRP\x01\xff\xff", "handshake message of 65535 bytes"),
    "the wrong step": (b"AGRP\x03\x00\x01x", "where 1 was next"),
}


@pytest.mark.parametrize(("data", "words"), STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_is_sent_away_at_once_with_one_line(
    victim: Node, caplog: pytest.LogCaptureFixture, data: bytes, words: str
) -> None:
    answer = read_to_end(call(victim, data))

    assert answer == b""
    (line,) = warnings(caplog)
    assert line.startswith("connection_refused")
    assert words in line


def test_the_same_complaint_is_made_once_a_minute(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        read_to_end(call(victim, b"GET / HTTP/1.1\r\n\r\n"))

    assert len(warnings(caplog)) == 1


def test_a_pickle_is_never_loaded(
    victim: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sentinel = tmp_path / "loaded"

    read_to_end(call(victim, pickle.dumps(Bomb(sentinel), protocol=5)))

    assert not sentinel.exists()
    assert "a pickle stream" in warnings(caplog)[0]


def test_a_pickle_as_a_control_frame_is_never_loaded(
    victim: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sentinel = tmp_path / "loaded"
    friend = Impostor(victim).open()

    friend.send(friend.session.frame(Kind.CONTROL, pickle.dumps(Bomb(sentinel))))
    friend.end()

    assert not sentinel.exists()
    (line,) = warnings(caplog)
    assert "control frame does not decode" in line


def test_silence_is_ended_by_the_deadline(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()

    read_to_end(call(victim))

    took = time.monotonic() - began
    assert PATIENCE <= took < 5 * PATIENCE
    (line,) = warnings(caplog)
    assert "no proof of the cookie in 0.6 s" in line


def test_a_byte_now_and_then_does_not_stretch_the_deadline(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    sock = call(victim)
    sock.settimeout(PATIENCE / 8)
    greeting = iter(handshake().begin())

    closed = False
    while not closed:
        try:
            sock.send(bytes((next(greeting),)))
            closed = sock.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            closed = True
    sock.close()

    assert time.monotonic() - began < 5 * PATIENCE
    assert "no proof of the cookie" in warnings(caplog)[0]


def test_a_wrong_cookie_is_named_at_both_ends(
    victim: Node,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = "another cookie of thirty-two bytes!!"
    monkeypatch.setenv("GROUP_COOKIE", other)
    with Node.start("wrong", join=victim.address) as wrong:
        eventually(lambda: len(warnings(caplog)) >= 2)
        assert wrong.peers() == []

    here = [line for line in warnings(caplog) if "node=victim" in line]
    there = [line for line in warnings(caplog) if "node=wrong" in line]
    assert len(here) == 1
    assert "authentication failed with wrong" in here[0]
    assert len(there) == 1
    assert f"cannot join {victim.address}: cookie differs (ours from " in there[0]
    assert "Set GROUP_COOKIE to the same value on both nodes" in there[0]
    assert SECRET not in caplog.text
    assert other not in caplog.text


def test_a_replayed_proof_is_refused(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = handshake()
    hello = recorded.begin()
    with call(victim, hello) as first:
        proof = recorded.receive(first.recv(65536))
        first.sendall(proof)
        assert first.recv(65536)

    with call(victim, hello) as second:
        second.recv(65536)
        second.sendall(proof)
        answer = read_to_end(second)

    assert b"authentication failed" in answer
    assert "authentication failed with stranger" in warnings(caplog)[0]


def test_who_guesses_waits_longer_each_time_and_nobody_else(victim: Node) -> None:
    def guess() -> float:
        attempt = handshake("guesser", b"wrong cookie of thirty-two bytes")
        began = time.monotonic()
        with call(victim, attempt.begin()) as sock:
            sock.sendall(attempt.receive(sock.recv(65536)))
            answered = time.monotonic() - began
            read_to_end(sock)
        return answered

    waits = [guess() for _ in range(4)]
    honest = seconds_to_enter(victim, "honest")

    assert waits[1] >= 0.2
    assert waits[2] >= PATIENCE / 2
    assert waits[3] < 5 * PATIENCE
    # Once per attempt: twice would be beyond the deadline.
    Impostor(victim, name="guesser").open().sock.close()
    assert honest < 0.2


def seconds_to_enter(node: Node, name: str) -> float:
    """Enter a few times; the quickest, for any may be held up by the machine."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        Impostor(node, name=name).open().sock.close()
        took.append(time.monotonic() - began)
    return min(took)


def test_who_proves_itself_is_forgiven(victim: Node) -> None:
    wrong = handshake("clumsy", b"wrong cookie of thirty-two bytes")
    with call(victim, wrong.begin()) as sock:
        sock.sendall(wrong.receive(sock.recv(65536)))
        read_to_end(sock)
    began = time.monotonic()
    Impostor(victim, name="clumsy").open().sock.close()
    assert time.monotonic() - began >= 0.2

    assert seconds_to_enter(victim, "clumsy") < 0.2


def test_a_nodes_own_greeting_comes_back_to_nothing(
    victim: Node, eventually: Eventually
) -> None:
    # A rogue listener returns what the node's own dial says.
    with socket.create_server(("127.0.0.1", 0)) as rogue:
        victim.join(f"127.0.0.1:{rogue.getsockname()[1]}")
        mirror, _ = rogue.accept()
        with mirror:
            mirror.sendall(mirror.recv(65536))
            mirror.settimeout(5)
            assert read_to_end(mirror) == b""
    with call(victim) as sock:
        own = Credentials(victim.id, "default", (SECRET.encode(),))
        sock.sendall(Handshake(own, b"n" * 32, dialler=True).begin())
        assert b"this is the node itself" in read_to_end(sock)
    eventually(lambda: [peer.name for peer in victim.peers()] == ["friend"])


@pytest.mark.parametrize("at", [0, 4, 8, 20, -1])
def test_a_flipped_bit_ends_the_link(
    victim: Node, caplog: pytest.LogCaptureFixture, at: int
) -> None:
    friend = Impostor(victim).open()
    frame = bytearray(
        friend.session.frame(Kind.CONTROL, control.encode(control.Beat(1)))
    )
    frame[at] ^= 0x40

    friend.send(bytes(frame))
    friend.end()

    lines = warnings(caplog)
    assert len(lines) == 1
    assert lines[0].startswith("link_ended")


def test_a_repeated_frame_ends_the_link(
    victim: Node, caplog: pytest.LogCaptureFixture
) -> None:
    friend = Impostor(victim).open()
    now = control.Beat(int(time.time() * 1000))
    frame = friend.session.frame(Kind.CONTROL, control.encode(now))

    friend.send(frame + frame)
    friend.end()

    (line,) = warnings(caplog)
    assert "was next" in line


def test_a_crowd_of_silent_callers_does_not_keep_a_friend_out() -> None:
    with Node.start("patient", cookie=SECRET, handshake_timeout=60.0) as node:
        crowd = [call(node) for _ in range(65)]
        try:
            # The newest stranger replaces the oldest, long before the deadline.
            assert read_to_end(crowd[0]) == b""
            crowd[1].settimeout(0.05)
            with pytest.raises(TimeoutError):
                crowd[1].recv(1)
            with Node.start("late", cookie=SECRET, join=node.address) as late:
                late.wait_peers(1, 5)
        finally:
            for sock in crowd:
                sock.close()


def test_without_a_cookie_nobody_beyond_this_machine_is_met(
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Node.start("open", insecure=True, join="192.0.2.1:9") as node:
        eventually(lambda: "for this machine only" in " ".join(warnings(caplog)))
        monkeypatch.setattr("transport._links.doors.is_loopback", lambda _host: False)
        assert read_to_end(call(node)) == b""

    assert any("not on this machine, and no cookie" in w for w in warnings(caplog))


def test_a_node_listens_on_this_machine_only_by_default() -> None:
    with Node.start("shy", cookie=SECRET) as node:
        assert where(node)[0] == "127.0.0.1"
        port = f"{where(node)[1]:04X}"
        rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        bound = [row.split()[1] for row in rows if row.split()[3] == "0A"]
        six = Path("/proc/net/tcp6").read_text(encoding="ascii")

        assert f"0100007F:{port}" in bound
        assert f"00000000:{port}" not in bound
        assert f":{port} 00000000000000000000000000000000:0000 0A" not in six


def test_the_cookie_is_in_no_repr(victim: Node) -> None:
    shown = f"{victim!r} {vars(victim)!r} {vars(victim._engine)!r}"

    assert SECRET not in shown
