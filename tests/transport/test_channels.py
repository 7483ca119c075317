"""Channels over real links."""

import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET, frozen, warnings
from transport import Channel, Node, NodeId


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
        assert channel.send(token, b"%d" % number)
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
    token, go_on = here.up["b"], frozen(b)

    sent = 0
    while channel.send(token, b"x" * 100_000):
        channel.flush([token])
        sent += 1
    a.send_message(b.id, b"after")
    go_on.set()

    eventually(lambda: here.full)
    eventually(lambda: len(there.told("frame")) == sent + 1)
    assert a.ping("b", timeout=5) > 0
    assert bodies == []
    here.full.pop()()
    eventually(lambda: bodies == [b"after"])
