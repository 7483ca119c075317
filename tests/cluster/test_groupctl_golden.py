"""Every look of groupctl into three processes that are busy, in text and in JSON.

The limit is five times what is promised: a second for each command.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.cluster.busy import CLUSTER
from tests.cluster.terminals import ROOT, Terminal, terminal
from tests.cluster.test_groupctl import address_in
from tests.waiting import eventually
from transport import Node

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

LIMIT = 5 * 1.0
APP = ("--app", "tests.cluster.busy:factory")
# All that is said beside an answer.
REMARK = re.compile(r"(groupctl actors: \d+ more; --limit 0 shows all\n)?")
SEES = {"a": ("b", "c"), "b": ("a", "c"), "c": ("a", "b")}


class Trio:
    """Three nodes that write all the time."""

    def __init__(self, folder: Path) -> None:
        self.nodes = {"a": Terminal(folder, "start", "--name", "a", *APP)}
        self.address = address_in(self.nodes["a"])
        self.addresses = {"a": self.address}
        for name in ("b", "c"):
            words = ("start", "--name", name, "--join", self.address, *APP)
            self.nodes[name] = Terminal(folder, *words)
        for name in ("b", "c"):
            self.addresses[name] = address_in(self.nodes[name])
        for name, others in SEES.items():
            for other in others:
                self.nodes[name].await_line(f"+ {other} is here")

    def run(self, *words: str) -> tuple[int, str]:
        """Run one command; print what it took; return status and output.

        When it was too slow it has another chance: a machine that stands still for some
        seconds, for others that work on it, is not groupctl's doing.
        """
        took, done = self._timed(*words)
        if took >= LIMIT:
            took, done = self._timed(*words)
        assert took < LIMIT
        return done.returncode, done.stdout

    def _timed(self, *words: str) -> tuple[float, subprocess.CompletedProcess[str]]:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "group", *words, "--node", self.address],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        took = time.monotonic() - began
        print(f"groupctl {' '.join(words)}: {took * 1000:.0f} ms (promised: 1000)")
        assert REMARK.fullmatch(done.stderr), done.stderr
        return took, done

    def witnesses(self) -> dict[str, tuple[list[tuple[str, ...]], list[object]]]:
        """Return what each node has seen of nodes, and was told of them, so far."""
        found = {}
        for name, address in self.addresses.items():
            with Node.start(f"probe-{name}", join=address, hidden=True) as probe:
                probe.wait_peers(1, 20)
                witness = probe.actor(name, "witness").proxy()
                found[name] = witness.seen().get(timeout=20)
        return found

    def forget(self) -> None:
        for name, address in self.addresses.items():
            with Node.start(f"probe-{name}", join=address, hidden=True) as probe:
                probe.wait_peers(1, 20)
                probe.actor(name, "witness").proxy().forget().get(timeout=20)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    made = Trio(tmp_path_factory.mktemp("trio"))
    made.forget()
    yield made
    for node in made.nodes.values():
        node.end()


# «n» is a number, «up» a time in a column, «ms» a round trip.
HOLES = {
    "«n»": r"\d+",
    "«up»": r"[\dmhs]+",
    "«ms»": r"(?:[\d.]+ ms|-)",
    "«s»": r"[\d.]+ \w+",
    "«address»": r"127\.0\.0\.1:\d+",
}

TEXT = {
    ("status",): """\
my_app on a@«address»  3 nodes up, 0 down  8 shards  «n» keys  «n» members  0 conflicts
NODE  STATE  UP  KEYS  MEMBERS  ACTORS  QUEUE  RTT  VERSION
a@«address»  up  «up»  «n»  «n»  «n»  «n»  -  0.1.0
b@«address»  up  «up»  «n»  «n»  «n»  «n»  «ms»  0.1.0
c@«address»  up  «up»  «n»  «n»  «n»  «n»  «ms»  0.1.0
""",
    ("nodes",): "a\nb\nc\n",
    ("keys", "user/"): "user/a\nuser/b\nuser/c\n",
    ("members", "score", "--cluster", CLUSTER): """\
Holder\t«n»\ta\t{"node": "a"}
Holder\t«n»\tb\t{"node": "b"}
""",
    ("lookup", "user/b"): 'Holder\t«n»\tb\t{"node": "b", "tags": ["x", 1]}\n',
    ("explain", "user/b"): """\
'user/b' in group 'my_app' on a, shard 5
  registered by <Holder on b> since «s» (meta {'node': 'b', 'tags': ('x', 1)})
  members: none
  monitors here: 0
""",
    ("clusters",): """\
(default)\t«n»\t«n»\t-\ta, b, c
match 7\t0\t2\t-\ta, b
""",
    ("log-level",): "a logs off\n",
    ("ping",): "a at «address» answered in «ms»\n",
}


def pattern(golden: str) -> re.Pattern[str]:
    escaped = re.escape(golden)
    for hole, regex in HOLES.items():
        escaped = escaped.replace(re.escape(hole), regex)
    return re.compile(escaped)


@pytest.mark.parametrize(("words", "golden"), TEXT.items(), ids=[w[0] for w in TEXT])
def test_a_command_answers_people(
    trio: Trio, words: tuple[str, ...], golden: str
) -> None:
    status, out = trio.run(*words)

    # Columns are as wide as what is in them.
    squeezed = re.sub(r"(?<=\S) {2,}", "  ", out)
    if words[0] == "members":
        squeezed = "".join(sorted(squeezed.splitlines(keepends=True)))
    assert status == 0
    assert pattern(golden).fullmatch(squeezed), out


HOLDER = {"actor": "Holder", "id": ..., "node": "b"}
META = {"node": "b", "tags": ["x", 1]}
ROW = {"keys": ..., "members": ..., "queue": ..., "since": ..., "address": ...}
JSON: dict[tuple[str, ...], object] = {
    ("nodes",): ["a", "b", "c"],
    ("keys", "user/"): ["user/a", "user/b", "user/c"],
    ("lookup", "user/b"): {**HOLDER, "meta": META},
    ("members", "user/b"): [],
    ("explain", "user/b"): {
        "group": "my_app",
        "node": "a",
        "cluster": None,
        "key": "user/b",
        "shard": 5,
        "connected": True,
        "claims": [
            {
                "node": "b",
                "actor": "Holder",
                "age": ...,
                "meta": META,
                "wins": True,
                "state": "up",
            }
        ],
        "members": {},
        "monitors": 0,
    },
    ("clusters",): [
        {
            "cluster": None,
            "here": True,
            "nodes": ["a", "b", "c"],
            "keys": ...,
            "members": ...,
            "ttl_left": None,
        },
        {
            "cluster": CLUSTER,
            "here": True,
            "nodes": ["a", "b"],
            "keys": 0,
            "members": 2,
            "ttl_left": None,
        },
    ],
    ("log-level",): {"node": "a", "level": "off"},
    ("ping",): {"node": "a", "rtt": ...},
}


def masked(value: object, golden: object) -> object:
    """Put the golden answer's dots where it has some."""
    if golden is ...:
        assert isinstance(value, int | float | str), value
        return ...
    if isinstance(value, dict) and isinstance(golden, dict):
        return {key: masked(item, golden.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(golden, list):
        return [masked(*pair) for pair in zip_longest(value, golden)]
    return value


@pytest.mark.parametrize(("words", "golden"), JSON.items(), ids=[w[0] for w in JSON])
def test_a_command_answers_programs(
    trio: Trio, words: tuple[str, ...], golden: object
) -> None:
    status, out = trio.run(*words, "--json")

    assert len(out.splitlines()) == 1
    assert masked(json.loads(out), golden) == golden
    assert status == (0 if golden != [] else 1)


def test_status_for_programs_has_what_people_see(trio: Trio) -> None:
    _, out = trio.run("status", "--json")

    told = json.loads(out)
    assert [(row["name"], row["state"]) for row in told["nodes"]] == [
        ("a", "up"),
        ("b", "up"),
        ("c", "up"),
    ]
    # The load may have a key more on each node; the holder's own are always there.
    assert all(1 <= row["keys"] <= 3 for row in told["nodes"])
    assert all(row["actors"] > 15 for row in told["nodes"])
    assert len(told["shards"]) == 8
    assert told["refused"] == []


def test_the_tree_is_drawn_and_told(trio: Trio) -> None:
    _, drawn = trio.run("tree")
    _, told = trio.run("tree", "--json")

    assert "├── ops (Operations) running\n" in drawn or "└── ops (Oper" in drawn
    assert "App running\n├── Holder running\n├── Writer running" in drawn
    app = json.loads(told)["roots"][-1]
    assert [child["class"] for child in app["children"]] == [
        "Holder",
        "Writer",
        "Witness",
    ]


def test_actors_are_listed_the_fullest_mailbox_first(trio: Trio) -> None:
    _, told = trio.run("actors", "--json", "--limit", "0")
    _, shown = trio.run("actors", "--top", "mailbox", "--limit", "4")

    rows = json.loads(told)
    depths = [row["mailbox"] for row in rows]
    assert depths == sorted(depths, reverse=True)
    writer = next(row for row in rows if row["class"] == "Writer")
    assert (writer["supervisor"], writer["child"]) == ("App", "Writer")
    assert len(shown.splitlines()) == 4


def test_the_log_level_is_changed(trio: Trio) -> None:
    assert "register" not in trio.nodes["a"].err
    assert trio.run("log-level", "verbose") == (0, "a logs verbose\n")
    eventually(lambda: " group: register" in trio.nodes["a"].err, 20)
    assert json.loads(trio.run("log-level", "--json")[1])["level"] == "verbose"
    assert trio.run("log-level", "off") == (0, "a logs off\n")


def test_a_watch_begins_with_what_is_there(trio: Trio) -> None:
    words = ("watch", "user/", "--snapshot", "--count", "3")
    status, told = trio.run(*words, "--json")
    _, shown = trio.run(*words)

    rows = sorted(map(json.loads, told.splitlines()), key=lambda row: row["key"])
    assert status == 0
    assert [(row["type"], row["key"], row["node"]) for row in rows] == [
        ("registered", f"user/{name}", name) for name in SEES
    ]
    assert rows[1]["meta"] == META
    assert len(re.findall(r"^\S+ \+ registered   user/[abc]  Ho", shown, re.M)) == 3


def test_a_watch_tells_what_happens_as_it_happens(trio: Trio) -> None:
    status, told = trio.run("watch", "load/b/", "--count", "20", "--json")

    rows = [json.loads(line) for line in told.splitlines()]
    assert status == 0
    assert len(rows) == 20
    assert {row["node"] for row in rows} == {"b"}
    assert all(row["key"].startswith("load/b/") for row in rows)
    # What is registered there is unregistered next; the order holds for each key.
    expected = [("registered", None), ("unregistered", "unregister")]
    for key in {row["key"] for row in rows}:
        seen = [(row["type"], row["reason"]) for row in rows if row["key"] == key]
        assert seen in (expected[: len(seen)], expected[::-1][: len(seen)])


def test_a_watch_leaves_nothing_behind(trio: Trio) -> None:
    def relays() -> list[str]:
        _, told = trio.run("actors", "--json", "--limit", "0")
        return [row["class"] for row in json.loads(told) if row["class"] == "Relay"]

    trio.run("watch", "--for", "0.2")

    eventually(lambda: relays() == [], 20)


def test_a_watch_ends_with_ctrl_c_and_in_order(trio: Trio, tmp_path: Path) -> None:
    words = ("watch", "user/", "--snapshot", "--node", trio.address)
    with terminal(tmp_path, *words) as opened:
        opened.await_line("user/c")
        opened.press_ctrl_c()

        assert opened.status() == 0
        assert opened.err == ""


def test_no_node_has_seen_any_of_this(trio: Trio) -> None:
    trio.run("status")

    for name, (views, told) in trio.witnesses().items():
        assert set(views) == {SEES[name]}, f"{name} saw {views}"
        assert told == [], f"{name} was told {told}"
    for node in trio.nodes.values():
        assert "groupctl-" not in node.out + node.err
        assert "WARNING" not in node.err


# The last one: it takes a node away.


def test_a_killed_node_is_shown_as_down_with_its_cause(
    trio: Trio, tmp_path: Path
) -> None:
    words = ("watch", "user/", "--json", "--node", trio.address)
    with terminal(tmp_path, *words, "--snapshot") as opened:
        opened.await_line('"user/c"')
        trio.nodes["c"].process.send_signal(signal.SIGKILL)
        line = opened.await_line('"unregistered"')
    status, drawn = trio.run("status")

    row = json.loads(line)
    assert (row["key"], row["node"]) == ("user/c", "c")
    assert row["reason"].startswith("node c is down: ")
    assert status == 0
    assert "   2 nodes up, 1 down   " in drawn
    last = drawn.splitlines()[-1]
    gone = r"c@127\.0\.0\.1:\d+ +DOWN \d+s ago: \w[^(]+ \(was \d keys?, \d members?\)"
    assert re.fullmatch(gone, last), last


def test_a_watch_ends_when_its_node_is_gone(trio: Trio, tmp_path: Path) -> None:
    words = ("watch", "--node", trio.addresses["b"], "--snapshot")
    with terminal(tmp_path, *words) as opened:
        opened.await_line("user/b")
        trio.nodes["b"].process.send_signal(signal.SIGKILL)

        assert opened.status(20) == 1
        assert opened.err.startswith("groupctl watch: node b is down: ")
