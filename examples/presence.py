"""Who is online: a page that shows it, live, whichever of two servers it comes from.

    python examples/presence.py

Open both addresses that it prints, in several tabs. Each tab is one member of the key
"online"; a person with two tabs is there twice. The page gets the rows that are there
and then what changes, as server-sent events. With `--smoke` it opens tabs by itself.

It prints:
    two pages: http://127.0.0.1:8000/?name=ann and http://127.0.0.1:8001/?name=bob
    a tab of a sees: + ann, + bob, + bob, - bob
    a tab of b sees: + ann, + bob, + bob, - bob
    online now: ann, bob
"""

import http.client
import json
import sys
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from actors import Timeout, mailbox
from group import Event, Group, StreamClosedError
from transport import Node

PAGE = b"""<!doctype html><meta charset=utf-8><title>Online</title>
<h1>Online</h1><ul></ul><script>
const list = document.querySelector("ul");
new EventSource("/events" + location.search).onmessage = message => {
  const {id, name, online} = JSON.parse(message.data);
  document.getElementById(id)?.remove();
  if (!online) return;
  const item = list.appendChild(document.createElement("li"));
  item.id = id;
  item.textContent = name;  // Text, never markup: anybody may choose a name.
};
</script>"""


class Server(ThreadingHTTPServer):
    """Serves the page and the events of one node, on loopback."""

    daemon_threads = True

    def __init__(self, g: Group) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.group = g
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request. A thread of its own, for as long as a tab is open."""

    server: Server

    def do_GET(self) -> None:
        """Answer with the page, or with events until the tab is closed."""
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer("text/html")
            self.wfile.write(PAGE)
        elif url.path == "/events":
            self.answer("text/event-stream")
            with suppress(ConnectionError, StreamClosedError):
                self.stream(parse_qs(url.query).get("name", ["nobody"])[0])
        else:
            self.send_error(404)

    def answer(self, kind: str) -> None:
        """Begin a page."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def stream(self, name: str) -> None:
        """Be a member while the tab is open: the mailbox ends with the block."""
        g = self.server.group
        with mailbox(), g.events("online", snapshot=True) as events:
            g.join("online", {"name": name[:40]})
            while True:
                try:
                    event = events.get(timeout=0.2)
                except Timeout:
                    self.wfile.write(b": still there?\n\n")  # Raises when it is not.
                    continue
                if isinstance(event, Event):
                    row = {"id": event.ref.actor_urn, "name": event.meta["name"]}
                    data = json.dumps({**row, "online": event.type == "joined"})
                    self.wfile.write(f"data: {data}\n\n".encode())

    def log_message(self, *_words: object) -> None:
        """Say nothing: a line per request is no help here."""


class Tab:
    """What a browser does with the page."""

    def __init__(self, address: str, name: str) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=10)
        self.connection.request("GET", f"/events?name={name}")
        self.response = self.connection.getresponse()

    def sees(self, count: int) -> list[str]:
        """Wait for so many changes."""
        seen: list[str] = []
        while len(seen) < count:
            line = self.response.readline()
            if line.startswith(b"data: "):
                row = json.loads(line.removeprefix(b"data: "))
                seen.append(f"{'+' if row['online'] else '-'} {row['name']}")
        return seen

    def close(self) -> None:
        """Close the tab."""
        self.response.close()
        self.connection.close()


def smoke(a: Server, b: Server) -> None:
    ann, seen = Tab(a.address, "ann"), [["+ ann"], ["+ ann"]]
    assert ann.sees(1) == seen[0]
    with b.group.events("online", snapshot=True) as events:
        events.get(timeout=10)  # b has heard of ann.
    bob = Tab(b.address, "bob")
    seen[0] += ann.sees(1)
    seen[1] = bob.sees(2)
    second = Tab(b.address, "bob")
    seen[0] += ann.sees(1)
    seen[1] += bob.sees(1)
    second.close()
    seen[0] += ann.sees(1)
    seen[1] += bob.sees(1)
    for name, changes in zip("ab", seen, strict=True):
        print(f"a tab of {name} sees: {', '.join(changes)}")
        assert changes == ["+ ann", "+ bob", "+ bob", "- bob"]
    names = sorted(str(entry.meta["name"]) for entry in a.group.members("online"))
    print(f"online now: {', '.join(names)}")
    assert names == ["ann", "bob"]
    ann.close()
    bob.close()


def main() -> None:
    with ExitStack() as stack:
        one = stack.enter_context(Node.start("a"))
        two = stack.enter_context(Node.start("b", join=one.address))
        groups = [Group.start("web", node=node) for node in (one, two)]
        a, b = (stack.enter_context(Server(stack.enter_context(g))) for g in groups)
        pages = [f"http://{s.address}/?name={n}" for s, n in ((a, "ann"), (b, "bob"))]
        print(f"two pages: {' and '.join(pages)}", flush=True)
        if "--smoke" in sys.argv:
            smoke(a, b)
        else:
            with suppress(KeyboardInterrupt, EOFError):
                input("Enter ends it. ")
        a.shutdown()
        b.shutdown()


if __name__ == "__main__":
    main()
