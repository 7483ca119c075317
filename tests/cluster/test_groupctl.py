"""groupctl as people use it: nodes in terminals, looked into from other terminals."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.terminals import ROOT, START_LIMIT, Terminal, terminal
from tests.waiting import eventually
from transport.testing import free_ports

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

APP = ("--app", "tests.cluster.app:factory")
# Promised in the help of `start`, in seconds.
STOP_TIMEOUT = 2.0


class Pair:
    """Nodes a and b, which see each other."""

    def __init__(self, folder: Path) -> None:
        self.a = Terminal(folder, "start", "--name", "a", *APP)
        self.address = address_in(self.a)
        self.b = Terminal(folder, "start", "--name", "b", "--join", self.address, *APP)
        self.a.await_line("+ b is here; 2 nodes")
        self.b.await_line("+ a is here; 2 nodes")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.a.end()
    made.b.end()


def address_in(opened: Terminal) -> str:
    return opened.await_line(" is up at ").split(" is up at ")[1].split(",")[0]


def groupctl(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "group", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def look(pair: Pair, *words: str) -> subprocess.CompletedProcess[str]:
    return groupctl(*words, "--node", pair.address)


def test_the_ready_line_says_how_to_join(pair: Pair) -> None:
    first = pair.a.out.splitlines()[0]

    assert first == (
        f"a is up at {pair.address}, group my_app. "
        f"Join it: groupctl start --join {pair.address}"
    )


def test_nodes_lists_both_and_not_the_one_that_asks(pair: Pair) -> None:
    assert look(pair, "nodes").stdout == "a\nb\n"
    assert json.loads(look(pair, "nodes", "--json").stdout) == ["a", "b"]
    assert " is here; 3 nodes" not in pair.a.out


def test_a_nodes_own_settings_do_not_disturb_a_look_into_it(pair: Pair) -> None:
    done = groupctl(
        "nodes",
        "--node",
        pair.address,
        GROUP_NODE="a",
        GROUP_LISTEN=pair.address,
        GROUP_JOIN=address_in(pair.b),
        GROUP_ADVERTISE=pair.address,
    )

    assert (done.stdout, done.stderr) == ("a\nb\n", "")


def test_status_draws_a_table_and_gives_it_as_json(pair: Pair) -> None:
    drawn = look(pair, "status")
    given = json.loads(look(pair, "status", "--json").stdout)

    head, columns, *rows = drawn.stdout.splitlines()
    assert head.startswith(f"my_app on a@{pair.address}   2 nodes up, 0 down")
    assert columns.split()[:2] == ["NODE", "STATE"]
    assert [row.split("@")[0] for row in rows] == ["a", "b"]
    assert (given["keys"], given["members"]) == (2, 2)
    assert [row["name"] for row in given["nodes"]] == ["a", "b"]


def test_keys_are_listed_by_prefix(pair: Pair) -> None:
    assert look(pair, "keys").stdout == "clerk/a\nclerk/b\nclerks\n"
    assert look(pair, "keys", "clerk/").stdout == "clerk/a\nclerk/b\n"
    nothing = look(pair, "keys", "nobody/")
    assert (nothing.stdout, nothing.returncode) == ("", 1)
    assert nothing.stderr == "groupctl keys: there is no key under 'nobody/'\n"


def test_lookup_names_owner_and_node(pair: Pair) -> None:
    found = look(pair, "lookup", "clerk/b", "--json")
    missing = look(pair, "lookup", "clerk/z")

    row = json.loads(found.stdout)
    assert (row["actor"], row["node"]) == ("Clerk", "b")
    assert row["meta"] == {"pid": pair.b.process.pid}
    assert missing.stderr == "groupctl lookup: nobody has registered 'clerk/z'\n"
    assert missing.returncode == 1


def test_members_are_those_of_all_nodes(pair: Pair) -> None:
    rows = json.loads(look(pair, "members", "clerks", "--json").stdout)

    assert sorted(row["meta"]["node"] for row in rows) == ["a", "b"]


def test_tree_draws_what_runs_there(pair: Pair) -> None:
    drawn = look(pair, "tree").stdout

    assert "GroupSupervisor running" in drawn
    assert "└── ops (Operations) running" in drawn
    assert "App running\n└── Clerk running" in drawn


def test_ping_tells_the_time_of_a_round_trip(pair: Pair) -> None:
    answer = json.loads(look(pair, "ping", "--json").stdout)

    assert answer["node"] == "a"
    assert 0 < answer["rtt"] < 5


def test_questions_that_cannot_be_answered_say_why(pair: Pair) -> None:
    bad_key = look(pair, "lookup", "")
    no_group = look(pair, "status", "--group", "other")

    assert bad_key.returncode == 2
    assert bad_key.stderr.startswith("groupctl lookup: key must be 1")
    assert no_group.returncode == 1
    assert no_group.stderr == (
        "groupctl status: node a runs no group 'other', but 'my_app'; say --group "
        "NAME\n"
    )


def test_a_node_that_is_not_there_is_said_at_once(pair: Pair) -> None:
    began = time.monotonic()
    # Nobody listens on the discard port.
    done = groupctl("status", "--node", "127.0.0.1:9", "--timeout", "30")

    assert done.returncode == 1
    assert done.stderr == (
        "groupctl status: cannot join 127.0.0.1:9: connection refused. Is a node "
        "running there? Start one: groupctl start --listen 127.0.0.1:9. Another node: "
        "--node HOST:PORT\n"
    )
    assert time.monotonic() - began < 15


def test_a_node_with_another_cookie_is_not_answered(pair: Pair, tmp_path: Path) -> None:
    other = tmp_path / "cookie"
    other.write_text("o" * 32, encoding="utf-8")
    other.chmod(0o600)
    done = look(pair, "nodes", "--cookie-file", str(other))

    assert done.returncode == 1
    assert f"cookie differs (ours from {other})" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_node_in_order(
    pair: Pair, tmp_path: Path, number: signal.Signals
) -> None:
    name = number.name.lower()
    words = ("start", "--name", name, "--join", pair.address, *APP)
    with terminal(tmp_path, *words) as c:
        pair.a.await_line(f"+ {name} is here; 3 nodes")
        began = time.monotonic()
        c.process.send_signal(number)

        assert c.status() == 0
        took = time.monotonic() - began

        print(f"stopped {took:.2f} s after {number.name}")
        assert took < 5 * STOP_TIMEOUT
        assert c.out.splitlines()[-1] == f"{name} stops: {number.name}"
        assert c.err == ""
        pair.a.await_line(f"- {name} is gone: stopped; 2 nodes")


def test_a_program_is_told_in_json(pair: Pair, tmp_path: Path) -> None:
    words = ("start", "--name", "j", "--join", pair.address, "--json", *APP)
    with terminal(tmp_path, *words) as j:
        # In which order the two are met is not promised.
        j.await_line('"nodes": 3')
        j.press_ctrl_c()
        assert j.status() == 0
        lines = [json.loads(line) for line in j.out.splitlines()]

    up, *others, stops = lines
    assert (up["event"], up["node"], up["group"]) == ("up", "j", "my_app")
    assert up["address"].startswith("127.0.0.1:")
    assert sorted((each["event"], each["node"]) for each in others) == [
        ("node_up", "a"),
        ("node_up", "b"),
    ]
    assert [each["nodes"] for each in others] == [2, 3]
    assert stops == {"event": "stops", "node": "j", "reason": "SIGINT"}


def test_an_app_that_does_not_end_is_left_behind_in_time(tmp_path: Path) -> None:
    with terminal(tmp_path, "start", "--app", "tests.cluster.app:stubborn") as node:
        node.await_line(" is up at ")
        began = time.monotonic()
        node.press_ctrl_c()

        assert node.status(30) == 0
        print(f"stopped after {time.monotonic() - began:.2f} s")
        assert "the app did not end in time" in node.out
        assert time.monotonic() - began < 5 * STOP_TIMEOUT


def readiness(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}/ready", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
    except urllib.error.URLError as nobody:
        return 0, str(nobody)


def test_a_node_is_not_ready_once_it_was_told_to_stop(tmp_path: Path) -> None:
    http = f"127.0.0.1:{next(free_ports())}"
    stubborn = ("--app", "tests.cluster.app:stubborn", "--stop-timeout", "20")
    with terminal(tmp_path, "start", "--http", http, *stubborn) as node:
        node.await_line(" is up at ")
        assert readiness(http)[0] == 200

        node.press_ctrl_c()

        eventually(lambda: readiness(http)[0] == 503, 10)
        assert "app: the app is stopping" in readiness(http)[1]


def test_a_node_is_not_ready_before_its_app_has_started(tmp_path: Path) -> None:
    http = f"127.0.0.1:{next(free_ports())}"
    hanging = ("--app", "tests.cluster.app:hanging")
    with terminal(tmp_path, "start", "--http", http, *hanging) as node:
        node.await_line("hanging")

        status, words = readiness(http)

    assert (status, "app: the app is starting" in words) == (503, True), words


def test_a_second_ctrl_c_ends_a_start_that_hangs(tmp_path: Path) -> None:
    with terminal(tmp_path, "start", "--app", "tests.cluster.app:hanging") as node:
        node.await_line("hanging")

        def ended() -> bool:
            # Two signals at once are one.
            node.press_ctrl_c()
            return node.process.poll() is not None

        eventually(ended, 30)

        assert node.status() == -signal.SIGINT
        assert node.err == ""


def test_an_app_that_gives_up_ends_the_command(tmp_path: Path) -> None:
    with terminal(tmp_path, "start", "--app", "tests.cluster.app:failing") as node:
        assert node.status(30) == 1
        assert "stops: the app has ended: " in node.out
        assert "RuntimeError: this app never works" in node.err


def test_a_crash_in_another_process_is_seen(tmp_path: Path) -> None:
    with terminal(tmp_path, "start", "--app", "tests.cluster.app:hurting") as node:
        (line,) = eventually(node.take_crashes, START_LIMIT)
        node.press_ctrl_c()
        assert node.status() == 0

    assert "child_terminated supervisor=GroupSupervisor" in line
    assert "actor=MonitorRegistry" in line
    assert node.take_crashes() == []


def test_a_name_that_lives_already_is_refused(pair: Pair, tmp_path: Path) -> None:
    done = groupctl("start", "--name", "a", "--join", pair.address)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("groupctl start: ")
    assert "'a'" in done.stderr.splitlines()[-1]


def test_a_port_that_is_taken_is_refused(pair: Pair) -> None:
    done = groupctl("start", "--listen", pair.address)

    assert done.returncode == 1
    assert done.stderr == (
        f"groupctl start: {pair.address} is already in use (pid unknown)\n"
    )
