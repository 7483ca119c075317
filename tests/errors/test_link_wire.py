"""B063 to B066 and B079: frames of a proven peer that no peer of ours sends."""

import socket
import struct
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from tests.errors.forger import Forger
from tests.transport.strangers import SECRET, warnings
from tests.waiting import eventually
from transport import Node
from transport._core import control
from transport._core.frames import Kind
from transport._core.routes import MAX_ROUTES


@pytest.fixture
def victim() -> Iterator[Node]:
    """A node with a real peer, which must not notice anything."""
    with (
        Node.start("victim", cookie=SECRET) as node,
        Node.start("friend", cookie=SECRET, join=node.address) as friend,
    ):
        node.wait_peers(1, 5)
        yield node
        assert node.linked_id("friend") == friend.id
        assert node.ping("friend", timeout=5) < 5


@pytest.fixture
def forger(victim: Node) -> Iterator[Forger]:
    made = Forger(victim)
    with made.sock:
        made.open()
        yield made


def beat(forger: Forger) -> bytes:
    now = control.Beat(int(time.time() * 1000))
    return forger.session.frame(Kind.CONTROL, control.encode(now))


def length(frame: bytes, value: int) -> bytes:
    return struct.pack(">I", value) + frame[4:]


def flipped(frame: bytes) -> bytes:
    return frame[:-1] + bytes((frame[-1] ^ 1,))


def second_only(forger: Forger) -> bytes:
    beat(forger)
    return beat(forger)


FRAMES: dict[str, Callable[[Forger], bytes]] = {
    "length 0": lambda forger: length(beat(forger), 0),
    "over 1 MiB": lambda forger: length(beat(forger), (1 << 20) + 100),
    "4 GiB": lambda forger: length(beat(forger), (1 << 32) - 1),
    "a wrong MAC": lambda forger: flipped(beat(forger)),
    "a frame left out": second_only,
    "an unknown kind": lambda forger: forger.session.frame(9, b""),
}
BODIES = {
    "an unknown type": msgspec.msgpack.encode(["Nonsense", 1]),
    "too many fields": msgspec.msgpack.encode(["Ping", 1, 2]),
    "too few fields": msgspec.msgpack.encode(["Ping"]),
    "a wrong type": msgspec.msgpack.encode(["Ping", "1"]),
    "a negative number": msgspec.msgpack.encode(["Ping", -1]),
    "trailing bytes": control.encode(control.Ping(1)) + b"\0",
    "nothing": b"",
    "bad UTF-8": b"\x92\xa3Bye\xa1\xff",
    "a depth bomb": b"\x91" * 100_000,
    "a count bomb": b"\xdd\xff\xff\xff\xff",
    "a number near 2**64": msgspec.msgpack.encode(["Ping", 2**64 - 1]),
    "words without end": msgspec.msgpack.encode(["Bye", "x" * 10_000]),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_a_false_frame_ends_the_link_with_one_line(
    victim: Node,
    forger: Forger,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[Forger], bytes],
) -> None:
    forger.send(make(forger))
    forger.end()

    (line,) = warnings(caplog)
    assert line.startswith("link_ended")
    eventually(lambda: victim.linked_id("forger") is None)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_control_frame_that_does_not_decode_ends_the_link(
    victim: Node, forger: Forger, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    forger.send(forger.session.frame(Kind.CONTROL, body))
    forger.end()

    (line,) = warnings(caplog)
    assert "reason=decode" in line
    assert "control frame does not decode" in line


def test_a_frame_cut_off_by_the_end_is_an_ordinary_loss(
    victim: Node, forger: Forger, caplog: pytest.LogCaptureFixture
) -> None:
    forger.send(beat(forger)[:-5])
    forger.sock.close()

    eventually(lambda: victim.linked_id("forger") is None)
    assert warnings(caplog) == []


@pytest.mark.parametrize("again", ["ready", "reject"])
def test_what_belongs_to_the_beginning_is_refused_later(
    forger: Forger, caplog: pytest.LogCaptureFixture, again: str
) -> None:
    forger.say(forger.session._mine if again == "ready" else control.Reject("x", ""))
    forger.end()

    (line,) = warnings(caplog)
    assert "reason=order" in line
    assert "READY or REJECT on an open link" in line


def test_a_flood_of_beats_without_a_reader_makes_no_heap(
    victim: Node, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = 64 << 10
    # Reached in a second; the real one is 1 MiB.
    monkeypatch.setattr("transport._links.inbound.HIGH_WATER_BYTES", bound)
    life = eventually(lambda: victim.linked_id("forger"))
    link = victim._engine.link_to(life)
    assert link is not None
    # The kernel is not to hide what piles up.
    forger.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    link._raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    backlogs = []

    # Nobody reads the pings that come back.
    for _ in range(100):
        forger.send(b"".join(beat(forger) for _ in range(1000)))
        backlogs.append(link.outbox.backlog)

    assert max(backlogs) < 2 * bound
    assert victim.ping("friend", timeout=5) < 5


def test_addresses_of_strangers_are_bounded_and_nonsense_is_ignored(
    victim: Node, forger: Forger, caplog: pytest.LogCaptureFixture
) -> None:
    nonsense = ("", ":", "host", "host:0", "host:99999", "a b:1", "dns://x:1", "\0:1")
    forger.say(control.Peers(tuple((f"n{n}", a) for n, a in enumerate(nonsense))))
    for start in range(0, 4000, 500):
        # Addresses for documentation (RFC 5737): nobody answers there.
        hints = tuple(
            (f"p{n}", f"192.0.2.1:{n + 1}") for n in range(start, start + 500)
        )
        forger.say(control.Peers(hints))
    forger.say(control.Ping(77))
    while forger.await_control(control.Pong).id != 77:
        pass

    routes = victim._engine._exchange._mesh._routes._routes
    assert len(routes) <= MAX_ROUTES
    assert not any(address.startswith(("dns", "host", ":")) for address in routes)
    assert warnings(caplog) == []
