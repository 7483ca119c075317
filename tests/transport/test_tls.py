"""TLS links. The certificates in `certs/` were made once, for the year 2126.

All are of one authority, but "foreign", which another has signed for the name b.
"expired" ended before it began.
"""

import hashlib
import os
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET, call, read_to_end, warnings, where
from transport import TLS, ConfigError, Node

CERTS = Path(__file__).parent / "certs"


def files(name: str, *, key: str | None = None) -> TLS:
    return TLS(
        ca=CERTS / "ca.pem",
        cert=CERTS / f"{name}.pem",
        key=CERTS / f"{key or name}.key",
    )


def up(node: Node) -> list[str]:
    return sorted(peer.name for peer in node.peers() if peer.state == "up")


@pytest.fixture
def a() -> Iterator[Node]:
    with Node.start("a", cookie=SECRET, tls=files("a"), handshake_timeout=1.0) as node:
        yield node


def test_nodes_of_one_authority_link(a: Node) -> None:
    with Node.start("b", cookie=SECRET, tls=files("b"), join=a.address) as b:
        assert up(b) == ["a"]
        assert b.ping("a", timeout=5) > 0


def test_the_proof_covers_both_certificates(a: Node, eventually: Eventually) -> None:
    prints = tuple(
        hashlib.sha256(
            ssl.PEM_cert_to_DER_cert((CERTS / f"{name}.pem").read_text("ascii"))
        ).digest()
        for name in ("b", "a")
    )
    with Node.start("b", cookie=SECRET, tls=files("b"), join=a.address) as b:
        for node, peer in ((a, b), (b, a)):
            # The end that was dialled is up a moment later.
            link = eventually(partial(node._engine.link_to, peer.id), 5)
            assert link is not None
            assert link.session._handshake._fingerprints == prints


def test_large_messages_pass(
    a: Node, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    monkeypatch.setattr(a._traffic, "message", lambda _n, _t, body: bodies.append(body))
    with Node.start("b", cookie=SECRET, tls=files("b"), join=a.address) as b:
        sent = [bytes(range(256)) * size for size in (1, 1000, 20_000, 3)]
        for body in sent:
            assert b.send_message(a.id, body)
        eventually(lambda: bodies == sent)


def test_nothing_is_readable_on_the_way(a: Node) -> None:
    spoken = b""
    with socket.create_server(("127.0.0.1", 0)) as tap:
        tap.settimeout(5)
        address = f"127.0.0.1:{tap.getsockname()[1]}"
        with Node.start("b", cookie=SECRET, tls=files("b"), join=address):
            victim, _ = tap.accept()
            with victim:
                spoken = victim.recv(65536)

    assert spoken[:2] == b"\x16\x03"
    assert b"AGRP" not in spoken


REFUSED = {
    "another authority": ("b", files("foreign"), "certificate problem"),
    "an expired certificate": ("b", files("expired"), "certificate problem"),
    "another name": ("c", files("b"), "certificate of c is for 'b', expected 'c'"),
}


@pytest.mark.parametrize(("name", "own", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_certificate_that_does_not_fit_is_refused(
    a: Node,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
    name: str,
    own: TLS,
    words: str,
) -> None:
    with Node.start(name, cookie=SECRET, tls=own, join=a.address) as other:
        eventually(lambda: any(words in line for line in warnings(caplog)))

        assert up(a) == up(other) == []


def test_the_cookie_is_needed_all_the_same(
    a: Node, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    wrong = "another cookie of thirty-two bytes!!"
    with Node.start("b", cookie=wrong, tls=files("b"), join=a.address) as b:
        eventually(lambda: len(warnings(caplog)) >= 2)

        assert up(b) == []
    assert any("authentication failed with b" in line for line in warnings(caplog))


def test_a_plain_node_is_told_what_is_spoken_here(
    a: Node, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with Node.start("b", cookie=SECRET, join=a.address) as b:
        eventually(lambda: len(warnings(caplog)) >= 2)
        assert up(b) == []

    assert any("peer does not speak TLS" in line for line in warnings(caplog))


def test_a_caller_without_a_certificate_is_refused(
    a: Node, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    context = ssl.create_default_context(cafile=str(CERTS / "ca.pem"))
    context.check_hostname = False
    with call(a) as plain, context.wrap_socket(plain) as sock:
        try:
            sock.sendall(b"AGRP")
            answer = sock.recv(1000)
        except OSError:
            answer = b""

    assert answer == b""
    eventually(lambda: warnings(caplog))
    assert "certificate problem" in warnings(caplog)[0]


def test_tls_1_2_is_refused(a: Node) -> None:
    context = ssl.create_default_context(cafile=str(CERTS / "ca.pem"))
    context.check_hostname = False
    context.load_cert_chain(CERTS / "b.pem", CERTS / "b.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(where(a), timeout=5) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain)


def test_silence_and_noise_are_ended(a: Node, caplog: pytest.LogCaptureFixture) -> None:
    assert read_to_end(call(a, b"\x93\x7f\x00\xd1" * 50)) is not None
    assert read_to_end(call(a)) == b""

    assert len(warnings(caplog)) == 2


@pytest.mark.parametrize(
    "wrong",
    [files("a", key="b"), files("missing"), TLS(ca="", cert="", key="")],
    ids=["a key of another", "no file", "nothing"],
)
def test_files_that_do_not_fit_are_named(wrong: TLS) -> None:
    with pytest.raises(ConfigError, match="tls needs ca, cert and key"):
        Node.start("a", cookie=SECRET, tls=wrong)


def test_a_network_address_needs_no_waiver_with_tls() -> None:
    with Node.start(
        "a",
        cookie=SECRET,
        tls=files("a"),
        listen="0.0.0.0:0",
        advertise="127.0.0.1:1",
    ) as node:
        assert node.address == "127.0.0.1:1"


def test_a_forked_child_holds_no_tls_link(a: Node) -> None:
    with Node.start("b", cookie=SECRET, tls=files("b"), join=a.address) as b:
        link = b._engine.link_to(a.id)
        assert link is not None
        assert link.tls is not None
        out, into = os.pipe()
        with link.tls._lock:
            child = os.fork()
        if child == 0:
            os.write(into, str(link.tls.fileno()).encode())
            os._exit(0)
        os.close(into)
        with open(out, encoding="ascii") as pipe:
            assert pipe.read() == "-1"
        os.waitpid(child, 0)
        assert b.ping("a", timeout=5) > 0
