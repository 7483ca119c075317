"""User callbacks: whatever they do, the shard goes on and others are served."""

import logging
import threading
from collections.abc import Mapping

import pytest

from actors import mailbox
from group import Group
from group._callbacks import SLOW, guarded, safe_extract, safe_rank
from group._core.conflict import winner
from group._core.meta import Meta
from group._core.rows import Row
from group._log import GroupLog
from tests.group.people import PATIENCE, event_of, together
from transport import NodeId

LOG = GroupLog("app", "me", level="info")


def row(n: int, stamp: int = 1) -> Row:
    return Row(NodeId("node", bytes(16)), n, "User", stamp, b"\x80")


def test_what_a_callback_returns_is_returned() -> None:
    assert guarded(LOG, "name", lambda: 5, 0) == 5


def test_a_failing_callback_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> int:
        raise LookupError("what I was looking for")

    assert guarded(LOG, "extract_meta", fail, 7) == 7

    assert "callback_failed" in caplog.text
    assert "extract_meta" in caplog.text
    assert "what I was looking for" in caplog.text
    assert "in fail" in caplog.text


def test_a_slow_callback_is_complained_about(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((1.0, 1.0 + 2 * SLOW))
    monkeypatch.setattr("group._callbacks.monotonic", lambda: next(times))

    guarded(LOG, "conflict_rank", lambda: None, None)

    assert "slow_callback" in caplog.text
    assert "seconds=0.2" in caplog.text


def test_any_ranks_can_be_compared(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "group")
    values: list[object] = [
        *(None, object(), {}, {1}, float("nan"), 3 + 4j),
        *(False, 1, 2.5, float("inf"), -(10**30)),
        *("", "a", b"", b"b"),
        *((), (1, "a"), ("a", 1), (None,), [1, [2, "x"]], ((), {})),
    ]

    def rank(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        return values[stamp]

    ranked = safe_rank(rank, tuple, LOG)
    rows = [row(index, stamp=index) for index in range(len(values))]

    best = winner("k", rows, ranked)

    assert winner("k", reversed(rows), ranked) is best
    for one in rows:
        for other in rows:
            pair = winner("k", [one, other], ranked)
            assert winner("k", [other, one], ranked) is pair


def test_a_rank_that_fails_is_the_lowest(caplog: pytest.LogCaptureFixture) -> None:
    def rank(key: str, meta: Mapping[str, object], node: str, stamp: int) -> object:
        if stamp == 9:
            raise LookupError
        return -(10**9)

    ranked = safe_rank(rank, tuple, LOG)
    good, bad = row(1, stamp=1), row(2, stamp=9)

    assert winner("k", [good, bad], ranked) is good
    assert "callback_failed" in caplog.text


def test_a_rank_gets_what_users_know() -> None:
    seen: list[object] = []

    def rank(*args: object) -> object:
        seen.extend(args)
        return 0

    safe_rank(rank, tuple, LOG)("the/key", row(1, stamp=5))

    assert seen == ["the/key", {}, "node", 5]


def test_a_failing_extractor_gives_the_raw_meta() -> None:
    def extract(meta: Mapping[str, object]) -> object:
        raise LookupError

    meta = Meta.frozen({"a": 1})

    assert safe_extract(extract, LOG)(meta) is meta
    assert safe_extract(None, LOG)(meta) is meta


def test_an_extractor_may_read_the_group() -> None:
    found: list[Group] = []

    def extract(meta: Mapping[str, object]) -> object:
        return {"registered": found[0].registry_count()}

    with (
        Group.start("app", log=False, shards=1, extract_meta=extract) as g,
        mailbox() as me,
    ):
        found.append(g)
        g.monitor("k")

        g.register("k")

        assert event_of(me).meta == {"registered": 1}


def test_a_slow_extractor_holds_up_its_shard_and_no_other() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def extract(meta: Mapping[str, object]) -> object:
        if "slow" in meta:
            entered.set()
            go_on.wait(PATIENCE)
        return meta

    with (
        Group.start("app", log=False, shards=8, extract_meta=extract) as g,
        mailbox() as me,
    ):
        g.monitor("slow")

        def others() -> None:
            entered.wait(PATIENCE)
            try:
                busy = [r for r in g._instance.runners if r._turn.locked()]
                assert len(busy) == 1
                names = [f"k/{n}" for n in range(40)]
                free = [n for n in names if g.explain(n).shard != busy[0].index]
                for name in free:
                    g.register(name, actor=me.ref, timeout=PATIENCE)
            finally:
                go_on.set()

        results = together(
            2,
            lambda n: others() if n else g.register("slow", {"slow": 1}, actor=me.ref),
        )

        assert results == [None, None]
        assert event_of(me).meta == {"slow": 1}
