"""dns:// addresses: what the name service says is dialled, and never ends a link."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Unpack

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET, warnings
from transport import Node, NodeOptions

NAME = "peers.test"
POLL = 0.05


class NameService:
    """What getaddrinfo says of one name; a test changes it. Others are asked for."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.error: Exception | None = None
        self.asked = 0
        self._answered = threading.Condition()
        self._real = socket.getaddrinfo

    def __call__(
        self, host: str, port: int, family: int = 0, type: int = 0, **more: int
    ) -> object:
        if host != NAME:
            return self._real(host, port, family, type, **more)
        with self._answered:
            self.asked += 1
            self._answered.notify_all()
        if self.error is not None:
            raise self.error
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.addresses
        ]

    def await_polls(self, count: int) -> None:
        with self._answered:
            end = self.asked + count
            assert self._answered.wait_for(lambda: self.asked >= end, 10)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameService:
    service = NameService()
    monkeypatch.setattr(socket, "getaddrinfo", service)
    return service


@pytest.fixture
def nodes() -> Iterator[Callable[..., Node]]:
    """Starts nodes that know one cookie, and stops them."""
    with ExitStack() as stack:

        def start(name: str | None, **options: Unpack[NodeOptions]) -> Node:
            given: NodeOptions = {"cookie": SECRET, "dns_interval": POLL, **options}
            return stack.enter_context(Node.start(name, **given))

        yield start


def port_of(node: Node) -> str:
    return node.address.rpartition(":")[2]


def up(node: Node) -> list[str]:
    return sorted(peer.name for peer in node.peers() if peer.state == "up")


def troubles(node: Node) -> list[str]:
    return [trouble.words for trouble in node.troubles()]


def test_every_address_of_a_name_is_dialled(
    names: NameService, nodes: Callable[..., Node], eventually: Eventually
) -> None:
    a = nodes("a")
    b = nodes("b", listen=f"127.0.0.2:{port_of(a)}")
    names.addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]

    c = nodes("c", join=f"dns://{NAME}:{port_of(a)}")

    eventually(lambda: up(c) == ["a", "b"])
    # A moment later, when what the mesh has decided is carried out.
    eventually(lambda: c.linked_id("b") == b.id)


def test_addresses_of_both_kinds_are_dialled(
    names: NameService, nodes: Callable[..., Node], eventually: Eventually
) -> None:
    a = nodes("a")
    try:
        nodes("six", listen=f"[::1]:{port_of(a)}")
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    names.addresses = ["127.0.0.1", "::1"]

    c = nodes("c", join=f"dns://{NAME}:{port_of(a)}")

    eventually(lambda: up(c) == ["a", "six"])


def test_an_address_that_comes_later_is_found(
    names: NameService, nodes: Callable[..., Node], eventually: Eventually
) -> None:
    a = nodes("a")
    c = nodes("c", join=f"dns://{NAME}:{port_of(a)}")
    names.await_polls(2)
    assert up(c) == []

    names.addresses = ["127.0.0.1"]

    eventually(lambda: up(c) == ["a"])
    assert troubles(c) == []


@pytest.mark.slow
def test_a_node_without_links_looks_again_soon(
    names: NameService, nodes: Callable[..., Node], eventually: Eventually
) -> None:
    a = nodes("a")
    c = nodes("c", join=f"dns://{NAME}:{port_of(a)}", dns_interval=60.0)
    names.await_polls(2 - names.asked)

    names.addresses = ["127.0.0.1"]

    eventually(lambda: up(c) == ["a"], 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "it has no address"),
        (socket.gaierror(socket.EAI_AGAIN, "Try again"), "try again"),
        (OSError(24, "Too many open files"), "too many open files"),
        (UnicodeError("label too long"), "not a legal host name"),
    ],
    ids=["empty", "failed", "no file", "not a name"],
)
def test_a_lookup_that_gives_nothing_ends_no_link(
    names: NameService,
    nodes: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    error: Exception | None,
    reason: str,
) -> None:
    a = nodes("a")
    names.addresses = ["127.0.0.1"]
    address = f"dns://{NAME}:{port_of(a)}"
    c = nodes("c", join=address)
    link = eventually(lambda: c._engine.link_to(a.id))

    names.addresses, names.error = [], error
    names.await_polls(4)

    said = f"cannot look up {address}: {reason} (will keep trying; links stay as"
    assert c._engine.link_to(a.id) is link
    assert [line for line in warnings(caplog) if said in line] == warnings(caplog)
    assert len(warnings(caplog)) == 1
    assert [words.startswith(said) for words in troubles(c)] == [True]

    names.addresses, names.error = ["127.0.0.1"], None
    eventually(lambda: troubles(c) == [])
    assert c._engine.link_to(a.id) is link


def test_an_address_that_is_no_longer_named_keeps_its_link(
    names: NameService, nodes: Callable[..., Node], eventually: Eventually
) -> None:
    a = nodes("a")
    b = nodes("b", listen=f"127.0.0.2:{port_of(a)}")
    names.addresses = ["127.0.0.1", "127.0.0.2"]
    c = nodes("c", join=f"dns://{NAME}:{port_of(a)}")
    eventually(lambda: up(c) == ["a", "b"])
    link = eventually(lambda: c._engine.link_to(b.id))

    names.addresses = ["127.0.0.1"]
    names.await_polls(4)

    assert c._engine.link_to(b.id) is link


def test_oneself_among_the_addresses_is_nothing(
    names: NameService,
    nodes: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    names.addresses = ["127.0.0.1", "127.0.0.2"]
    a = nodes("a", listen="127.0.0.1:0")
    b = nodes("b", listen=f"127.0.0.2:{port_of(a)}")

    for node in (a, b):
        node.join(f"dns://{NAME}:{port_of(a)}")

    eventually(lambda: up(a) == ["b"] and up(b) == ["a"])
    names.await_polls(4)
    assert warnings(caplog) == []
    assert troubles(a) == troubles(b) == []


def test_an_address_that_cannot_be_joined_is_said_with_its_name(
    names: NameService,
    nodes: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    a = nodes("a")
    names.addresses = ["127.0.0.1", "127.0.0.9"]
    address = f"dns://{NAME}:{port_of(a)}"

    c = nodes("c", join=address)

    said = f"cannot join 127.0.0.9:{port_of(a)} (found by {address}): connection re"
    eventually(lambda: [words.startswith(said) for words in troubles(c)] == [True])
    assert [said in line for line in warnings(caplog)] == [True]

    names.addresses = ["127.0.0.1"]
    eventually(lambda: troubles(c) == [])
    assert up(c) == ["a"]


@pytest.mark.slow
def test_a_name_that_is_asked_for_twice_is_looked_up_as_often_as_before(
    names: NameService, nodes: Callable[..., Node]
) -> None:
    c = nodes("c", dns_interval=0.3)
    for _ in range(5):
        c.join(f"dns://{NAME}:1")
    names.await_polls(5 - names.asked)
    began = time.monotonic()

    names.await_polls(2)

    # Two intervals lie between three looks; five that take turns would be quicker.
    assert time.monotonic() - began > 0.45


def test_addresses_come_from_the_environment(
    names: NameService,
    nodes: Callable[..., Node],
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names.addresses = ["127.0.0.2"]
    a = nodes("a")
    b = nodes("b", listen=f"127.0.0.2:{port_of(a)}")
    monkeypatch.setenv("GROUP_JOIN", f"{a.address}, dns://{NAME}:{port_of(b)}")
    monkeypatch.setenv("GROUP_NODE", "from-outside")

    c = nodes(None)

    eventually(lambda: up(c) == ["a", "b"])
    assert c.name == "from-outside"
