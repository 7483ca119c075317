"""Processes that stop and go on, and networks that swallow one direction."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from tests.conftest import Eventually
from tests.crashes import told
from tests.transport.strangers import SECRET
from transport import Node

QUICK = "heartbeat=0.1, lease=0.5, grace=0.2, handshake_timeout=1.0"
CHILD = f"""
import sys
from transport import Node
with Node.start("child", cookie={SECRET!r}, join=sys.argv[1], {QUICK}) as node:
    print("up", flush=True)
    sys.stdin.read()
"""


def quick(
    name: str, *, advertise: str | None = None, join: str | tuple[str, ...] = ()
) -> Node:
    return Node.start(
        name,
        cookie=SECRET,
        advertise=advertise,
        join=join,
        heartbeat=0.1,
        lease=0.5,
        grace=0.2,
        handshake_timeout=1.0,
    )


def port_of(node: Node) -> int:
    listener = node._engine._listener
    assert listener is not None
    return int(listener.getsockname()[1])


def state(node: Node, name: str) -> str:
    return next((peer.state for peer in node.peers() if peer.name == name), "unknown")


@contextmanager
def child(join: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, join],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        _, said = process.communicate()
        assert told(said) == []


@pytest.mark.slow
def test_a_stopped_process_is_lost_and_comes_back_by_itself(
    eventually: Eventually,
) -> None:
    with quick("a") as a, child(a.address) as process:
        eventually(lambda: state(a, "child") == "up")
        life = a.linked_id("child")

        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: state(a, "child") == "down", 10)
        os.kill(process.pid, signal.SIGCONT)

        eventually(lambda: a.linked_id("child") == life, 15)
        _, said = process.communicate("", timeout=10)
        assert told(said) == []
        assert "process_was_paused" in said
        assert "peers may have dropped us" in said


class Proxy:
    """Carries bytes between a caller and a node, until a direction is blocked."""

    def __init__(self) -> None:
        self.target = ("", 0)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.blocked = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            target = socket.create_connection(self.target)
            self._sockets += [caller, target]
            self._spawn(self._carry, caller, target, threading.Event())
            self._spawn(self._carry, target, caller, self.blocked)

    def _carry(
        self, source: socket.socket, sink: socket.socket, blocked: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not blocked.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)


@pytest.mark.slow
def test_when_one_direction_is_deaf_both_ends_give_the_link_up(
    eventually: Eventually,
) -> None:
    proxy = Proxy()
    # Each knows of the other only what leads through the proxy, or nowhere.
    with (
        closing(proxy),
        quick("a", advertise=proxy.address) as a,
    ):
        proxy.target = ("127.0.0.1", port_of(a))
        with quick("b", advertise="127.0.0.1:1", join=proxy.address) as b:
            eventually(lambda: state(a, "b") == state(b, "a") == "up")

            proxy.blocked.set()
            eventually(lambda: state(a, "b") != "up" and state(b, "a") != "up", 10)
            proxy.blocked.clear()

            eventually(lambda: state(a, "b") == state(b, "a") == "up", 30)
