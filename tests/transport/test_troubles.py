"""Why a peer cannot be joined: one line in the log per cause, and it can be asked for.

Real sockets all the way. Names that are not found are in test_discovery.py, too.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Unpack

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET, warnings
from tests.transport.test_tls import files
from transport import Node, NodeOptions
from transport._core import handshake
from transport._links.troubles import MAX_OF_A_KIND, Troubles

WRONG = "another cookie of thirty-two bytes!!"


@pytest.fixture
def start() -> Iterator[Callable[..., Node]]:
    """Starts nodes and stops them."""
    with ExitStack() as stack:

        def make(name: str, **options: Unpack[NodeOptions]) -> Node:
            given: NodeOptions = {"cookie": SECRET, **options}
            return stack.enter_context(Node.start(name, **given))

        yield make


def said(node: Node) -> list[str]:
    return [trouble.words for trouble in node.troubles()]


def lines(caplog: pytest.LogCaptureFixture, node: str) -> list[str]:
    return [line for line in warnings(caplog) if f" node={node} " in line]


# What differs at the caller, and what it says then.
CAUSES: dict[str, tuple[NodeOptions, str]] = {
    "cookie": (
        {"cookie": WRONG},
        "cannot join {a}: cookie differs (ours from the program). Give both nodes the "
        "same cookie=",
    ),
    "cluster": (
        {"cluster_id": "prod"},
        "cannot join {a}: REJECT cluster: peer 'default', here 'prod'. Give both "
        "nodes the same cluster_id=",
    ),
    "lease": (
        {"lease": 9.0},
        "cannot join {a}: REJECT config: lease= differs: 9 s on b, 5 s on a. Give "
        "both nodes the same lease=",
    ),
    "tls": ({"tls": files("b")}, "cannot join {a}: "),
}


@pytest.mark.slow
@pytest.mark.parametrize(("options", "words"), CAUSES.values(), ids=CAUSES.keys())
def test_both_ends_say_once_why_they_do_not_meet(
    start: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    options: NodeOptions,
    words: str,
) -> None:
    a = start("a")
    b = start("b", join=a.address, **options)

    # More than one dial, so that a second line would have had its time.
    eventually(lambda: any(each.count >= 3 for each in b.troubles()), 10)

    assert [text.startswith(words.format(a=a.address)) for text in said(b)] == [True]
    assert len(lines(caplog, "a")) == 1, warnings(caplog)
    assert len(lines(caplog, "b")) == 1, warnings(caplog)
    (at_a,) = a.troubles()
    assert at_a.source == "127.0.0.1"
    assert b.linked_id("a") is None


def test_a_version_that_is_not_ours_is_said(
    start: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a = start("a")
    # Credentials made from now on are those of a later release.
    defaults = handshake.Credentials.__init__.__defaults__
    assert defaults is not None
    later = tuple((3, 3) if each == handshake.VERSIONS else each for each in defaults)
    monkeypatch.setattr(handshake.Credentials.__init__, "__defaults__", later)

    b = start("b", join=a.address)

    eventually(lambda: said(b))
    assert said(b)[0].endswith(
        "version: peer 1-1, here 3-3. Update the node that speaks the older one"
    )
    assert len(lines(caplog, "b")) == 1


def test_a_closed_port_is_said_until_somebody_listens(
    start: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    b = start("b", join=address)
    eventually(lambda: said(b))

    assert said(b)[0].startswith(f"cannot join {address}: connection refused. Is a no")
    (trouble,) = b.troubles()
    assert (trouble.source, trouble.reason) == (address, "refused")
    assert len(lines(caplog, "b")) == 1

    start("a", listen=address)
    eventually(lambda: said(b) == [] and b.linked_id("a"), 10)


def test_a_peer_that_was_met_by_another_way_is_no_trouble(
    start: Callable[..., Node], eventually: Eventually
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    b = start("b", join=address)
    eventually(lambda: said(b))

    start("a", listen=address, join=b.address)

    eventually(lambda: b.linked_id("a"))
    eventually(lambda: said(b) == [])


def test_a_name_that_nobody_knows_is_said(
    start: Callable[..., Node], eventually: Eventually
) -> None:
    b = start("b", join=["nowhere.invalid:1", "dns://nowhere.invalid:1"])

    eventually(lambda: len(said(b)) == 2, 20)

    assert sorted(text.partition(": ")[0] for text in said(b)) == [
        "cannot join nowhere.invalid:1",
        "cannot look up dns://nowhere.invalid:1",
    ]


def test_a_name_clash_is_said_by_both(
    start: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    a = start("a")
    start("twin", join=a.address)
    second = start("twin")

    second.join(a.address)

    eventually(lambda: said(second) and said(a))
    assert "a live node named 'twin' already exists" in said(second)[0]
    assert said(a)[0].startswith("twin: a live node named 'twin' already exists")
    assert len([line for line in lines(caplog, "twin") if "cannot_join" in line]) == 1


def test_oneself_is_shown_and_is_no_warning(
    start: Callable[..., Node],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a = start("a")
    address = f"localhost:{a.address.rpartition(':')[2]}"

    a.join(address)

    eventually(lambda: said(a))
    # It is not dialled again, and stays true.
    monkeypatch.setattr("transport._clock.wall", lambda: time.time() + 120)
    assert said(a) == [
        f"cannot join {address}: that is this node itself, so it is left out"
    ]
    assert warnings(caplog) == []


def test_what_is_not_met_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("transport._clock.wall", lambda: now)
    troubles = Troubles()
    troubles.note("dial", "h:1", "refused", "first words")
    troubles.note("dial", "h:2", "self", "stands", standing=True)
    now = 1059.0
    troubles.note("dial", "h:1", "refused", "later words")

    now = 1100.0
    (stands, again) = troubles.current()
    assert (stands.source, again.words) == ("h:2", "later words")
    assert (again.since, again.last, again.count) == (1000.0, 1059.0, 2)

    now = 1120.0
    assert [each.source for each in troubles.current()] == ["h:2"]

    troubles.clear("dial", "h:2")
    assert troubles.current() == []


def test_many_callers_push_out_each_other_only() -> None:
    troubles = Troubles()
    troubles.note("dial", "h:1", "refused", "ours")

    for number in range(MAX_OF_A_KIND + 5):
        troubles.note("call", f"10.0.0.{number}", "auth", "theirs")

    sources = [each.source for each in troubles.current()]
    assert "h:1" in sources
    assert len(sources) == MAX_OF_A_KIND + 1
    assert "10.0.0.4" not in sources
    assert "10.0.0.5" in sources
