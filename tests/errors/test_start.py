"""B001 to B019: what cannot be started says so at once, in words and by number."""

import asyncio
import math
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import group
import transport
from actors import Actor, start_ready
from group import AlreadyStartedError, Group
from tests.transport.strangers import SECRET, warnings
from tests.waiting import eventually
from transport import TLS, JoinTimeoutError, ListenError, Node, NodeNameInUseError

start_node: Callable[..., Node] = Node.start
start_group: Callable[..., Group] = Group.start
TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"


class Case(NamedTuple):
    """A start that is refused."""

    row: str
    options: dict[str, Any]
    text: str


def rank(_key: str, _meta: object, _node: str, _stamp: int) -> int:
    return 0


async def late_rank(_key: str, _meta: object, _node: str, _stamp: int) -> int:
    return 0


NAME = "node name must be 1-255 printable bytes, got "
NODES = [
    Case("B001", {"name": ""}, NAME + "''"),
    Case("B001", {"name": 5}, NAME + "5 (int); give a str"),
    Case("B001", {"name": "a" * 256}, NAME + f"'{'a' * 80}'"),
    Case("B001", {"name": "a\0b"}, NAME + r"'a\x00b'"),
    Case("B001", {"name": "a\nb"}, NAME + r"'a\nb'"),
    Case(
        "B003",
        {"listen": "10.0.0.5:7400"},
        "refusing to listen on 10.0.0.5 without TLS; "
        "set tls=… or allow_plaintext_network=True",
    ),
    Case(
        "B004",
        {"listen": "0.0.0.0:7400", "allow_plaintext_network": True},
        'listening on 0.0.0.0 needs advertise="HOST:PORT" that peers can reach '
        "(e.g. POD_IP)",
    ),
    Case(
        "B005",
        {"cookie": "secret"},
        "cookie must be at least 32 bytes (got 6); create one with ",
    ),
    Case(
        "B009",
        {"lease": 1.0},
        f"lease (1.0 s) must be at least 3 {TIMES} heartbeat (1.0 s)",
    ),
    Case("B009", {"lease": 0}, "lease must be a positive number of seconds, got 0"),
    Case("B009", {"lease": math.nan}, "lease must be a positive number of seconds"),
    Case("B009", {"grace": -1}, "grace must be a number of seconds, got -1"),
    Case(
        "B010",
        {"heartbeet": 1.0},
        "unknown option 'heartbeet'; did you mean 'heartbeat'?",
    ),
    Case(
        "B011",
        {"tls": object()},
        "tls needs ca, cert and key; verification cannot be switched off",
    ),
    Case("B018", {"join": "host:abc"}, "bad peer address 'host:abc'; write host:port"),
    Case("B018", {"join": ["host"]}, "bad peer address 'host'; write host:port"),
    Case("B018", {"join": 5}, "join must be host:port, or several, got 5"),
]

SHARDS = f"shards must be an integer 1{DASH}1024, got "
RANK = (
    'conflict_rank must be a plain function; give it a stable id: rank.rank_id = "v1"'
)
GROUPS = [
    Case("B002", {"shards": 0}, SHARDS + "0"),
    Case("B002", {"shards": -1}, SHARDS + "-1"),
    Case("B002", {"shards": True}, SHARDS + "True"),
    Case("B002", {"shards": 2.0}, SHARDS + "2.0"),
    Case("B002", {"shards": 1025}, SHARDS + "1025"),
    Case("B010", {"shard": 8}, "unknown option 'shard'; did you mean 'shards'?"),
    Case("B012", {"conflict_rank": "newest"}, RANK),
    Case("B012", {"conflict_rank": lambda *_: 0}, RANK),
    Case("B012", {"conflict_rank": late_rank}, RANK),
    Case("B012", {"conflict_rank": rank}, RANK),
]


def called(case: Case) -> str:
    return f"{case.row} {case.options}"[:60]


@pytest.mark.parametrize("case", NODES, ids=called)
def test_a_node_that_cannot_start_says_why(case: Case) -> None:
    with pytest.raises(transport.ConfigError, match=re.escape(case.text)) as caught:
        start_node(**{"cookie": SECRET, **case.options})

    assert caught.value.code == case.row
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("case", GROUPS, ids=called)
def test_a_group_that_cannot_start_says_why(case: Case) -> None:
    with pytest.raises(group.ConfigError, match=re.escape(case.text)) as caught:
        start_group("app", **case.options)

    assert caught.value.code == case.row
    assert isinstance(caught.value, ValueError)


def test_an_offending_value_is_shown_short() -> None:
    with pytest.raises(transport.ConfigError) as of_node:
        start_node("n" * 100_000)
    with pytest.raises(group.ConfigError) as of_group:
        start_group("app", shards="8" * 100_000)

    assert len(str(of_node.value)) < 200
    assert len(str(of_group.value)) < 200


def cookie_file(path: Path, mode: int) -> Path:
    path.write_text("c" * 64, encoding="ascii")
    path.chmod(mode)
    return path


def test_a_cookie_file_that_others_may_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cookie_file(tmp_path / "cookie", 0o644)
    monkeypatch.setenv("GROUP_COOKIE_FILE", str(path))

    with pytest.raises(transport.ConfigError) as caught:
        start_node("a")

    assert caught.value.code == "B006"
    assert f"cookie file {path} has mode 0644; run chmod 600" in str(caught.value)


def test_a_cookie_file_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cookie_file(tmp_path / "cookie", 0o600)
    monkeypatch.setenv("GROUP_COOKIE_FILE", str(path))
    # As if this process were another user's; only root can give a file away.
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    with pytest.raises(transport.ConfigError) as caught:
        start_node("a")

    assert caught.value.code == "B006"
    assert str(path) in str(caught.value)


def test_a_cookie_file_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file where the directory should be stops root, too.
    (tmp_path / ".group").write_text("", encoding="ascii")
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(transport.ConfigError, match="cannot create cookie file") as no:
        start_node("a")

    assert no.value.code == "B007"


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(ListenError) as caught:
            start_node("a", cookie=SECRET, listen=address)

    assert str(caught.value) == f"{address} is already in use (pid unknown)"
    assert caught.value.code == "B008"
    assert isinstance(caught.value, OSError)


def test_tls_without_usable_files_names_them(tmp_path: Path) -> None:
    files = TLS(ca=tmp_path / "ca", cert=tmp_path / "cert", key=tmp_path / "key")

    with pytest.raises(transport.ConfigError) as caught:
        start_node("a", cookie=SECRET, tls=files)

    assert caught.value.code == "B011"
    assert str(tmp_path) in str(caught.value)


def test_the_same_group_twice_on_a_node_is_refused() -> None:
    with (
        Node.start("a", listen=None) as node,
        Group.start("app", node=node, log=False),
        pytest.raises(AlreadyStartedError) as caught,
    ):
        Group.start("app", node=node, log=False)

    assert str(caught.value) == "group 'app' already runs on node 'a'"
    assert caught.value.code == "B013"


def test_a_name_that_lives_at_the_seeds_is_refused() -> None:
    with (
        Node.start("seed", cookie=SECRET, heartbeat=0.2, lease=1.0) as seed,
        Node.start(
            "twin", cookie=SECRET, join=seed.address, heartbeat=0.2, lease=1.0
        ) as twin,
        pytest.raises(NodeNameInUseError) as caught,
    ):
        start_node("twin", cookie=SECRET, join=seed.address, heartbeat=0.2, lease=1.0)

    assert caught.value.code == "B015"
    life = twin.incarnation.hex()[:8]
    assert f"a live node named 'twin' already exists (incarnation {life}" in str(
        caught.value
    )
    assert "Give this one another name=" in str(caught.value)


def test_peers_that_are_required_and_not_there_are_each_named() -> None:
    with socket.socket() as unused, socket.create_server(("127.0.0.1", 0)) as mute:
        unused.bind(("127.0.0.1", 0))
        refusing, silent = (
            f"127.0.0.1:{sock.getsockname()[1]}" for sock in (unused, mute)
        )

        with pytest.raises(JoinTimeoutError) as caught:
            start_node(
                "a",
                cookie=SECRET,
                join=[refusing, silent],
                require_peers=1,
                join_timeout=1.5,
            )

    text = str(caught.value)
    assert text.startswith("no peer reached in 1.5 s: ")
    assert f"{refusing} connection refused" in text
    assert f"{silent} gave no answer" in text
    assert caught.value.code == "B016"
    assert isinstance(caught.value, TimeoutError)


def test_a_node_that_is_its_own_seed_starts_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"

    with start_node("a", cookie=SECRET, listen=address, join=address) as node:
        assert node.peers() == []

    assert warnings(caplog) == []


def test_a_seed_whose_name_nobody_knows_is_a_warning_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with start_node("a", cookie=SECRET, join="nowhere.invalid:1"):
        line = eventually(lambda: next(iter(warnings(caplog)), ""), 20)

    assert "cannot join nowhere.invalid:1" in line
    assert "(will keep trying)" in line


@pytest.mark.parametrize("kind", ["Node", "Group"])
def test_a_start_would_stop_an_event_loop_and_is_refused(kind: str) -> None:
    async def start() -> object:
        return start_node("a", listen=None) if kind == "Node" else start_group("app")

    text = rf"^start\(\) blocks; use await asyncio\.to_thread\({kind}\.start, …\)$"
    with pytest.raises(RuntimeError, match=text):
        asyncio.run(start())


class Starter(Actor):
    """Starts node and group on its own thread, in the middle of an event loop."""

    def on_start(self) -> None:
        asyncio.run(self.start_both())

    async def start_both(self) -> None:
        with (
            Node.start("inside", listen=None) as node,
            Group.start("app", node=node, log=False) as g,
        ):
            assert g.keys() == []


def test_within_an_actor_a_start_may_block_a_loop() -> None:
    ref = start_ready(Starter, timeout=10)

    ref.stop(timeout=10)
