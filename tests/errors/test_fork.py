"""B014: what a forked child has of its parent's nodes and groups: errors, no hang."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import group
from actors import mailbox
from group import Group, NoSuchGroupError
from tests.group.people import PATIENCE, AnyRef, groups, listeners, settle
from transport import ForkError, Node

BLOCKS = """
import os, sys
from actors import mailbox
from group import Group
from transport import Node

with (Node.start("a") as a, Group.start("app", node=a) as g, mailbox(),
      g.connect("red"), g.connect(["blue", "green"]), g.events() as stream):
    g.register("k")
    child = os.fork()
    if child == 0:
        sys.exit(7)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), "in the child")
    g.register("k", {"still": "here"})
"""


@pytest.fixture
def two() -> Iterator[list[Group]]:
    with groups("a", "b") as started:
        yield started


def in_child(work: Callable[[], object]) -> str:
    """Run something in a forked child; return what it raised there, or "nothing"."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            said = f"nothing: {work()!r}"
        finally:
            # Whatever it is, it ends here.
            error = sys.exc_info()[1]
            said = said or f"{type(error).__name__}: {error}"
            os.write(into, said.encode())
            os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], PATIENCE)
        if not ready:
            os.kill(child, signal.SIGKILL)
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said or f"hung for {PATIENCE} s"


def group_calls(g: Group, ref: AnyRef) -> dict[str, Callable[[], object]]:
    return {
        "register": lambda: g.register("k", actor=ref),
        "unregister": lambda: g.unregister("k"),
        "join": lambda: g.join("k", actor=ref),
        "leave": lambda: g.leave("k", actor=ref),
        "lookup": lambda: g.lookup("k"),
        "lookup in a cluster": lambda: g.lookup("k", cluster="red"),
        "members": lambda: g.members("k/"),
        "keys": g.keys,
        "local_entries": g.local_entries,
        "wait_for": lambda: g.wait_for("nobody", timeout=60),
        "get_or_start": lambda: g.get_or_start("k", lambda: ref),
        "settle": lambda: g.settle(60),
        "monitor": lambda: g.monitor("k", actor=ref),
        "events": g.events,
        "dispatch": lambda: g.dispatch("k", "x"),
        "connect": lambda: g.connect("red"),
        "disconnect": lambda: g.disconnect("red"),
        "nodes": g.nodes,
        "status": g.status,
        "explain": lambda: g.explain("k"),
    }


def test_every_verb_of_a_group_raises_in_a_forked_child(two: list[Group]) -> None:
    ga, gb = two
    with listeners() as (one,):
        ga.connect("red")
        ga.register("k", actor=one)
        ga.join("k/1", actor=one)
        settle(ga)
        text = (
            f"ForkError: group 'app' was started in pid {os.getpid()}; "
            "start a new one after fork"
        )

        def every_call() -> dict[str, str]:
            return {name: said_by(call) for name, call in group_calls(ga, one).items()}

        said = in_child(every_call)

        assert said == f"nothing: {dict.fromkeys(group_calls(ga, one), text)!r}"
        # The parent's group has lost nothing.
        assert gb.whereis("k") == one
        ga.register("k", {"v": 2}, actor=one)


def said_by(call: Callable[[], object]) -> str:
    with pytest.raises(ForkError) as caught:
        call()
    return f"ForkError: {caught.value}"


def test_a_fork_error_is_known_by_its_number() -> None:
    assert ForkError.code == "B014"


def test_a_group_is_stopped_and_started_anew_in_a_forked_child(
    two: list[Group],
) -> None:
    ga, _ = two

    def start_anew() -> str:
        ga.stop()
        ga.node.stop()
        try:
            group.get("app")
        except NoSuchGroupError:
            with Group.start("app", log=False) as own, mailbox() as me:
                own.register("mine")
                return str(own.whereis("mine") == me.ref)
        return "the parent's group is still known"

    # A thread that the child does not have is just about to stop the group.
    with vars(ga._ended)["_cond"]:
        said = in_child(start_anew)

    assert said == "nothing: 'True'"
    assert ga.nodes() == ["b"]


def test_a_forked_child_leaves_the_blocks_of_its_parent_in_silence() -> None:
    out = subprocess.run(
        [sys.executable, "-c", BLOCKS],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (out.returncode, out.stdout, out.stderr) == (0, "7 in the child\n", "")


def test_a_stream_of_the_parent_ends_in_a_forked_child(two: list[Group]) -> None:
    ga, _ = two
    # The lock is held by a thread that the child does not have.
    with ga.events() as stream, stream._changed:
        said = in_child(lambda: list(stream))

    assert said == "nothing: []"


@pytest.mark.parametrize("call", ["tell", "ask", "stop", "proxy"])
def test_a_ref_of_the_parent_is_dead_in_a_forked_child(
    two: list[Group], call: str
) -> None:
    ga, gb = two
    with listeners() as (one,):
        gb.register("far", actor=one)
        settle(gb)
        ref = ga.whereis("far")
        assert ref is not None
        far = ref
        calls: dict[str, Callable[[], object]] = {
            "tell": lambda: far.tell("x"),
            "ask": lambda: far.ask("x", timeout=60),
            "stop": lambda: far.stop(timeout=60),
            "proxy": far.proxy,
        }

        said = in_child(calls[call])

        assert said == "nothing: False" or said.startswith(
            ("NodeDownError: node b is down", "ActorDeadError", "ForkError")
        )
        assert one.is_alive()
        assert far.ask("y", timeout=PATIENCE) == 1


def test_a_node_of_the_parent_raises_in_a_forked_child(two: list[Group]) -> None:
    node: Node = two[0].node
    text = "node a was started by the parent of this process; start a new one"
    calls = (node.peers, lambda: node.ping("b"), lambda: node.join("127.0.0.1:1"))
    for call in calls:
        assert in_child(call).startswith(f"ForkError: {text}")
