"""Live events for a browser, as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from actors import ActorDeadError, Down, Timeout, mailbox, monitor
from group._dashboard.reach import Reach, UnreachableError, ask

LOOK = 0.25
# Milliseconds after which the browser comes again when the stream breaks off.
COME_AGAIN = 1000


def feed(
    reach: Reach, group: str, node: str, pattern: str | None, cluster: str | None
) -> Iterator[bytes]:
    """Yield events of a group as one node sees them; ends when that node is lost.

    Runs on the thread of one visitor, and acts as an actor there: its end is that of
    the feed, whatever ends it.
    """
    yield f"retry: {COME_AGAIN}\n\n".encode()
    with mailbox() as me:
        try:
            ref = reach.ref(group, node)
            monitor(ref)
            options = {"ref": me.ref, "pattern": pattern, "cluster": cluster}
            kind, words, _ = ask(reach, group, node, ("look", "watch", options))
        except (UnreachableError, ActorDeadError) as error:
            yield _event("trouble", {"words": str(error)})
            return
        if kind == "wrong":
            yield _event("trouble", {"words": words})
            return
        yield _event("open", {"node": node})
        while True:
            try:
                message = me.receive(timeout=LOOK)
            except Timeout:
                yield b""
                continue
            match message:
                case ("events", list() as events, int() as missed):
                    yield _event("events", {"events": events, "missed": missed})
                case Down():
                    yield _event("trouble", {"words": f"{node} is lost"})
                    return
                case _:
                    pass


def _event(name: str, data: object) -> bytes:
    # One line: JSON has no line feed but in strings, where it is escaped.
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
