"""B083 to B090: what the machine and the interpreter do to a node."""

import errno
import io
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors import ActorDeadError, NodeDown, kill, mailbox, whereis
from group import Event, Group, StoppedError
from tests.errors.guests import START_LIMIT, guest
from tests.group.people import PATIENCE, event_of, groups, listeners, settle
from tests.transport.strangers import SECRET, warnings
from tests.waiting import eventually
from transport import Node, NodeDownError, NodeLost

STARVED = Path(__file__).with_name("starved.py")


@pytest.fixture
def host() -> Iterator[Node]:
    with Node.start("host", cookie=SECRET) as node:
        yield node


def test_a_wall_clock_that_jumps_moves_no_lease_and_no_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall = [1_700_000_000_000]
    monkeypatch.setattr("group._tree.runner.wall_ms", lambda: wall[0])
    stamps = []
    with (
        groups("a", "b", shards=1) as (ga, gb),
        listeners() as (one,),
        ga.connect("red", ttl=600) as red,
    ):
        for jump in (0, -3_600_000, 7_200_000, -7_200_000):
            wall[0] += jump
            ga.register("k", actor=one)
            ga.unregister("k")
            stamps.append(ga._instance.store.tables[0].clock.last)
            left = red.ttl_left
            assert left is not None
            assert 590 < left <= 600
        settle(ga)
        # Nobody was given up for it.
        assert gb.nodes() == ["a"]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize(("jump", "where"), [(3600, "forward"), (-3600, "back")])
def test_a_wall_clock_that_is_set_is_said_once_and_no_link_is_lost(
    host: Node,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    jump: int,
    where: str,
) -> None:
    def said() -> list[str]:
        return [line for line in warnings(caplog) if "clock_was_set" in line]

    with Node.start("b", cookie=SECRET, join=host.address) as b:
        host.wait_peers(1, PATIENCE)
        monkeypatch.setattr("transport._clock.wall", lambda: time.time() + jump)

        eventually(lambda: len(said()) == 2, what="both nodes have said it")
        for _ in range(20):
            assert host.ping("b", timeout=5) < 5

        assert len(said()) == 2
        assert all(f"the wall clock was set 3600 s {where}" in line for line in said())
        assert host.linked_id("b") == b.id


@pytest.mark.slow
def test_without_file_descriptors_a_node_waits_and_its_links_live_on(
    host: Node,
) -> None:
    """In a process of its own, which really has none left."""
    process = subprocess.Popen(
        [sys.executable, STARVED, host.address, SECRET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        host.wait_peers(1, START_LIMIT)
        with Node.start("late", cookie=SECRET, hidden=True, join=address) as late:
            # The kernel has taken the connection; nobody there can accept it.
            assert any("accept_paused" in line for line in process.stdout)
            assert host.ping("starved", timeout=5) < 5
            assert late.linked_id("starved") is None

            process.stdin.write("give them back\n")
            process.stdin.flush()

            late.wait_peers(1, START_LIMIT)
        rest, errors = process.communicate("", timeout=START_LIMIT)
    finally:
        process.kill()
        process.communicate()

    # Said once, however often it was tried.
    assert "accept_paused" not in rest
    assert errors == ""


class FullDisk(io.StringIO):
    """Where nothing can be written any more."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler = logging.StreamHandler(FullDisk())
    # What the standard library says of it goes to standard error, which is full, too.
    monkeypatch.setattr(sys, "stderr", FullDisk())
    logger = logging.getLogger("group")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    with groups("a", "b", log="verbose") as (ga, gb), listeners() as (one,):
        ga.register("k", {"v": 1}, actor=one)
        ga.join("room", actor=one)
        settle(ga)

        assert gb.lookup("k") == (one, {"v": 1})
        assert gb.whereis("k") == one
        assert [runner.begun for runner in ga._instance.runners] == [1] * 8


def test_an_interpreter_that_ends_says_goodbye_and_is_quiet(host: Node) -> None:
    with mailbox() as me:
        host.monitor_nodes()
        with guest(host) as one:
            me.receive(timeout=PATIENCE)

            status, out, errors = one.end()

            lost = me.receive(timeout=PATIENCE)
    assert (status, out, errors) == (0, "end of main\n", "")
    # By its BYE, not by the end of the connection.
    assert isinstance(lost, NodeLost)
    assert lost.cause == "stopped"


@pytest.mark.crashes("ShardActor", "Shards", "group_gave_up", by="killed|shutdown")
# One may be killed while it starts, and its supervisor with it.
@pytest.mark.crashes("GroupSupervisor", by="did not start: killed", always=False)
def test_a_group_whose_shards_keep_crashing_gives_up_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        groups("a", "b", shards=2) as (ga, gb),
        listeners() as (one,),
        mailbox() as me,
    ):
        ga.register("k", actor=one)
        settle(ga)
        gb.monitor("k")
        name = ga._instance.shard_name(0)

        def crash() -> bool:
            shard = whereis(name)
            if shard is not None:
                kill(shard)
            return ga._instance.stopped.is_set()

        eventually(crash, 30, what="gave up")

        with pytest.raises(StoppedError, match="group 'app' is stopped"):
            ga.register("other", actor=one)
        # Peers drop its rows at once; its actors live on.
        event: Event = event_of(me)
        assert event.reason == NodeDown("a", "group stopped")
        assert one.is_alive()
        gb.settle(PATIENCE)
    lines = [record.getMessage() for record in caplog.records]
    gave_up = [line for line in lines if line.startswith("supervisor_gave_up")]
    assert "child=0 " in gave_up[0]
    assert gave_up[0].endswith("attempts=6 within=10.0 reason=killed")
    (line,) = [line for line in lines if line.startswith("group_gave_up")]
    assert "its actors kept crashing; start it again, and see their errors" in line


@pytest.mark.crashes("LinkIO", "node_gave_up", by="killed|shutdown")
def test_a_node_whose_links_keep_crashing_gives_up_and_says_so(
    host: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with Node.start("frail", cookie=SECRET, join=host.address) as frail:
        supervisor = frail._engine._supervisor
        assert supervisor is not None

        def crash() -> bool:
            for row in supervisor.which_children():
                if row.id == "link I/O" and row.ref is not None:
                    kill(row.ref)
            return not supervisor.is_alive()

        eventually(patient(crash), 30, what="gave up")

        eventually(lambda: "node_gave_up" in caplog.text)
        eventually(lambda: frail.linked_id("host") is None)
        with pytest.raises(NodeDownError):
            frail.ping("host", timeout=5)
        eventually(lambda: [p.state for p in host.peers()] == ["down"], PATIENCE)

        began = time.monotonic()
        frail.stop(timeout=30)
        assert time.monotonic() - began < 15


def patient(ask: Callable[[], bool]) -> Callable[[], bool]:
    """Take "it has ended" for a yes."""

    def asked() -> bool:
        try:
            return ask()
        except ActorDeadError:
            return True

    return asked


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "seed"),
    [((), "0"), ((), "12345"), (("-O",), "random"), (("-OO",), "random")],
    ids=["hash seed 0", "hash seed 12345", "-O", "-OO"],
)
def test_nodes_agree_whatever_their_interpreters_were_told(
    host: Node, flags: tuple[str, ...], seed: str
) -> None:
    """Hash seeds differ from ours, and no assert is needed for anything to work."""
    with (
        Group.start("app", node=host, log=False) as g,
        guest(host, "guest", *flags, PYTHONHASHSEED=seed) as other,
        listeners() as (one,),
    ):
        for number in range(50):
            g.register(f"host/{number}", {"n": number}, actor=one)
        g.wait_for("host/0", timeout=PATIENCE)
        far = other.actor

        far.ask(("register", 50), timeout=PATIENCE)
        g.settle(PATIENCE)

        assert far.ask("optimised", timeout=PATIENCE) is bool(flags)
        expected = sorted(f"{who}/{n}" for who in ("guest", "host") for n in range(50))
        assert g.keys() == expected
        assert far.ask("keys", timeout=PATIENCE) == expected
        ref, meta = g.wait_for("guest/7", timeout=PATIENCE)
        assert meta == {"n": 7}
        assert ref.ask("heard", timeout=PATIENCE) == []
        # Digests are of the same bytes on both sides.
        assert sum(r.stats.get("digests_differ", 0) for r in g._instance.runners) == 0
        assert other.end()[0] == 0
        with pytest.raises(ActorDeadError):
            ref.ask("heard", timeout=PATIENCE)
