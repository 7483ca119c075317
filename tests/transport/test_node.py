"""Nodes on real sockets of this machine."""

import asyncio
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from actors import Timeout, exit, kill, mailbox
from tests.conftest import Eventually
from tests.transport.strangers import READY, SECRET, Impostor, frozen, warnings
from transport import (
    ConfigError,
    ForkError,
    JoinTimeoutError,
    ListenError,
    Node,
    NodeDownError,
    NodeId,
    NodeLost,
    NodeNameInUseError,
    NodeUp,
)
from transport._core import control, effects
from transport._core.frames import Kind
from transport._links.exchange import Exchange


@pytest.fixture
def a() -> Iterator[Node]:
    with Node.start("a", cookie=SECRET) as node:
        yield node


def names(node: Node, state: str = "up") -> list[str]:
    return sorted(peer.name for peer in node.peers() if peer.state == state)


def test_a_node_that_joined_is_linked_when_start_returns(a: Node) -> None:
    with Node.start("b", cookie=SECRET, join=[a.address]) as b:
        assert names(b) == ["a"]
        assert b.linked_id("a") == a.id


def test_nodes_learn_of_each_other_from_a_common_peer(
    a: Node, eventually: Eventually
) -> None:
    with (
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Node.start("c", cookie=SECRET, join=a.address) as c,
    ):
        eventually(lambda: names(b) == ["a", "c"] and names(c) == ["a", "b"])


def test_a_start_returns_when_all_that_its_seed_knows_are_linked(a: Node) -> None:
    with (
        Node.start("b", cookie=SECRET, join=a.address),
        Node.start("c", cookie=SECRET, join=a.address),
    ):
        for _ in range(5):
            with Node.start("late", cookie=SECRET, join=a.address) as late:
                assert names(late) == ["a", "b", "c"]


def test_a_start_waits_for_what_its_seed_has_to_tell(
    a: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = Exchange._carry_out

    def slowly(self: Exchange, effect: effects.Effect) -> None:
        if self.me == a.id and isinstance(effect, effects.SendPeers):
            time.sleep(0.1)
        carry_out(self, effect)

    with Node.start("b", cookie=SECRET, join=a.address):
        monkeypatch.setattr(Exchange, "_carry_out", slowly)
        with Node.start("late", cookie=SECRET, join=a.address) as late:
            assert names(late) == ["a", "b"]


def test_a_start_does_not_wait_long_for_a_silent_one_that_its_seed_knows(
    a: Node,
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b, frozen(b):
        began = time.monotonic()
        with Node.start("late", cookie=SECRET, join=a.address) as late:
            took = time.monotonic() - began
            assert "a" in names(late)
    assert took < 5, f"it took {took:.1f} s, at most 1 s was to be waited"


def test_all_nodes_may_dial_each_other_at_once(eventually: Eventually) -> None:
    crowd = [Node.start(f"n{i}", cookie=SECRET) for i in range(5)]
    try:
        for node in crowd:
            for other in crowd:
                node.join(other.address)
        eventually(lambda: all(len(names(node)) == 4 for node in crowd), 10)
    finally:
        for node in crowd:
            node.stop()


def test_a_peer_is_described(a: Node, eventually: Eventually) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        (peer,) = b.peers()
        eventually(lambda: b.peers()[0].rtt is not None)

        assert (peer.name, peer.address, peer.state) == ("a", a.address, "up")
        assert abs(peer.since - time.time()) < 5
        assert peer.version


def test_ping_measures_a_round_trip(a: Node) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        assert 0 < b.ping("a", timeout=5) < 5
        with pytest.raises(NodeDownError, match="nobody"):
            b.ping("nobody")


def test_a_stopped_node_is_down_at_once(a: Node, eventually: Eventually) -> None:
    b = Node.start("b", cookie=SECRET, join=a.address)
    a.wait_peers(1, 5)
    b.stop()
    eventually(lambda: names(a, "down") == ["b"])


def test_an_actor_hears_of_nodes(a: Node) -> None:
    with mailbox() as me:
        a.monitor_nodes()
        with Node.start("b", cookie=SECRET, join=a.address) as b:
            assert me.receive(timeout=5) == NodeUp(b.id)
        assert me.receive(timeout=5) == NodeLost(b.id, "stopped")


def test_who_hears_of_a_node_can_speak_to_it_at_once(
    a: Node, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    linked: list[NodeId | None] = []

    def hear(_ref: object, message: object) -> None:
        assert isinstance(message, NodeUp)
        linked.append(a.linked_id(message.node.name))

    # On the I/O thread, before anything else happens there.
    monkeypatch.setattr("transport._watchers.deliver", hear)
    with mailbox():
        a.monitor_nodes()
        b = Node.start("b", cookie=SECRET, join=a.address)
        try:
            eventually(lambda: linked)
        finally:
            monkeypatch.undo()
            b.stop()

    assert linked == [b.id]


def test_stop_ends_all_threads_and_may_be_called_twice(eventually: Eventually) -> None:
    before = set(threading.enumerate())
    node = Node.start("x", cookie=SECRET)
    node.stop()
    node.stop()

    def left() -> list[threading.Thread]:
        found = set(threading.enumerate()) - before
        return [t for t in found if t.name.startswith(("LinkIO", "Discovery"))]

    # An actor is dead a moment before its thread is gone.
    eventually(lambda: not left())


def test_two_nodes_without_a_cookie_share_the_users_file() -> None:
    with Node.start("one") as one, Node.start("two", join=one.address) as two:
        assert names(two) == ["one"]


def test_a_live_name_is_refused(a: Node) -> None:
    with (
        Node.start("twin", cookie=SECRET, join=a.address),
        pytest.raises(NodeNameInUseError, match="a live node named 'twin'"),
    ):
        Node.start("twin", cookie=SECRET, join=a.address)


def test_a_stopped_name_is_free(a: Node) -> None:
    for _ in range(3):
        with Node.start("again", cookie=SECRET, join=a.address) as again:
            assert names(again) == ["a"]


def test_nobody_there_is_no_error_unless_peers_are_required(
    caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"

        with Node.start("lonely", cookie=SECRET, join=address):
            eventually(lambda: warnings(caplog))
        with pytest.raises(JoinTimeoutError, match=r"no peer reached in 1 s") as no:
            Node.start(
                "strict",
                cookie=SECRET,
                join=address,
                require_peers=1,
                join_timeout=1.0,
            )

    assert f"{address} connection refused" in str(no.value)
    line = warnings(caplog)[0]
    assert f"cannot join {address}: connection refused" in line
    assert f"groupctl start --listen {address} (will keep trying)" in line


def test_a_peer_that_comes_later_is_found(eventually: Eventually) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with (
        Node.start("early", cookie=SECRET, join=address) as early,
        Node.start("late", cookie=SECRET, listen=address) as late,
    ):
        # The end that was dialled is up a moment later.
        eventually(lambda: names(early) == ["late"] and names(late) == ["early"], 10)


def test_joining_oneself_is_nothing(a: Node, caplog: pytest.LogCaptureFixture) -> None:
    port = a.address.rpartition(":")[2]
    with Node.start("solo", cookie=SECRET, listen="127.0.0.1:0") as solo:
        solo.join(f"localhost:{solo.address.rpartition(':')[2]}")
        solo.join(solo.address)
        solo.join(f"localhost:{port}")
        solo.wait_peers(1, 5)

        assert names(solo) == ["a"]
    assert warnings(caplog) == []


@pytest.mark.parametrize("given", [{}, {"options": "a"}, {"cookie": SECRET}])
def test_a_node_is_made_by_start_alone(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"use Node\.start\(name"):
        Node(**given)


def test_a_name_with_spaces_is_one_word_of_a_line(
    caplog: pytest.LogCaptureFixture, a: Node, eventually: Eventually
) -> None:
    caplog.set_level(logging.INFO, "transport")
    line = r'node_up node=a peer="the \"b\" node"'

    with Node.start('the "b" node', cookie=SECRET, join=a.address):
        eventually(lambda: line in caplog.messages)

    assert shlex.split(line) == ["node_up", "node=a", 'peer=the "b" node']


def test_a_port_in_use_is_named(a: Node) -> None:
    with pytest.raises(ListenError, match="is already in use"):
        Node.start("b", cookie=SECRET, listen=a.address)


@pytest.mark.slow
def test_a_join_that_fails_for_the_cookie_says_what_helps(a: Node) -> None:
    with pytest.raises(JoinTimeoutError) as caught:
        Node.start(
            "b", cookie="o" * 32, join=a.address, require_peers=1, join_timeout=1.0
        )

    words = "authentication failed: cookie differs (ours from the program). Give both"
    assert f"{a.address} {words}" in str(caught.value)


def test_other_lease_is_a_config_error_at_the_peer(
    a: Node, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address, lease=9.0):
        eventually(lambda: len(warnings(caplog)) == 2)

    words = "REJECT config: lease= differs: 9 s on b, 5 s on a. Give both nodes the"
    assert all(words in line for line in warnings(caplog))


def test_another_cluster_is_refused_with_words(
    a: Node, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address, cluster_id="prod"):
        eventually(lambda: len(warnings(caplog)) == 2)

    at_a, at_b = (
        next(line for line in warnings(caplog) if f"node={name} " in line)
        for name in "ab"
    )
    assert "cluster: peer 'prod', here 'default'. Give both nodes the same" in at_a
    assert "cluster: peer 'default', here 'prod'. Give both nodes the same" in at_b


def test_a_hidden_node_is_known_to_its_peer_alone(
    a: Node, eventually: Eventually
) -> None:
    with (
        Node.start("b", cookie=SECRET, join=a.address) as b,
        Node.start("h", cookie=SECRET, join=a.address, hidden=True) as h,
    ):
        assert names(h) == ["a"]
        eventually(lambda: names(a) == ["b"])
        assert names(b) == ["a"]
        assert h.ping("a", timeout=5) > 0


def test_a_hidden_node_is_not_counted_and_leaves_no_trace(
    a: Node, eventually: Eventually
) -> None:
    with mailbox() as me, Node.start("b", cookie=SECRET) as b:
        a.monitor_nodes()
        b.join(a.address)
        assert me.receive(timeout=5) == NodeUp(b.id)
        for _ in range(3):
            with Node.start("h", cookie=SECRET, join=a.address, hidden=True) as h:
                eventually(lambda: a.linked_id("h"))
                with pytest.raises(JoinTimeoutError, match="1 of 2 peers"):
                    a.wait_peers(2, 0.01)
                assert h.linked_id("a") == a.id
        mesh = a._engine._exchange._mesh

        eventually(lambda: [peer.node.name for peer in mesh.peers()] == ["b"])
        assert list(mesh._routes._routes) == [b.address]
        assert [node.name for node in a._progress.causes] == []
        with pytest.raises(Timeout):
            me.receive(timeout=0)


@pytest.mark.parametrize("lease", [0.5, 30.0])
def test_a_hidden_node_need_not_know_the_lease(
    eventually: Eventually, lease: float
) -> None:
    with (
        Node.start("a", cookie=SECRET, heartbeat=lease / 5, lease=lease) as a,
        Node.start("h", cookie=SECRET, join=a.address, hidden=True) as h,
    ):
        eventually(lambda: a.linked_id("h"))
        links = [node._engine.link_to(other.id) for node, other in ((a, h), (h, a))]
        longest = [peer.lease for n in (a, h) for peer in n._engine._exchange.peers()]

        assert None not in links
        assert longest == [max(lease, 5.0)] * 2


def test_insecure_nodes_link_with_each_other_only(
    a: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Node.start("i", insecure=True, join=a.address) as i,
        Node.start("j", insecure=True, join=i.address) as j,
    ):
        assert names(j) == ["i"]
        assert names(a) == []
    assert any("mode" in line for line in warnings(caplog))


def test_disconnect_ends_a_link_without_a_redial(
    a: Node, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        b.disconnect("a")
        eventually(lambda: names(b, "down") == ["a"] and names(a, "down") == ["b"])


def test_a_silent_peer_is_lost_after_lease_and_grace(eventually: Eventually) -> None:
    def quick(name: str, *join: str) -> Node:
        return Node.start(
            name, cookie=SECRET, join=join, heartbeat=0.1, lease=0.5, grace=0.2
        )

    with quick("q") as q:
        r = quick("r", q.address)
        q.wait_peers(1, 5)
        # r's I/O thread stands still, its sockets stay open.
        with frozen(r):
            eventually(lambda: names(q, "down") == ["r"], 10)
            assert "no sign of life for 0.5 s" in q.down_cause(r.id)
        eventually(lambda: names(q) == ["r"], 10)
        r.stop()


@pytest.mark.crashes("LinkIO", by="poison")
def test_when_the_io_thread_dies_its_successor_links_again(
    a: Node, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        before = b.linked_id("a")
        first = b._engine.link_to(before)

        def poison() -> None:
            raise RuntimeError("poison")

        b._engine._loop.call(poison)
        eventually(lambda: b._engine.link_to(a.id) not in (None, first))
        eventually(lambda: b.linked_id("a"))

        assert b.ping("a", timeout=5) > 0


@pytest.mark.crashes("LinkIO", by="killed")
def test_an_io_thread_that_is_killed_leaves_the_links_to_its_successor(
    a: Node, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        first = b._engine.link_to(b.linked_id("a"))
        supervisor, threads = b._engine._supervisor, list[threading.Thread]()
        assert supervisor is not None
        b._engine._loop.call(lambda: threads.append(threading.current_thread()))
        eventually(lambda: threads)

        (io,) = [c.ref for c in supervisor.which_children() if c.id == "link I/O"]
        assert io is not None
        kill(io)

        eventually(lambda: not threads[0].is_alive())
        eventually(lambda: b._engine.link_to(a.id) not in (None, first))
        eventually(lambda: b.linked_id("a"))
        assert b.ping("a", timeout=5) > 0


def test_a_peer_that_reads_nothing_blocks_no_sender(a: Node) -> None:
    with Node.start("b", cookie=SECRET, join=a.address, queue_bytes=1 << 20) as b:
        body = b"\x00" * 60_000
        with frozen(a):
            began = time.monotonic()

            sent = [b.send_message(a.id, body) for _ in range(2000)]

            took = time.monotonic() - began
            queued = b.peers()[0].queued
    assert took < 5
    assert not all(sent)
    assert queued <= (1 << 20) + len(body)


def test_start_refuses_to_block_an_event_loop() -> None:
    async def within() -> None:
        Node.start("x", cookie=SECRET)

    with pytest.raises(RuntimeError, match=r"asyncio\.to_thread"):
        asyncio.run(within())


def test_an_unknown_option_is_named_with_a_guess() -> None:
    start: Callable[..., Node] = Node.start

    with pytest.raises(ConfigError, match="'heartbeet'; did you mean 'heartbeat'"):
        start("x", heartbeet=1.0)


def test_a_forked_child_closes_its_copies_of_the_sockets(a: Node) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                b.peers()
                said = "no error"
            except ForkError as error:
                said = str(error)
            left = [os.readlink(f"/proc/self/fd/{f}") for f in _fds()]
            count = sum(link.startswith("socket:") for link in left)
            os.write(into, f"{count} {said}".encode())
            os._exit(0)
        os.close(into)
        with open(out, encoding="utf-8") as pipe:
            sockets, _, said = pipe.read().partition(" ")
        os.waitpid(child, 0)

        assert int(sockets) == 0
        assert "was started by the parent" in said
        assert b.ping("a", timeout=5) > 0
        assert a.ping("b", timeout=5) > 0


def _fds() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        found.append(name)
    return found


def test_a_killed_process_is_down_in_a_moment(a: Node, eventually: Eventually) -> None:
    script = (
        "import sys, time\nfrom transport import Node\n"
        f"node = Node.start('k', cookie={SECRET!r}, join={a.address!r})\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        a.wait_peers(1, 15)
        os.kill(process.pid, signal.SIGKILL)
        began = time.monotonic()
        eventually(lambda: names(a, "down") == ["k"])
        assert time.monotonic() - began < 2.5
    finally:
        process.kill()
        process.wait()


def test_a_name_is_looked_up_before_it_is_dialled(a: Node) -> None:
    port = a.address.rpartition(":")[2]
    with Node.start("b", cookie=SECRET, join=f"localhost:{port}") as b:
        assert names(b) == ["a"]


def test_all_addresses_of_a_dns_name_are_dialled(
    a: Node, eventually: Eventually
) -> None:
    port = a.address.rpartition(":")[2]
    with Node.start("b", cookie=SECRET, join=f"dns://localhost:{port}") as b:
        eventually(lambda: names(b) == ["a"])
    with Node.start("c", cookie=SECRET) as c:
        c.join(f"dns://localhost:{port}")
        eventually(lambda: names(c) == ["a"])


def test_a_name_that_nobody_knows_is_said_and_tried_again(
    caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET) as b:
        b.join("nowhere.invalid:1")
        b.join("dns://nowhere.invalid:1")
        eventually(lambda: len(warnings(caplog)) >= 2, 20)

    assert any("cannot join nowhere.invalid:1" in line for line in warnings(caplog))
    assert any(line.startswith("name_not_resolved") for line in warnings(caplog))


@pytest.mark.crashes("Discovery", by="killed by a test")
def test_a_lost_lookup_is_tried_again(a: Node, eventually: Eventually) -> None:
    with Node.start("b", cookie=SECRET) as b:
        asked = threading.Event()
        b._engine._doors.resolve = lambda _address: asked.set()
        b.join(f"localhost:{a.address.rpartition(':')[2]}")
        assert asked.wait(5)

        assert b._engine._supervisor is not None
        rows = b._engine._supervisor.which_children()
        discovery = next(row.ref for row in rows if row.id == "discovery")
        assert discovery is not None
        exit(discovery, "killed by a test")

        eventually(lambda: names(b) == ["a"], 10)


def test_dropped_messages_are_said_once(
    a: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Node.start("b", cookie=SECRET, join=a.address, queue_bytes=1000) as b,
        frozen(a),
    ):
        while b.send_message(a.id, bytes(100_000)):
            pass
        for _ in range(10):
            assert not b.send_message(a.id, bytes(100_000))

    (line,) = [w for w in warnings(caplog) if w.startswith("messages_dropped")]
    assert "peer=a" in line


def test_a_message_to_a_link_that_has_just_closed_is_not_called_too_much(
    a: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        link = b._engine.link_to(a.id)
        assert link is not None
        with frozen(b):
            link.outbox.close()

            assert not b.send_message(a.id, b"x")
    assert [line for line in warnings(caplog) if "messages_dropped" in line] == []


def test_without_a_file_descriptor_a_node_waits_and_links_live_on(
    a: Node, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        real = a._engine._doors._listener
        assert real is not None
        error = OSError(24, "Too many open files")
        a._engine._loop.call(partial(a._engine._doors._pause_accepting, real, error))
        with Node.start("c", cookie=SECRET, join=a.address) as c:
            eventually(lambda: names(c) == ["a", "b"])
            assert b.ping("a", timeout=5) > 0

    assert [line for line in warnings(caplog) if "too many open files" in line]


@pytest.mark.parametrize(("ahead", "words"), [(73, "ahead"), (-73, "behind")])
def test_a_clock_that_differs_is_said(
    a: Node,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
    ahead: int,
    words: str,
) -> None:
    stranger = Impostor(a, ready=structs.replace(READY, heartbeat_ms=1)).open()

    def said() -> list[str]:
        wrong = control.Beat(int(time.time() + ahead) * 1000)
        stranger.send(stranger.session.frame(Kind.CONTROL, control.encode(wrong)))
        return warnings(caplog)

    with stranger.sock:
        (line,) = eventually(said)
    assert "clock of stranger is 7" in line
    assert f"s {words}; conflicts with stranger will be biased" in line
