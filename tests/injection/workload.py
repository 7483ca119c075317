"""The fixed workload: what callers, actors and the peer do, step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from group import Group, KeyTakenError
from group._clock import wall_ms
from group._core.keys import DEFAULT, shard_of
from group._core.requests import Register
from tests.injection.points import SHARDS
from tests.injection.world import DEADLINE, ViolationError, World

Step = Callable[[World], object]
SHORT_TTL = 0.03
LONG_TTL = 60.0


def _dies(name: str) -> Step:
    """An actor ends, and its rows with it."""

    def step(w: World) -> None:
        ref = w.actor(name)
        ref.stop(timeout=DEADLINE)
        w.model.died(ref)
        for side in (w.a, w.b):
            w.until(partial(_has_no_rows, w, side, name), f"{name} is gone")

    return step


def _has_no_rows(w: World, side: Group, name: str) -> bool:
    return all(row.ref != w.actor(name) for row in side.entries())


def _remote(step: Step) -> Step:
    """The peer does something, and it arrives."""

    def arriving(w: World) -> None:
        step(w)
        w.settle(w.b)

    return arriving


def _dispatch(w: World) -> None:
    count = w.call(lambda: w.a.dispatch("room/1", "hello"))
    refs = [w.actor("a1"), w.actor("a2"), w.actor("b1")]
    if count != len(refs):
        raise ViolationError(f"dispatch addressed {count} actors, not {len(refs)}")
    for ref in refs:
        w.sent.setdefault(ref, []).append("hello")
    w.crossing.add((w.actor("b1"), "hello"))


def _dispatch_from_peer(w: World) -> None:
    w.settle(w.a)
    w.call(lambda: w.b.dispatch("user/1", "from b"))
    w.sent.setdefault(w.actor("a1"), []).append("from b")
    w.crossing.add((w.actor("a1"), "from b"))


def _connect_red(w: World) -> None:
    w.call(lambda: w.a.connect("red", ttl=LONG_TTL, timeout=DEADLINE))


def _check_red(w: World) -> None:
    left = w.call(lambda: w.a.ttl_left("red"))
    if not w.a.connected("red") or left is None or left > LONG_TTL:
        raise ViolationError(f"the lease of red is {left}")


def _lapses(w: World) -> None:
    """A cluster in which nobody is interested is left by itself."""
    w.call(lambda: w.a.connect("brief", ttl=SHORT_TTL, timeout=DEADLINE))
    w.until(lambda: not w.a.connected("brief"), "an unused cluster lapses")


def _lend(w: World) -> None:
    w.call(lambda: w.a.connect("lent", ttl=SHORT_TTL, timeout=DEADLINE))


def _still_lent(w: World) -> None:
    w.join("a2", "lent/room", {"n": 2}, "lent")
    if not w.a.connected("lent"):
        raise ViolationError("a cluster in use was left")


def _taken(w: World) -> None:
    """A key of the peer cannot be taken."""

    def refused() -> bool:
        try:
            w.a.register("remote/1", actor=w.actor("a1"))
        except KeyTakenError as error:
            return error.ref == w.actor("b1")
        return False

    if not w.call(refused):
        raise ViolationError("a key was given to two actors")


def _wait_for(w: World) -> None:
    found = w.call(lambda: w.a.wait_for("user/1", timeout=DEADLINE))
    if found.ref != w.actor("a1"):
        raise ViolationError(f"waited for a1, got {found}")


def _get_or_start(w: World) -> None:
    ref = w.actor("a6")
    w.call(lambda: w.a.get_or_start("user/made", lambda: ref, meta={"made": True}))
    w.model.put("registered", "user/made", ref, {"made": True}, None)


def _conflict(w: World) -> None:
    """Both sides claim a key at once; the peer's claim is the later one, and wins."""
    winner, loser = w.actor("b2"), w.actor("a5")
    runner = w.b._instance.runners[shard_of(DEFAULT, "contested", SHARDS)]
    claim = threading.Thread(
        target=lambda: w.b.register("contested", actor=winner), daemon=True
    )
    with runner._turn:
        claim.start()
        w.until(
            lambda: any(isinstance(x.message, Register) for x in runner._queue.copy()),
            "the peer's claim waits",
        )
        w.register("a5", "contested", {"loses": True})
        then = wall_ms()
        w.until(lambda: wall_ms() > then, "the clock ticks")
    claim.join(DEADLINE)
    w.model.died(loser)
    w.model.put("registered", "contested", winner, {}, None)
    w.until(lambda: not loser.is_alive(), "the loser ends")
    w.until(lambda: _has_no_rows(w, w.b, "a5"), "the loser's rows are gone")


STEPS: tuple[tuple[str, Step], ...] = (
    ("peer watches", lambda w: w.monitor("b watcher")),
    ("register", lambda w: w.register("a1", "user/1", {"v": 1})),
    ("register another", lambda w: w.register("a2", "user/2", {"v": 1})),
    ("monitor a prefix", lambda w: w.monitor("a users", "user/")),
    ("monitor for a while", lambda w: w.monitor("a for a while", "user/")),
    ("join", lambda w: w.join("a1", "room/1", {"role": "member"})),
    ("second member", lambda w: w.join("a2", "room/1", {"role": "admin"})),
    ("change meta", lambda w: w.register("a1", "user/1", {"v": 2})),
    ("monitor everything", lambda w: w.monitor("a everything")),
    ("stream", lambda w: w.open_stream()),
    ("remote key", _remote(lambda w: w.register("b1", "remote/1", {"far": True}))),
    ("remote member", _remote(lambda w: w.join("b1", "room/1", {"far": True}))),
    ("third", lambda w: w.register("a3", "user/3", {"v": 3})),
    ("third joins", lambda w: w.join("a3", "room/2", {})),
    ("unregister", lambda w: w.unregister("a2", "user/2")),
    ("register anew", lambda w: w.register("a2", "user/2", {"v": 2})),
    ("dispatch", _dispatch),
    ("connect", _connect_red),
    ("monitor the cluster", lambda w: w.monitor("a red", cluster="red")),
    ("register there", lambda w: w.register("a1", "red/1", {"in": "red"}, "red")),
    (
        "peer connects",
        _remote(lambda w: w.call(lambda: w.b.connect("red", timeout=DEADLINE))),
    ),
    ("remote there", _remote(lambda w: w.register("b1", "red/b", {"far": 1}, "red"))),
    ("join there", lambda w: w.join("a3", "red/room", {"in": "red"}, "red")),
    ("lend", _lend),
    ("register in the lent", lambda w: w.register("a1", "lent/1", {"n": 1}, "lent")),
    ("death", _dies("a3")),
    ("key taken", _taken),
    ("change member's meta", lambda w: w.join("a2", "room/1", {"role": "guest"})),
    ("monitor no more", lambda w: w.demonitor("a for a while")),
    ("one owner", lambda w: w.register("a4", "user/4", {"v": 4})),
    ("many rows", lambda w: w.register("a4", "user/5", {"v": 5})),
    ("many rooms", lambda w: w.join("a4", "room/1", {"v": 6})),
    ("get or start", _get_or_start),
    ("wait for", _wait_for),
    ("leave", lambda w: w.leave("a1", "room/1")),
    ("join anew", lambda w: w.join("a1", "room/1", {"back": True})),
    ("death of many rows", _dies("a4")),
    ("still lent", _still_lent),
    ("conflict", _conflict),
    ("remote change", _remote(lambda w: w.register("b1", "remote/1", {"far": 2}))),
    ("remote removal", _remote(lambda w: w.unregister("b1", "remote/1"))),
    ("lapse", _lapses),
    ("lease of red", _check_red),
    ("dispatch from the peer", _dispatch_from_peer),
    ("leave the lent", lambda w: w.disconnect(w.a, "lent")),
    ("peer leaves red", _remote(lambda w: w.disconnect(w.b, "red"))),
)
