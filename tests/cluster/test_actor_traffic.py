"""Actors of two nodes over real sockets: much at once, stopped peers, killed peers."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import actors
from actors import Actor, AnyRef, Down, NodeDown, mailbox, monitor
from tests.crashes import told
from tests.waiting import eventually
from transport import (
    LinkFullError,
    Node,
    NodeDownError,
    RemoteActorRef,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

COOKIE = "only for tests, at least 32 bytes long"
PEER = Path(__file__).parent / "peer.py"


Answer = actors.Future[Any]


class Counter(Actor):
    """Knows the number that must come next."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.last = -1
        self.disorder: list[object] = []

    def on_receive(self, message: object) -> None:
        if not isinstance(message, int) or message <= self.last:
            self.disorder.append(message)
        else:
            self.last = message
        self.count += 1


class Source(Actor):
    """Tells an actor numbers, one by one."""

    def send(self, ref: RemoteActorRef, numbers: int, ask_every: int) -> None:
        proxy = ref.proxy()
        for i in range(numbers):
            ref.tell(i)
            if ask_every and i % ask_every == ask_every - 1:
                assert proxy.count.get(timeout=20) == i + 1


def count_of(ref: AnyRef) -> int:
    try:
        count: int = ref.proxy().count.get(timeout=20)
    except LinkFullError:
        return 0
    return count


@contextmanager
def two_nodes(queue_bytes: int = 16 << 20) -> Iterator[tuple[Node, Node]]:
    with (
        Node.start("a", cookie=COOKIE) as a,
        Node.start("b", join=a.address, cookie=COOKIE, queue_bytes=queue_bytes) as b,
    ):
        b.wait_peers(1, timeout=10)
        yield a, b


@contextmanager
def running(*classes: type[Actor]) -> Iterator[list[Any]]:
    refs = [cls.start() for cls in classes]
    try:
        yield refs
    finally:
        for ref in refs:
            ref.stop(block=False)


def test_200_000_messages_arrive_once_each_and_in_order() -> None:
    with two_nodes() as (a, b), running(Counter, Source) as (counter, source):
        far = b.ref(a.id, a.adopt(counter), "Counter")

        source.proxy().send(far, 200_000, ask_every=1000).get(timeout=50)

        assert counter.proxy().count.get(timeout=5) == 200_000
        assert counter.proxy().last.get(timeout=5) == 199_999
        assert counter.proxy().disorder.get(timeout=5) == []
        assert b._traffic.dropped == 0


def test_without_asks_what_is_missing_is_what_was_counted_as_dropped() -> None:
    with (
        two_nodes(queue_bytes=20_000) as (a, b),
        running(Counter, Source) as (counter, source),
    ):
        far = b.ref(a.id, a.adopt(counter), "Counter")
        numbers = 200_000

        source.proxy().send(far, numbers, ask_every=0).get(timeout=50)
        dropped = b._traffic.dropped
        arrived = eventually(lambda: count_of(far), timeout=20, what="an answer")

        print(f"dropped {dropped} of {numbers}")
        assert dropped > 0
        assert arrived + dropped == numbers
        assert counter.proxy().disorder.get(timeout=5) == []


@contextmanager
def peer_process(
    node: Node, name: str, lease: float = 5.0
) -> Iterator[subprocess.Popen[str]]:
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, str(PEER), name, node.address, str(lease)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "GROUP_COOKIE": COOKIE},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            node.wait_peers(1, timeout=10)
            yield process
        finally:
            process.kill()
            process.wait()
            errors.seek(0)
            print(said := errors.read())
            assert told(said) == []


def test_a_peer_that_stops_reading_never_blocks_a_sender() -> None:
    with (
        Node.start("a", cookie=COOKIE, lease=20.0, queue_bytes=1 << 20) as a,
        peer_process(a, "stopped", lease=20.0) as process,
    ):
        target = a.actor("stopped", "target")
        assert target.ask("hello", timeout=10) == "hello"
        os.kill(process.pid, signal.SIGSTOP)

        took = []
        for _ in range(2000):
            began = time.monotonic()
            target.tell(bytes(10_000))
            took.append(time.monotonic() - began)
        began = time.monotonic()
        with pytest.raises(LinkFullError):
            target.ask(bytes(10_000), timeout=10)

        *most, longest = sorted(took)
        print(f"longest tell took {longest * 1000:.1f} ms")
        # Some may be held up by the machine; none waits for the lease.
        assert most[-20] < 0.5
        assert longest < 5
        assert time.monotonic() - began < 5
        assert a._traffic.dropped > 0
        os.kill(process.pid, signal.SIGCONT)
        eventually(lambda: answers(target), timeout=20, what="an answer again")


def answers(target: RemoteActorRef) -> bool:
    try:
        return bool(target.ask("again", timeout=10) == "again")
    except LinkFullError:
        return False


def test_10_000_asks_racing_the_death_of_a_node_all_end() -> None:
    with Node.start("a", cookie=COOKIE) as a, peer_process(a, "killed") as process:
        target = a.actor("killed", "target")
        assert target.ask("hello", timeout=10) == "hello"
        futures: list[list[Any]] = [[] for _ in range(4)]
        askers = [
            threading.Thread(
                target=lambda mine: mine.extend(
                    target.ask(i, block=False) for i in range(2500)
                ),
                args=(mine,),
            )
            for mine in futures
        ]
        for asker in askers:
            asker.start()
        eventually(lambda: sum(len(mine) for mine in futures) > 2000)
        process.kill()
        for asker in askers:
            asker.join(30)

        began = time.monotonic()
        ends = [end_of(future) for mine in futures for future in mine]

        print({end: ends.count(end) for end in set(ends)})
        assert len(ends) == 10_000
        assert set(ends) <= {"answered", "lost"}
        assert "lost" in ends
        assert a._traffic.waiting == 0
        assert time.monotonic() - began < 15
        with pytest.raises(NodeDownError):
            target.ask("anybody?")
        with pytest.raises(actors.ActorDeadError):
            target.tell("anybody?")


def end_of(future: Answer) -> str:
    try:
        future.get(timeout=10)
    except NodeDownError:
        return "lost"
    return "answered"


def test_a_killed_process_is_a_death_for_its_monitors() -> None:
    with (
        Node.start("a", cookie=COOKIE) as a,
        peer_process(a, "killed") as process,
        mailbox() as me,
    ):
        target = a.actor("killed", "target")
        watches = {monitor(target) for _ in range(100)}
        assert target.ask("hello", timeout=10) == "hello"

        process.kill()

        heard = [me.receive(timeout=20) for _ in watches]
        assert {down.monitor for down in heard} == watches
        assert all(isinstance(down, Down) for down in heard)
        assert {type(down.reason) for down in heard} == {NodeDown}
        assert {down.reason.node for down in heard} == {"killed"}


CHAT = """
    import sys
    from dataclasses import dataclass

    from actors import Actor, mailbox, register_name
    from transport import Node


    @dataclass(frozen=True)
    class Join:
        name: str
        ref: object


    @dataclass(frozen=True)
    class Welcome:
        text: str


    class Room(Actor):
        def on_receive(self, message):
            match message:
                case Join(name, ref):
                    ref.tell(Welcome(f"welcome {name}"))
                    return Welcome("joined")
                case _:
                    return f"not matched: {message!r}"


    def serve():
        with Node.start("server") as node:
            room = Room.start()
            register_name("room", room)
            print(node.address, flush=True)
            sys.stdin.read()


    def talk(name, address):
        with Node.start(name, join=address) as node, mailbox() as me:
            node.wait_peers(1, timeout=10)
            match node.actor("server", "room").ask(Join(name, me.ref), timeout=10):
                case Welcome(text):
                    print(text, flush=True)
                case other:
                    print(other, flush=True)
            match me.receive(timeout=10):
                case Welcome(text):
                    print(text, flush=True)


    if __name__ == "__main__":
        if sys.argv[1] == "serve":
            serve()
        else:
            talk(*sys.argv[1:])
"""


def test_the_same_script_in_three_terminals_understands_itself(tmp_path: Path) -> None:
    chat = tmp_path / "chat.py"
    chat.write_text(textwrap.dedent(CHAT))
    env = {**os.environ, "GROUP_COOKIE": COOKIE}
    with subprocess.Popen(
        [sys.executable, str(chat), "serve"],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env=env,
    ) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()

        for name in ("ann", "bob"):
            talked = subprocess.run(
                [sys.executable, str(chat), name, address],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
                env=env,
            )
            assert talked.stdout.splitlines() == ["joined", f"welcome {name}"], talked
        server.kill()
