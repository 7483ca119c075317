"""The operations server on real sockets: what it serves, what it does not suffer."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from actors import tree
from tests.http.visitor import (
    LIMIT,
    TOKEN,
    connected,
    everything,
    raw,
    status_of,
    visit,
    where,
)
from tests.waiting import eventually
from transport import ConfigError, ListenError, Node, Request, Response
from transport._http import conversation, server

HOST = b"Host: localhost\r\n"


@pytest.fixture
def node() -> Iterator[Node]:
    with Node.start("a", listen=None, http="127.0.0.1:0") as started:
        yield started


def url_of(node: Node) -> str:
    assert node.http_url is not None
    return node.http_url


# --- start


def test_a_node_has_no_server_unless_asked() -> None:
    with Node.start("a", listen=None) as node:
        assert node.http_url is None
        assert "http" not in str(tree())


@pytest.mark.parametrize("where_to", ["8080", "127.0.0.1", "127.0.0.1:http", ""])
def test_an_address_that_is_none_is_refused(where_to: str) -> None:
    with pytest.raises(ConfigError, match="bad http address"):
        Node.start("a", listen=None, http=where_to)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.4", "[::]", "ops.example.org"])
def test_beyond_loopback_it_does_not_start_without_a_token(host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Node.start("a", listen=None, http=f"{host}:0")

    assert str(refused.value).startswith(
        f"refusing to serve http on {host.strip('[]')}"
    )
    assert "set http_token= or GROUP_HTTP_TOKEN" in str(refused.value)


@pytest.mark.parametrize("token", ["short", "with a space in it", "t\u00f6ken" * 5, ""])
def test_a_token_that_is_easily_guessed_or_sent_wrong_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="http_token must be"):
        Node.start("a", listen=None, http="127.0.0.1:0", http_token=token)


def test_with_a_token_it_listens_beyond_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GROUP_HTTP_TOKEN", TOKEN)
    with Node.start("a", listen=None, http="0.0.0.0:0") as node:
        url = f"http://127.0.0.1:{where(url_of(node))[1]}/"
        assert visit(url).status == 401
        assert visit(url, Authorization=f"Bearer {TOKEN}").status == 200


def test_a_port_that_is_taken_is_said(node: Node) -> None:
    host, port = where(url_of(node))

    with pytest.raises(ListenError, match="is already in use"):
        Node.start("b", listen=None, http=f"{host}:{port}")


def test_it_is_a_child_of_the_node(node: Node) -> None:
    assert "└── http (HttpServer) running" in str(tree())


# --- answers


def test_a_node_without_a_group_says_what_there_is(node: Node) -> None:
    page = visit(url_of(node))

    assert page.status == 200
    assert "no group on it" in page.text
    assert "/metrics" in page.text


def test_what_there_is_not_is_not_found(node: Node) -> None:
    assert visit(url_of(node), "/nothing").status == 404


def test_a_page_is_added_and_taken_back(node: Node) -> None:
    def page(asked: Request) -> Response:
        return Response(f"{asked.path} {dict(asked.query)}".encode())

    take_back = node.pages.add("/mine/", page)

    answer = visit(url_of(node), "/mine/a", query={"b": "c"})
    assert answer.text == "a {'b': 'c'}"
    assert take_back()
    assert not take_back()
    assert visit(url_of(node), "/mine/a").status == 404


def test_the_newest_page_of_a_prefix_answers_and_the_longest_prefix_wins(
    node: Node,
) -> None:
    def says(word: bytes) -> Callable[[Request], Response]:
        return lambda _asked: Response(word)

    node.pages.add("/", says(b"root"))
    node.pages.add("/a/", says(b"older"))
    newer = node.pages.add("/a/", says(b"newer"))

    assert visit(url_of(node), "/x").text == "root"
    assert visit(url_of(node), "/a/x").text == "newer"
    newer()
    assert visit(url_of(node), "/a/x").text == "older"


@pytest.mark.crashes("page_failed", by="no such luck")
def test_a_page_that_fails_is_an_error_of_ours_and_the_server_lives(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_asked: Request) -> Response:
        raise RuntimeError("no such luck")

    node.pages.add("/broken/", broken)

    answer = visit(url_of(node), "/broken/")

    assert answer.status == 500
    assert "no such luck" not in answer.text
    assert "page_failed" in caplog.text
    assert visit(url_of(node), "/alive").status == 200


def test_head_has_the_head_alone(node: Node) -> None:
    whole, head = visit(url_of(node)), visit(url_of(node), method="HEAD")

    assert head.status == 200
    assert head.body == b""
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    # A client does not look at what follows; what comes next would be taken for it.
    sent = raw(
        url_of(node), b"HEAD / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    )
    assert sent.endswith(b"\r\n\r\n")


def test_every_answer_has_the_headers_that_keep_a_browser_safe(node: Node) -> None:
    for path, method in (("/", "GET"), ("/nothing", "GET"), ("/", "POST")):
        headers = visit(url_of(node), path, method).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Python" not in headers["Server"]


def test_it_only_shows(node: Node) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
        answer = visit(url_of(node), "/", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_name_of_somebody_else_gets_nothing(node: Node) -> None:
    answer = visit(url_of(node), Host="evil.test:8080")

    assert answer.status == 403
    assert "http_hosts=" in answer.text


def test_names_can_be_allowed() -> None:
    with Node.start(
        "a", listen=None, http="127.0.0.1:0", http_hosts=["ops.test"]
    ) as node:
        assert visit(url_of(node), Host="ops.test").status == 200


def test_with_a_token_a_browser_gets_a_cookie_and_no_token_stays_in_its_address() -> (
    None
):
    with Node.start("a", listen=None, http="127.0.0.1:0", http_token=TOKEN) as node:
        url = url_of(node)
        assert visit(url, "/alive").status == 200
        assert visit(url, "/ready").status == 200
        assert visit(url, "/metrics").status == 401
        refused = visit(url)
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert TOKEN not in refused.text

        welcome = visit(url, query={"token": TOKEN})

        assert (welcome.status, welcome.headers["Location"]) == (303, "/")
        cookie = welcome.headers["Set-Cookie"].partition(";")[0]
        assert visit(url, Cookie=cookie).status == 200


# --- connections


def test_one_connection_takes_many_requests(node: Node) -> None:
    ask = b"GET /alive HTTP/1.1\r\n" + HOST + b"\r\n"
    with connected(url_of(node)) as sock:
        sock.sendall(ask * 2)
        sock.sendall(b"GET /alive HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        found = everything(sock)

    assert found.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET /alive\r\n\r\n", 400),
        (b"GET /alive HTTP/7.0\r\n\r\n", 505),
        (b"GET /alive HTTP/x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a b c\r\n\r\n", 400),
        (b"GET http://evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: %s\r\n" % (b"a" * 900) * 30, 431),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(
    node: Node, sent: bytes, status: int
) -> None:
    assert status_of(raw(url_of(node), sent)) == status
    assert visit(url_of(node), "/alive").status == 200


def test_a_body_is_not_taken_for_the_next_request(node: Node) -> None:
    hidden = b"GET /alive HTTP/1.1\r\n" + HOST + b"\r\n"
    size = b"Content-Length: %d\r\n\r\n" % len(hidden)

    found = raw(url_of(node), b"GET / HTTP/1.1\r\n" + HOST + size + hidden)

    assert found.count(b"HTTP/1.1") == 1


def test_an_empty_connection_harms_nobody(node: Node) -> None:
    with connected(url_of(node)):
        pass
    with connected(url_of(node)) as sock:
        sock.sendall(b"GET / HT")

    assert visit(url_of(node), "/alive").status == 200


@pytest.mark.slow
def test_whoever_dawdles_over_a_request_is_cut_off(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIME", 0.3)
    began = time.monotonic()
    with connected(url_of(node)) as sock:
        sock.settimeout(0.05)
        while time.monotonic() - began < LIMIT:
            # Each byte is in time; the head as a whole is not.
            try:
                sock.sendall(b"X")
                if sock.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    took = time.monotonic() - began

    print(f"cut off after {took:.2f} s")
    assert took < LIMIT / 2


@pytest.mark.slow
def test_whoever_does_not_read_is_cut_off(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "WRITE_TIME", 0.3)
    ended = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            ended.set()

    node.pages.add("/endless/", lambda _asked: Response(endless()))
    with connected(url_of(node)) as sock:
        sock.sendall(b"GET /endless/ HTTP/1.1\r\n" + HOST + b"\r\n")
        assert ended.wait(LIMIT)


def test_a_stream_ends_with_its_reader(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "STILL_HERE", 0.05)
    ended = threading.Event()

    def quiet() -> Iterator[bytes]:
        try:
            yield b"hello"
            while not ended.wait(0.02):
                yield b""
        finally:
            ended.set()

    node.pages.add("/quiet/", lambda _asked: Response(quiet()))
    with connected(url_of(node)) as sock:
        sock.sendall(b"GET /quiet/ HTTP/1.1\r\n" + HOST + b"\r\n")
        seen = b""
        while b"still here" not in seen:
            seen += sock.recv(1000)
        assert b"Connection: close" in seen
        assert b"Content-Length" not in seen
    assert ended.wait(LIMIT)


def test_streams_are_few_and_the_probes_answer_beside_them(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_STREAMS", 2)
    go_on = threading.Event()

    def wait() -> Iterator[bytes]:
        yield b"here"
        while not go_on.wait(0.02):
            yield b""

    node.pages.add("/wait/", lambda _asked: Response(wait()))
    ask = b"GET /wait/ HTTP/1.1\r\n" + HOST + b"\r\n"
    with connected(url_of(node)) as one, connected(url_of(node)) as two:
        for sock in (one, two):
            sock.sendall(ask)
            while not sock.recv(4000).endswith(b"here"):
                pass
        assert visit(url_of(node), "/wait/").status == 503
        assert visit(url_of(node), "/alive").status == 200
        go_on.set()
    # Their places are given back.
    go_on.set()
    eventually(lambda: visit(url_of(node), "/wait/").status == 200, LIMIT)


def test_idle_visitors_give_way_to_whoever_asks(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_VISITS", 8)
    idle = [socket.create_connection(where(url_of(node)), LIMIT) for _ in range(30)]
    try:
        for _ in range(10):
            assert visit(url_of(node), "/alive").status == 200
        oldest_first = [sock for sock in idle if _is_closed(sock)]
        assert len(oldest_first) >= 22
        assert not _is_closed(idle[-1])
    finally:
        for sock in idle:
            sock.close()


def _is_closed(sock: socket.socket) -> bool:
    sock.settimeout(0.01)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_when_all_are_busy_one_more_is_turned_away(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_VISITS", 2)
    busy, go_on = threading.Semaphore(0), threading.Event()

    def slow(_asked: Request) -> Response:
        busy.release()
        go_on.wait(LIMIT)
        return Response(b"at last")

    node.pages.add("/slow/", slow)
    ask = b"GET /slow/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with connected(url_of(node)) as one, connected(url_of(node)) as two:
        for sock in (one, two):
            sock.sendall(ask)
            assert busy.acquire(timeout=LIMIT)
        assert raw(url_of(node), b"GET /alive HTTP/1.1\r\n" + HOST + b"\r\n") == b""
        go_on.set()
        assert everything(one).endswith(b"at last")
        assert everything(two).endswith(b"at last")


def test_whoever_does_not_read_gives_way_to_whoever_asks(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_VISITS", 2)
    monkeypatch.setattr(conversation, "WRITE_TIME", 2 * LIMIT)
    writing = threading.Semaphore(0)

    def large(_asked: Request) -> Response:
        writing.release()
        return Response(b"x" * (64 << 20))

    node.pages.add("/large/", large)
    ask = b"GET /large/ HTTP/1.1\r\n" + HOST + b"\r\n"
    with connected(url_of(node)) as one, connected(url_of(node)) as two:
        for sock in (one, two):
            sock.sendall(ask)
            assert writing.acquire(timeout=LIMIT)
        eventually(lambda: _answers(url_of(node)), LIMIT)


def _answers(url: str) -> bool:
    return b" 200 " in raw(url, b"GET /alive HTTP/1.0\r\n" + HOST + b"\r\n")


# --- the end


def test_a_stop_ends_streams_and_idle_connections_at_once() -> None:
    def wait() -> Iterator[bytes]:
        yield b"here"
        while True:
            time.sleep(0.02)
            yield b""

    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        node.pages.add("/wait/", lambda _asked: Response(wait()))
        url = url_of(node)
        with connected(url) as idle, connected(url) as streaming:
            streaming.sendall(b"GET /wait/ HTTP/1.1\r\n" + HOST + b"\r\n")
            assert streaming.recv(100)
            began = time.monotonic()

            node.stop()

            took = time.monotonic() - began
            print(f"stopped in {took:.2f} s")
            assert took < 5
            everything(streaming)
            assert everything(idle) == b""
        with pytest.raises(ConnectionError), connected(url):
            pass


@pytest.mark.crashes("HttpServer", by="planted")
def test_a_server_that_crashes_is_started_again(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = threading.Event()

    def fail(*_: object) -> None:
        monkeypatch.undo()
        broken.set()
        raise RuntimeError("planted")

    monkeypatch.setattr(server.Server, "_sweep", fail)
    assert broken.wait(LIMIT)

    eventually(lambda: visit(url_of(node), "/alive").status == 200, LIMIT)
    assert "restarts=1" in str(tree())
    assert "planted" in caplog.text


def test_a_refused_visitor_is_logged_once(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        visit(url_of(node), Host="evil.test")

    said = [r for r in caplog.records if "http_refused" in r.getMessage()]
    assert len(said) == 1


def test_a_forked_child_holds_neither_the_port_nor_a_visitor(node: Node) -> None:
    # Else a parent that is killed would be waited for, by whoever connects.
    found = node._engine._http
    assert found is not None
    with connected(url_of(node)) as sock:
        sock.sendall(b"GET /alive HTTP/1.1\r\n" + HOST + b"\r\n")
        assert sock.recv(4000)
        held = [found._listener, *(visit.sock for visit in found._visits)]
        child = os.fork()
        if child == 0:
            os._exit(sum(each.fileno() != -1 for each in held))
        _, status = os.waitpid(child, 0)

        assert len(held) == 2
        assert os.waitstatus_to_exitcode(status) == 0
        assert visit(url_of(node), "/alive").status == 200
        # Closed there, and not hung up: it goes on here.
        sock.sendall(b"GET /alive HTTP/1.1\r\n" + HOST + b"\r\n")
        assert sock.recv(4000)
