"""Channels over real links."""

import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET, Impostor, frozen, warnings
from transport import Channel, Node, NodeId, ProtocolError
from transport._core import control
from transport._core.frames import Kind


class Recorder:
    """A handler that writes down what it is told."""

    def __init__(self, *, refuse: str | None = None, hold: bool = False) -> None:
        self.refuse = refuse
        self.hold = hold
        self.seen: list[tuple[object, ...]] = []
        self.frames: list[bytes] = []
        self.up: dict[str, int] = {}
        self.waiting: list[Callable[[], None]] = []
        self.full: list[Callable[[], None]] = []

    def accept(self, node: str, params: Mapping[str, str | int]) -> str | None:
        self.seen.append(("accept", node, dict(params)))
        return self.refuse

    def link_up(self, token: int, node: NodeId) -> None:
        self.seen.append(("link_up", node.name))
        self.up[node.name] = token

    def frame(self, token: int, body: bytes) -> None:
        self.seen.append(("frame", body))
        self.frames.append(body)

    def link_down(self, token: int, node: NodeId) -> None:
        self.seen.append(("link_down", node.name))
        self.up.pop(node.name, None)

    def peer_down(self, node: NodeId, cause: str) -> None:
        self.seen.append(("peer_down", node.name, cause))

    def fence(self, token: int, done: Callable[[], None]) -> bool:
        if self.hold:
            self.waiting.append(done)
        return not self.hold

    def writable(self, token: int, done: Callable[[], None]) -> None:
        self.full.append(done)

    def told(self, *what: str) -> list[tuple[object, ...]]:
        return [row for row in self.seen if row[0] in what]


def deliveries(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the list of message bodies that reach a node's actor traffic."""
    bodies: list[bytes] = []

    def message(_node_id: NodeId, _token: int, body: bytes) -> None:
        bodies.append(body)

    monkeypatch.setattr(node._traffic, "message", message)
    return bodies


@pytest.fixture
def a() -> Iterator[Node]:
    with Node.start("a", cookie=SECRET) as node:
        yield node


@pytest.fixture
def b(a: Node) -> Iterator[Node]:
    with Node.start("b", cookie=SECRET, join=a.address) as node:
        yield node


def opened(
    node: Node, handler: Recorder, name: str = "app", **params: str | int
) -> Channel:
    return node.open_channel(name, "group", params, handler)


def test_a_channel_is_up_when_both_ends_have_opened_it(
    a: Node, b: Node, eventually: Eventually
) -> None:
    here, there = Recorder(), Recorder()
    opened(a, here, shards=8)
    assert here.seen == []

    opened(b, there, shards=8)

    eventually(lambda: here.up and there.up)
    assert here.seen == [("accept", "b", {"shards": 8}), ("link_up", "b")]
    assert there.seen == [("accept", "a", {"shards": 8}), ("link_up", "a")]


def test_a_later_link_brings_the_channels_up(a: Node, eventually: Eventually) -> None:
    here, there = Recorder(), Recorder()
    opened(a, here)
    with Node.start("c", cookie=SECRET) as c:
        opened(c, there)
        c.join(a.address)
        eventually(lambda: here.up and there.up)


def test_frames_arrive_in_order(a: Node, b: Node, eventually: Eventually) -> None:
    here, there = Recorder(), Recorder()
    channel = opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    token = here.up["b"]

    for number in range(1000):
        channel.send(token, b"%d" % number)
        if number % 7 == 0:
            channel.flush([token])
    channel.flush([token])

    eventually(lambda: len(there.told("frame")) == 1000)
    assert there.frames == [b"%d" % n for n in range(1000)]


def test_many_threads_lose_no_frame(a: Node, b: Node, eventually: Eventually) -> None:
    here, there = Recorder(), Recorder()
    channel = opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    token = here.up["b"]

    def work(me: int) -> None:
        for number in range(500):
            channel.send(token, b"%d %d" % (me, number))
            channel.flush([token])

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    eventually(lambda: len(there.told("frame")) == 2000)
    for me in range(4):
        mine = [b for b in there.frames if b.startswith(b"%d " % me)]
        assert [int(body.split()[1]) for body in mine] == list(range(500))


def test_a_refused_channel_leaves_link_and_other_channels(
    a: Node, b: Node, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    words = "shards 8 here, 16 at b"
    opened(a, Recorder(refuse=words))
    opened(b, Recorder())
    here, there = Recorder(), Recorder()
    opened(a, here, "other")
    opened(b, there, "other")

    eventually(lambda: here.up and there.up and len(warnings(caplog)) == 2)

    assert all(words in line for line in warnings(caplog))
    assert a.ping("b", timeout=5) > 0


def test_a_closed_channel_is_down_at_the_peer_and_may_open_again(
    a: Node, b: Node, eventually: Eventually
) -> None:
    here, there = Recorder(), Recorder()
    channel = opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)

    channel.close()
    eventually(lambda: there.told("peer_down"))
    again = Recorder()
    opened(a, again)

    eventually(lambda: again.up and there.up)
    assert there.seen[2:4] == [("link_down", "a"), ("peer_down", "a", "group stopped")]


def test_a_stopped_node_is_down_for_its_channels_once(
    a: Node, eventually: Eventually
) -> None:
    here = Recorder()
    opened(a, here)
    with Node.start("c", cookie=SECRET, join=a.address) as c:
        opened(c, Recorder())
        eventually(lambda: here.up)

    eventually(lambda: here.told("peer_down"))
    assert here.seen[2:] == [("link_down", "c"), ("peer_down", "c", "stopped")]


def test_a_lost_link_comes_back_without_peer_down(
    a: Node, b: Node, eventually: Eventually
) -> None:
    here, there = Recorder(), Recorder()
    opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    first = here.up["b"]

    link = a._engine.link_to(b.id)
    assert link is not None
    link._raw.shutdown(2)

    eventually(lambda: here.up.get("b", first) != first and there.up)
    assert here.told("peer_down") == there.told("peer_down") == []


def test_a_message_waits_for_the_frames_before_it(
    a: Node, b: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Recorder(), Recorder(hold=True)
    channel = opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    bodies = deliveries(b, monkeypatch)

    channel.send(here.up["b"], b"op")
    a.send_message(b.id, b"first")
    a.send_message(b.id, b"second")
    eventually(lambda: len(there.waiting) == 2)
    there.hold = False
    a.send_message(b.id, b"third, which need not wait but for the others")
    assert bodies == []
    assert there.told("frame") == [("frame", b"op")]

    there.waiting[1]()
    assert a.ping("b", timeout=5) > 0
    assert bodies == []
    there.waiting[0]()
    eventually(lambda: len(bodies) == 3)
    assert bodies[:2] == [b"first", b"second"]


def test_a_large_message_arrives_whole_between_frames(
    a: Node, b: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Recorder(), Recorder()
    channel = opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    bodies = deliveries(b, monkeypatch)
    large = bytes(range(256)) * 40_000

    assert a.send_message(b.id, large)
    channel.send(here.up["b"], b"op")
    channel.flush([here.up["b"]])

    eventually(lambda: bodies == [large])
    eventually(lambda: there.told("frame"))


def test_a_full_link_says_so_and_asks_the_channel_when_it_has_drained(
    a: Node, b: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Recorder(), Recorder()
    channel = opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    bodies = deliveries(b, monkeypatch)
    token = here.up["b"]

    with frozen(b):
        sent = 0
        while channel.send(token, b"x" * 100_000):
            channel.flush([token])
            sent += 1
        a.send_message(b.id, b"after")

    eventually(lambda: here.full)
    eventually(lambda: len(there.told("frame")) == sent + 1)
    assert a.ping("b", timeout=5) > 0
    assert bodies == []
    here.full.pop()()
    eventually(lambda: bodies == [b"after"])


class Fussy(Recorder):
    """Raises what it was given at the first frame."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def frame(self, token: int, body: bytes) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            ProtocolError("a row in the wrong shard", reason="row"),
            "reason=row",
            id="peer's fault",
        ),
        pytest.param(
            RuntimeError("a bug of ours"),
            "reason=handler",
            id="our bug",
            marks=pytest.mark.crashes("link_handler_failed", by="a bug of ours"),
        ),
    ],
)
def test_a_frame_that_cannot_be_applied_ends_its_link_alone(
    a: Node,
    b: Node,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    words: str,
) -> None:
    here, there = Recorder(), Fussy(error)
    channel = opened(a, here)
    opened(b, there)
    with Node.start("c", cookie=SECRET, join=b.address) as c:
        eventually(lambda: here.up and there.up)
        c.wait_peers(2, 5)
        life = eventually(lambda: b._engine.link_to(c.id))

        channel.send(here.up["b"], b"poison")
        channel.flush([here.up["b"]])

        eventually(lambda: any(words in line for line in warnings(caplog)))
        eventually(lambda: a.linked_id("b") and b.linked_id("a"))
        assert b._engine.link_to(c.id) is life


def test_a_peer_that_keeps_sending_poison_is_kept_away(
    a: Node, b: Node, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = Recorder(), Fussy(ProtocolError("poison", reason="row"))
    channel = opened(a, here)
    opened(b, there)

    def poison() -> None:
        eventually(lambda: here.up)
        token = here.up["b"]
        channel.send(token, b"poison")
        channel.flush([token])
        eventually(lambda: here.up.get("b") != token)

    poison()
    poison()

    eventually(lambda: any("quarantined: node a" in w for w in warnings(caplog)))


def test_messages_that_wait_too_much_make_the_peer_wait(
    a: Node, b: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Recorder(), Recorder(hold=True)
    opened(a, here)
    opened(b, there)
    eventually(lambda: here.up and there.up)
    bodies = deliveries(b, monkeypatch)
    body = bytes(1 << 20)

    for _ in range(40):
        a.send_message(b.id, body, bounded=False)
    link = b._engine.link_to(a.id)
    assert link is not None
    eventually(lambda: link.paused)
    waiting = len(there.waiting)
    assert waiting < 40

    there.hold = False
    for done in there.waiting:
        done()
    eventually(lambda: len(bodies) == 40, 20)


def stranger_says(
    node: Node, *messages: control.Control, frame: bytes = b"", name: str = "stranger"
) -> None:
    """Link as a stranger, say something, and wait to be sent away."""
    stranger = Impostor(node, name=name).open()
    for message in messages:
        data = stranger.session.frame(Kind.CONTROL, control.encode(message))
        stranger.send(data)
    if frame:
        stranger.send(stranger.session.frame(Kind.CHANNEL, frame))
    stranger.end()


def test_a_peer_cannot_open_channels_without_end(
    a: Node, caplog: pytest.LogCaptureFixture
) -> None:
    offers = [control.Open(gid, f"n{gid}", "group", ()) for gid in range(1, 1030)]

    stranger_says(a, *offers)

    assert "more than 1024 channels" in warnings(caplog)[0]


def test_a_channel_opens_once_and_speaks_only_when_open(
    a: Node, caplog: pytest.LogCaptureFixture
) -> None:
    offer = control.Open(1, "app", "group", ())

    stranger_says(a, offer, offer, name="twice")
    stranger_says(a, frame=b"\0\0\0\7x", name="never")

    opened_twice, never_opened = warnings(caplog)
    assert "channel 1 opened twice" in opened_twice
    assert "frame of channel 7, not open" in never_opened


def test_a_channel_that_ends_holds_no_message_back(
    a: Node, b: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Recorder(), Recorder(hold=True)
    opened(a, here)
    silent = opened(b, there)
    eventually(lambda: here.up and there.up)
    bodies = deliveries(b, monkeypatch)
    a.send_message(b.id, b"held")
    eventually(lambda: there.waiting)
    assert bodies == []

    silent.close()

    eventually(lambda: bodies == [b"held"])


def test_a_peer_that_closes_its_channel_gets_the_messages_behind_it(
    a: Node, b: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Recorder(), Recorder()
    channel, other = opened(a, here), opened(b, there)
    eventually(lambda: here.up and there.up)
    bodies = deliveries(b, monkeypatch)
    with frozen(b):
        while channel.send(here.up["b"], bytes(100_000)):
            channel.flush([here.up["b"]])
        a.send_message(b.id, b"after")
    eventually(lambda: here.full)

    # It never says that it has sent what it held back.
    other.close()

    eventually(lambda: bodies == [b"after"])
