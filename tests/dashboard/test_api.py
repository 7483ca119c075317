"""What the dashboard's page asks for, over real sockets, on two nodes."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from actors import ActorRef
from group import Group
from group import _dashboard as dashboard
from group._dashboard.page import Dashboard
from group._dashboard.reach import HiddenReach
from group._version import VERSION
from tests.group.people import PATIENCE, Listener, await_meeting, listeners, settle
from tests.http.visitor import LIMIT, Answer, visit, where
from tests.waiting import eventually
from transport import Node, NodeId
from transport._links.exchange import Exchange

Json = dict[str, Any]
STATIC = Path(dashboard.__file__).parent / "static"
SCRIPTS = [path.name for path in STATIC.glob("*.js")]
SCRIPT = "<script>alert('key')</script>"


@dataclass
class Pair:
    """Nodes a and b; a has the server."""

    a: Group
    b: Group
    url: str

    def get(self, name: str, **query: str) -> Json:
        answer = self.visit(name, **query)
        assert answer.status == 200, answer.text
        return answer.json()

    def visit(self, name: str, **query: str) -> Answer:
        return visit(self.url, f"/api/{name}", query=query)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with two_nodes("a", "b") as made:
        yield made


@contextmanager
def two_nodes(one: str, two: str) -> Iterator[Pair]:
    with ExitStack() as stack:
        a = stack.enter_context(Node.start(one, http="127.0.0.1:0"))
        b = stack.enter_context(Node.start(two, join=a.address))
        ga = stack.enter_context(Group.start("app", node=a, log=False))
        gb = stack.enter_context(Group.start("app", node=b, log=False))
        await_meeting(ga, gb)
        assert a.http_url is not None
        yield Pair(ga, gb, a.http_url)


@pytest.fixture
def ref() -> Iterator[ActorRef[Listener]]:
    """An actor to register; its rows go with it."""
    with listeners() as (made,):
        yield made


def keys(answer: Json) -> list[str]:
    return [row["key"] for row in answer["rows"]]


def test_the_page_and_its_files_are_there(pair: Pair) -> None:
    page = visit(pair.url)

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" in page.text
    for name in (*SCRIPTS, "app.css", "icon.svg"):
        found = visit(pair.url, f"/{name}")
        assert found.status == 200
        assert found.headers["Content-Type"].startswith(("text/", "image/svg"))
    assert visit(pair.url, "/secrets.txt").status == 404
    assert visit(pair.url, "/../page.py").status == 404
    assert visit(pair.url, "/api/").status == 404


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script_within(
    pair: Pair,
) -> None:
    page = visit(pair.url).text

    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert " on" not in " ".join(p for p in page.split() if "=" in p and p[:2] == "on")
    assert "style=" not in page
    assert page.count("<script") == page.count('<script type="module" src=')
    for name in SCRIPTS:
        text = visit(pair.url, f"/{name}").text
        assert "innerHTML" not in text
        assert "insertAdjacentHTML" not in text


def test_groups_say_what_runs_here(pair: Pair) -> None:
    found = pair.get("groups")

    assert (found["groups"], found["node"]) == (["app"], "a")


def test_each_node_is_shown_as_it_sees_the_cluster(pair: Pair) -> None:
    here, there = pair.get("status"), pair.get("status", node="b")

    assert (here["node"], there["node"]) == ("a", "b")
    assert {row["name"] for row in there["nodes"]} == {"a", "b"}
    assert len(there["shards"]) == 8
    assert json.loads(pair.visit("nodes").body) == ["a", "b"]


def test_the_trees_of_another_process_are_shown_by_its_own_node(pair: Pair) -> None:
    roots = pair.get("tree", node="b")["roots"]

    assert "GroupSupervisor" in [root["id"] for root in roots]


def test_keys_come_in_pages_whichever_way(pair: Pair, ref: ActorRef[Listener]) -> None:
    names = [f"page/{n:03}" for n in range(25)]
    for name in names:
        pair.a.register(name, {"n": name}, actor=ref)

    first = pair.get("keys", start="page/", limit="10")
    second = pair.get("keys", start="page/", limit="10", after=keys(first)[-1])
    third = pair.get("keys", start="page/", limit="10", after=keys(second)[-1])
    back = pair.get("keys", start="page/", limit="10", before=keys(third)[0])
    beyond = pair.get("keys", start="page/", after=names[-1])

    pages = (first, second, third)
    assert [key for page in pages for key in keys(page)] == names
    assert [page["first"] for page in pages] == [0, 10, 20]
    assert {page["total"] for page in (*pages, beyond)} == {25}
    assert (keys(back), back["first"]) == (keys(second), 10)
    assert beyond["rows"] == []


def test_keys_are_found_by_how_they_begin_and_by_kind(
    pair: Pair, ref: ActorRef[Listener]
) -> None:
    for name in ("find/ann", "find/anna", "find/ben"):
        pair.a.register(name, actor=ref)
    pair.a.join("find/andes", {"m": 1}, actor=ref)

    assert keys(pair.get("keys", start="find/ann")) == ["find/ann", "find/anna"]
    assert keys(pair.get("keys", start="find/an", kind="member")) == ["find/andes"]
    assert len(keys(pair.get("keys", start="find/", kind="registered"))) == 3
    assert keys(pair.get("keys", start="nobody")) == []
    (row,) = pair.get("keys", start="find/andes")["rows"]
    assert (row["owner"], row["members"]) == (None, 1)


@pytest.mark.parametrize("limit", ["0", "-1", "9999", "99999", "many", ""])
def test_a_page_has_a_bounded_size(pair: Pair, limit: str) -> None:
    with listeners() as (ref,):
        for n in range(210):
            pair.a.register(f"bounded/{n}", actor=ref)
        assert 1 <= len(keys(pair.get("keys", start="bounded/", limit=limit))) <= 200


def test_a_meta_is_cut_and_a_key_is_only_text(
    pair: Pair, ref: ActorRef[Listener]
) -> None:
    pair.a.register(SCRIPT, {"html": SCRIPT, "long": "x" * 10_000}, actor=ref)

    answer = pair.visit("keys", start="<")

    (row,) = answer.json()["rows"]
    assert row["key"] == SCRIPT
    assert len(row["owner"]["meta"]) <= 240
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_key_is_told_in_detail(pair: Pair, ref: ActorRef[Listener]) -> None:
    pair.a.register("detail/1", {"n": 1}, actor=ref)
    pair.a.join("detail/1", {"n": 2}, actor=ref)
    settle(pair.a)

    seen = pair.get("key", key="detail/1", node="b")

    (claim,) = seen["claims"]
    assert (claim["node"], claim["wins"], claim["meta"]) == ("a", True, "{'n': 1}")
    assert seen["members"] == {"a": 1}
    assert seen["member_count"] == 1
    assert [row["meta"] for row in seen["member_rows"]] == ["{'n': 2}"]


def test_a_cluster_is_shown_apart(pair: Pair, ref: ActorRef[Listener]) -> None:
    with pair.a.connect("red") as red:
        red.register("only/red", actor=ref)

        assert keys(pair.get("keys", cluster="red")) == ["only/red"]
        assert keys(pair.get("keys", start="only/")) == []
        assert pair.get("key", key="only/red", cluster="red")["claims"]


@pytest.mark.parametrize(
    ("name", "query", "status", "words"),
    [
        ("status", {"node": "nobody"}, 502, "nobody does not answer"),
        ("status", {"group": "other"}, 502, "no group 'other' runs on a"),
        ("events", {"group": "other"}, 200, "no group 'other' runs on a"),
        ("key", {}, 400, "say which: /api/key?key=KEY"),
        ("keys", {"group": "g" * 2000, "node": "b"}, 502, "no group or node has such"),
        ("key", {"key": ""}, 400, "key must be"),
        ("keys", {"cluster": "x" * 300}, 400, "cluster"),
        ("keys", {"start": "\0/"}, 400, "key must be"),
        ("keys", {"kind": "odd"}, 200, "rows"),
    ],
)
def test_what_cannot_be_answered_is_said_in_words(
    pair: Pair, name: str, query: dict[str, str], status: int, words: str
) -> None:
    answer = pair.visit(name, **query)

    assert answer.status == status
    assert words in answer.text


# --- live events


class Listening:
    """A browser that listens to events."""

    def __init__(self, url: str, query: str = "") -> None:
        self._sock = socket.create_connection(where(url), LIMIT)
        ask = f"GET /api/events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self._sock.sendall(ask.encode())
        self._lines = self._sock.makefile("rb")
        self.await_event("open")

    def await_event(self, name: str) -> Json:
        for line in self._lines:
            if line == f"event: {name}\n".encode():
                data: Json = json.loads(next(self._lines).removeprefix(b"data: "))
                return data
        raise RuntimeError(f"the stream ended without {name}")

    def await_key(self, key: str) -> Json:
        while True:
            events: list[Json] = self.await_event("events")["events"]
            for event in events:
                if event["key"] == key:
                    return event

    def close(self) -> None:
        self._lines.close()
        self._sock.close()


@contextmanager
def listening(url: str, query: str = "") -> Iterator[Listening]:
    made = Listening(url, query)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("node", ["a", "b"])
def test_events_are_told_as_each_node_sees_them(pair: Pair, node: str) -> None:
    with listening(pair.url, f"node={node}") as browser, listeners() as (ref,):
        pair.a.register("live/1", {"n": 1}, actor=ref)

        event = browser.await_key("live/1")

        assert (event["type"], event["node"]) == ("registered", "a")
        assert (event["actor"], event["meta"]) == ("Listener", "{'n': 1}")
        pair.a.unregister("live/1")
        gone = browser.await_key("live/1")
        assert (gone["type"], gone["reason"]) == ("unregistered", "unregister")


def test_events_can_be_of_one_prefix(pair: Pair, ref: ActorRef[Listener]) -> None:
    with listening(pair.url, "pattern=only%2F") as browser:
        pair.a.register("others/1", actor=ref)
        pair.a.register("only/1", actor=ref)

        first = browser.await_event("events")["events"][0]

    assert first["key"] == "only/1"


@pytest.mark.slow
def test_more_than_can_be_read_is_counted_and_holds_nobody_up(pair: Pair) -> None:
    with listening(pair.url) as browser, listeners() as (ref,):
        for n in range(4_000):
            pair.a.join("flood", {"n": n}, actor=ref)

        told = missed = 0
        while told + missed < 4_000:
            batch = browser.await_event("events")
            told += len(batch["events"])
            missed += batch["missed"]
            assert len(batch["events"]) <= 200

    print(f"{told} told, {missed} left out")
    assert missed > 0


def test_nothing_is_left_of_a_browser_that_has_gone(pair: Pair) -> None:
    def feeds() -> int:
        tables = pair.a._instance.store.tables
        return max(len(t.subscriptions.matching("", "x")) for t in tables)

    eventually(lambda: feeds() == 0, PATIENCE)
    with listening(pair.url):
        assert feeds() == 1

    eventually(lambda: feeds() == 0, PATIENCE, what="it is forgotten")


# --- from outside


@pytest.mark.slow
def test_a_hidden_node_shows_the_same_and_outlives_the_node_it_was_told_of() -> None:
    with (
        two_nodes("c", "d") as pair,
        Node.start(
            "looker", join=pair.b.node.address, hidden=True, http="127.0.0.1:0"
        ) as looker,
    ):
        looker.wait_peers(1, PATIENCE)
        looker.pages.add("/", Dashboard(HiddenReach(looker, "app")).answer)
        assert looker.http_url is not None
        outside = Pair(pair.a, pair.b, looker.http_url)

        seen = outside.get("status")
        assert seen["node"] == "d"
        assert {row["name"] for row in seen["nodes"]} == {"c", "d"}
        assert outside.get("status", node="c")["node"] == "c"
        with listening(outside.url, "node=c") as browser, listeners() as (ref,):
            pair.b.register("out/1", actor=ref)
            assert browser.await_key("out/1")["node"] == "d"
            pair.b.node.stop()
            assert browser.await_key("d")["type"] == "node_down"

        eventually(lambda: outside.get("status")["node"] == "c", PATIENCE)


@pytest.mark.slow
def test_who_asks_for_a_node_that_is_just_being_linked_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link_up = Exchange._link_up

    def late(me: Exchange, token: int, node: NodeId) -> None:
        if me.me.name == "looker" and node.name == "c":
            time.sleep(0.3)
        link_up(me, token, node)

    monkeypatch.setattr(Exchange, "_link_up", late)
    with (
        two_nodes("c", "d") as pair,
        Node.start(
            "looker", join=pair.b.node.address, hidden=True, http="127.0.0.1:0"
        ) as looker,
    ):
        looker.wait_peers(1, PATIENCE)
        looker.pages.add("/", Dashboard(HiddenReach(looker, "app")).answer)
        assert looker.http_url is not None
        outside = Pair(pair.a, pair.b, looker.http_url)
        outside.get("status")
        # As the mesh has it; nothing can be sent yet.
        eventually(lambda: len(looker.peers()) == 2, PATIENCE)

        assert outside.get("status", node="c")["node"] == "c"


def test_a_hidden_node_says_that_the_only_node_is_lost() -> None:
    with (
        Node.start("e") as node,
        Group.start("app", node=node, log=False),
        Node.start(
            "looker", join=node.address, hidden=True, http="127.0.0.1:0"
        ) as looker,
    ):
        looker.wait_peers(1, PATIENCE)
        looker.pages.add("/", Dashboard(HiddenReach(looker, "app")).answer)
        assert looker.http_url is not None
        url = looker.http_url
        node.stop()
        eventually(lambda: visit(url, "/api/status").status == 502, PATIENCE)

        answer = visit(url, "/api/status")

    assert answer.status == 502
    assert answer.json() == {"error": "e is not linked"}


def test_a_dashboard_without_a_group_says_so() -> None:
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        node.pages.add("/", Dashboard.local(node).answer)
        assert node.http_url is not None
        url = node.http_url

        assert visit(url, "/api/groups").json() == {
            "groups": [],
            "node": "a",
            "version": VERSION,
        }
        answer = visit(url, "/api/status")

    assert answer.status == 502
    assert "no group runs on this node" in answer.text
