"""groupctl, run here, looks into nodes that run here: whom it asks, and how."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from group import Group
from group.__main__ import main
from group._looking.ops import ops_name
from tests.group.people import listeners
from tests.transport.strangers import SECRET, frozen
from tests.transport.test_tls import files
from transport import Node

LIMIT = 30.0


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setitem(os.environ, "GROUP_COOKIE", SECRET)


@pytest.fixture
def a() -> Iterator[Node]:
    with Node.start("a") as node:
        yield node


Said = tuple[int, str, str]


def groupctl(capsys: pytest.CaptureFixture[str], node: Node | str, *words: str) -> Said:
    """Return status, output and errors of a command."""
    address = node if isinstance(node, str) else node.address
    status = main([*words, "--node", address])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_only_group_need_not_be_named(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with Group.start("shop", node=a, shards=1, log=False):
        status, out, err = groupctl(capsys, a, "status")

    assert (status, err) == (0, "")
    assert out.startswith(f"shop on a@{a.address}   1 node up, 0 down   1 shard")


def test_of_several_groups_one_is_named(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        Group.start("shop", node=a, shards=1, log=False),
        Group.start("bank", node=a, shards=1, log=False),
    ):
        none_named = groupctl(capsys, a, "nodes")
        wrong = groupctl(capsys, a, "nodes", "--group", "barn")
        named = groupctl(capsys, a, "nodes", "--group", "bank")

    assert none_named == (
        1,
        "",
        "groupctl nodes: node a runs 'bank', 'shop'; say which: --group NAME\n",
    )
    assert wrong == (
        1,
        "",
        "groupctl nodes: node a runs no group 'barn', but 'bank', 'shop'; say --group "
        "NAME\n",
    )
    assert named == (0, "a\n", "")


def test_a_node_without_a_group_is_reached(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = groupctl(capsys, a, "status")
    ping, _, _ = groupctl(capsys, a, "ping")

    assert (status, out) == (1, "")
    assert err == (
        "groupctl status: node a runs no group yet; say which: --group NAME\n"
    )
    assert ping == 0


def test_the_lease_of_the_cluster_need_not_be_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Node.start("quick", heartbeat=0.1, lease=0.4) as node:
        assert groupctl(capsys, node, "ping")[0] == 0
    with Node.start("slow", heartbeat=10.0, lease=60.0) as node:
        assert groupctl(capsys, node, "ping")[0] == 0


def test_another_cluster_is_said(a: Node, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = groupctl(capsys, a, "nodes", "--cluster-id", "prod")

    assert status == 1
    assert "REJECT cluster: peer 'default', here 'prod'" in err
    assert err.count("\n") == 1


def test_a_node_with_tls_is_looked_into_with_a_certificate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tls = files("b")
    words = ("--tls-ca", str(tls.ca), "--tls-cert", str(tls.cert))
    with (
        Node.start("a", tls=files("a")) as a,
        Group.start("app", node=a, shards=1, log=False),
    ):
        key = ("--tls-key", str(tls.key))
        fine = groupctl(capsys, a, "nodes", "--name", "b", *words, *key)
        nameless = groupctl(capsys, a, "nodes", *words, *key)
        plain = groupctl(capsys, a, "nodes", "--timeout", "1")
        half = groupctl(capsys, a, "nodes", *words)

    assert fine == (0, "a\n", "")
    assert nameless[0] == plain[0] == 1
    assert half == (
        2,
        "",
        "groupctl nodes: TLS takes all of --tls-ca, --tls-cert and --tls-key\n",
    )


def test_a_node_that_stands_still_is_not_waited_for_longer_than_was_said(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with frozen(a):
        status, out, err = groupctl(capsys, a, "nodes", "--timeout", "0.2")

    assert (status, out) == (1, "")
    words = f"groupctl nodes: no node answers at {a.address} in 0.2 s, and nothing"
    assert err.startswith(words)


@pytest.mark.parametrize(
    ("command", "sentence", "nothing"),
    [
        ("keys", "there is no key under 'nobody'", []),
        ("members", "'nobody' has no member", []),
        ("lookup", "nobody has registered 'nobody'", None),
    ],
)
def test_nothing_is_said_beside_the_rows(
    a: Node,
    capsys: pytest.CaptureFixture[str],
    command: str,
    sentence: str,
    nothing: object,
) -> None:
    with Group.start("app", node=a, shards=1, log=False):
        text = groupctl(capsys, a, command, "nobody")
        status, out, err = groupctl(capsys, a, command, "nobody", "--json")

    assert text == (1, "", f"groupctl {command}: {sentence}\n")
    assert (status, json.loads(out), err) == (1, nothing, "")


def test_a_key_of_nobody_is_explained_and_not_found(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with Group.start("app", node=a, shards=1, log=False) as g, listeners(2) as people:
        g.register("owned", actor=people[0])
        g.join("joined", actor=people[1])

        status, out, err = groupctl(capsys, a, "explain", "nobody")
        told = groupctl(capsys, a, "explain", "nobody", "--json")
        found = [groupctl(capsys, a, "explain", k)[0] for k in ("owned", "joined")]

    assert (status, err) == (1, "")
    assert "registered by nobody" in out
    assert told[0] == 1
    assert json.loads(told[1])["claims"] == []
    assert found == [0, 0]


def test_actors_of_the_user_come_first_and_what_is_cut_off_is_said(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with Group.start("app", node=a, log=False), listeners(2) as people:
        _, told, silence = groupctl(capsys, a, "actors", "--json", "--limit", "0")
        rows = json.loads(told)
        status, shown, rest = groupctl(capsys, a, "actors", "--limit", "3")
        _, few, same = groupctl(capsys, a, "actors", "--limit", "3", "--json")

    assert silence == ""
    idle = [row for row in rows if not row["mailbox"]]
    assert [row["own"] for row in idle] == sorted(row["own"] for row in idle)
    own = {row["class"]: row["own"] for row in rows}
    assert (own["ShardActor"], own["Listener"]) == (True, False)
    assert sum(not row["own"] for row in rows) >= len(people)
    assert (status, len(shown.splitlines()), len(json.loads(few))) == (0, 3, 3)
    # An actor that only answered this may be gone.
    assert re.fullmatch(r"groupctl actors: \d+ more; --limit 0 shows all\n", rest)
    assert re.fullmatch(r"groupctl actors: \d+ more; --limit 0 shows all\n", same)


def test_keys_of_a_named_cluster_are_asked_for(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with Group.start("app", node=a, shards=1, log=False) as g, listeners() as (one,):
        g.connect("red")
        g.register("k", {"n": 1}, cluster="red", actor=one)

        assert groupctl(capsys, a, "keys", "--cluster", "red")[:2] == (0, "k\n")
        assert groupctl(capsys, a, "keys")[0] == 1
        _, out, _ = groupctl(capsys, a, "lookup", "k", "--cluster", "red", "--json")
        assert json.loads(out)["meta"] == {"n": 1}
        _, out, _ = groupctl(capsys, a, "explain", "k", "--cluster", "red")
        assert out.startswith("'k' of cluster 'red' in group 'app' on a, shard 0\n")


def test_a_key_cannot_steer_the_terminal(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "k\x1b[2J\x07"
    with Group.start("app", node=a, shards=1, log=False) as g, listeners() as (one,):
        g.register(key, {"\x1b]0;x": "\x9b"}, actor=one)

        shown = [
            groupctl(capsys, a, *words)[1]
            for words in (
                ("keys",),
                ("lookup", key),
                ("explain", key),
                ("watch", "--snapshot", "--count", "1"),
            )
        ]

    for out in shown:
        assert out
        assert out.replace("\n", "").replace("\t", "").isprintable()


def test_the_node_to_ask_is_taken_from_the_environment(
    a: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "GROUPCTL_NODE", a.address)

    assert main(["ping", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["node"] == "a"


@pytest.mark.parametrize("words", [("--count", "0"), ("--for", "0"), ("--for", "x")])
def test_a_watch_without_an_end_that_can_be_is_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["watch", *words])

    assert f"groupctl watch: argument {words[0]}: must be" in capsys.readouterr().err


def test_numbers_that_json_does_not_have_are_words(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    with Group.start("app", node=a, shards=1, log=False) as g, listeners() as (one,):
        g.register("k", {"n": [float("nan"), 0.5], "m": -float("inf")}, actor=one)

        for words in (
            ("lookup", "k"),
            ("explain", "k"),
            ("watch", "--snapshot", "--count", "1"),
        ):
            status, out, _ = groupctl(capsys, a, *words, "--json")
            assert status == 0
            assert "nan" in str(json.loads(out, parse_constant=refuse))
        _, out, _ = groupctl(capsys, a, "lookup", "k", "--json")
        assert json.loads(out)["meta"] == {"n": ["nan", 0.5], "m": "-inf"}


def test_a_group_that_cannot_be_is_said(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with Group.start("app", node=a, shards=1, log=False):
        for name in ("\udcff", "g" * 2000):
            status, out, err = groupctl(capsys, a, "nodes", "--group", name)
            assert (status, out) == (1, "")
            assert err.startswith("groupctl nodes: node a runs no group '")


def test_looking_makes_no_cookie(
    a: Node, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "misspelt"

    status, out, err = groupctl(capsys, a, "ping", "--cookie-file", str(file))

    assert (status, out) == (2, "")
    assert err == f"groupctl ping: --cookie-file: there is no file {file}\n"
    assert not file.exists()


def test_a_prefix_without_its_slash_is_recognised(a: Node) -> None:
    with Group.start("app", node=a, shards=1, log=False) as g, listeners() as (one,):
        g.register("user/1", actor=one)
        ops = a.actor("a", ops_name("app", "a"))

        def words(prefix: str) -> object:
            return ops.ask(("keys", prefix, None), timeout=LIMIT)

        hint = "there is no key under 'user'; there are some under 'user/'"
        assert words("user") == ("nothing", hint, [])
        assert words("room") == ("nothing", "there is no key under 'room'", [])
        longest = "x" * 1024
        assert words(longest) == ("nothing", f"there is no key under {longest!r}", [])


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirected", "said"),
    [
        (">/dev/full", "groupctl nodes: [Errno 28] No space left on device\n"),
        (">&-", ""),
        ("2>&- >/dev/full", ""),
    ],
)
def test_where_nothing_can_be_written_there_is_no_traceback(
    a: Node, redirected: str, said: str
) -> None:
    command = f"{sys.executable} -m group nodes --node {a.address} {redirected}"
    with Group.start("app", node=a, shards=1, log=False):
        ended = subprocess.run(
            ["sh", "-c", command],
            env=dict(os.environ),
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    assert ended.stderr == said
    assert ended.returncode == (0 if redirected == ">&-" else 1)


def test_a_node_is_found_by_the_name_of_a_service(
    a: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, port = a.address.rpartition(":")

    status, out, _ = groupctl(capsys, f"dns://localhost:{port}", "ping", "--json")

    assert status == 0
    assert json.loads(out)["node"] == "a"
