"""`groupctl dashboard` and `groupctl start --http`, as people use them."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from group._cli.commands import main
from tests.cluster.terminals import Terminal, terminal
from tests.http.visitor import TOKEN, visit
from tests.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

APP = ("--app", "tests.cluster.app:factory")
LIMIT = 20.0


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with terminal(tmp_path_factory.mktemp("first"), "start", "--name", "a", *APP) as a:
        a.await_line(" is up at ")
        yield a


def address_of(node: Terminal) -> str:
    return node.await_line(" is up at ").split(" is up at ")[1].split(",")[0]


def get(url: str, name: str, **query: str) -> dict[str, Any]:
    answer = visit(url, f"/api/{name}", query=query)
    assert answer.status == 200, answer.text
    return answer.json()


def test_a_node_serves_its_own_page(tmp_path: Path) -> None:
    words = ("start", "--name", "web", "--http", "127.0.0.1:0", *APP)
    with terminal(tmp_path, *words) as node:
        url = node.await_line("Dashboard: ").split()[1]

        assert "<title>" in visit(url).text
        assert get(url, "status")["node"] == "web"
        assert visit(url, "/alive").status == 200
        node.press_ctrl_c()
        assert node.status() == 0
        assert node.err == ""


def test_a_cluster_is_shown_from_outside_without_a_trace(
    first: Terminal, tmp_path: Path
) -> None:
    with terminal(tmp_path, "dashboard", "--node", address_of(first)) as page:
        line = page.await_line("my_app seen from a: http://")
        url = line.split(": ")[1].split()[0]

        assert "<title>" in visit(url).text
        status = get(url, "status")
        assert [row["name"] for row in status["nodes"]] == ["a"]
        assert get(url, "keys")["total"] == 2
        assert " is here; 2 nodes" not in first.out
        page.press_ctrl_c()
        assert page.status() == 0
        assert page.err == ""


def test_the_page_goes_on_with_another_node_when_its_own_is_killed(
    first: Terminal, tmp_path: Path
) -> None:
    join = ("--join", address_of(first))
    with terminal(tmp_path, "start", "--name", "b", *join, *APP) as b:
        first.await_line("+ b is here")
        with terminal(tmp_path, "dashboard", "--json", "--node", address_of(b)) as page:
            said = json.loads(page.await_line("http://"))
            assert (said["group"], said["node"]) == ("my_app", "b")
            url = said["url"]
            assert get(url, "status")["node"] == "b"
            assert get(url, "status", node="a")["node"] == "a"

            b.process.send_signal(signal.SIGKILL)

            def moved() -> bool:
                answer = visit(url, "/api/status")
                return answer.status == 200 and answer.json()["node"] == "a"

            eventually(moved, LIMIT, what="it looks from a")
            rows = {row["name"]: row["state"] for row in get(url, "status")["nodes"]}
            assert rows["a"] == "up"


def test_a_token_comes_from_a_file(first: Terminal, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    words = ("--node", address_of(first), "--http-token-file", str(secret))
    with terminal(tmp_path, "dashboard", *words) as page:
        url = page.await_line("http://").split(": ")[1].split()[0]

        assert visit(url).status == 401
        assert visit(url, Authorization=f"Bearer {TOKEN}").status == 200


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--http", "0.0.0.0:0"), 2, "set --http-token-file or GROUP_HTTP_TOKEN"),
        (("--http", "nowhere"), 2, "bad http address"),
        (("--http-token-file", "/nowhere"), 2, "No such file"),
        (("--group", "other"), 1, "runs no group 'other'"),
        (("--node", "127.0.0.1:9", "--timeout", "5"), 1, "127.0.0.1:9"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_shown(
    first: Terminal,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    address = address_of(first)
    capsys.readouterr()

    given = main(["dashboard", "--node", address, *words])

    told = capsys.readouterr()
    assert (given, told.out) == (status, "")
    assert said in told.err
    assert told.err.startswith("groupctl dashboard: ") or status == 1
