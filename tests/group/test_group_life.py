"""Starting and stopping groups: names, nodes, what waits when the end comes."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import group
from actors import Actor, Supervisor, kill, mailbox
from group import AlreadyStartedError, Group, NoSuchGroupError, Scope, StoppedError
from tests.group.people import PATIENCE, groups, listeners
from tests.waiting import eventually
from transport import Node, NodeDownError

FORGETFUL = """
from group import Group
from transport import Node
alone = Group.start("alone")
node = Node.start("a")
shared = Group.start("shared", node=node)
print("end of main")
"""


def test_a_node_runs_a_group_of_one_name_once() -> None:
    with (
        Node.start("a", listen=None) as node,
        Group.start("app", node=node, log=False) as first,
    ):
        for _ in range(2):
            with pytest.raises(
                AlreadyStartedError, match="group 'app' already runs on node 'a'"
            ):
                Group.start("app", node=node, log=False)

        assert group.get("app", node=node) is first
        assert first.keys() == []


@pytest.mark.parametrize(
    ("given", "options"), [((), {}), (("x",), {}), (("x",), {"node": None})]
)
def test_a_group_is_started_and_not_made(
    given: tuple[object, ...], options: dict[str, object]
) -> None:
    loose: Any = Group
    with pytest.raises(TypeError, match=r"use Group\.start\(name, node=node\), not"):
        loose(*given, **options)


def test_a_group_is_started_on_a_node_and_not_on_its_name() -> None:
    loose: Any = Group
    with pytest.raises(TypeError, match=r"node= must be a Node, got 'a'; see Node\."):
        loose.start("q", node="a")


def test_a_stopped_group_can_be_started_again() -> None:
    with Node.start("a", listen=None) as node:
        for _ in range(3):
            with Group.start("app", node=node, log=False) as g, mailbox() as me:
                assert g.keys() == []
                g.register("k", actor=me.ref)


def test_groups_are_found_by_name() -> None:
    with pytest.raises(NoSuchGroupError, match="no such group: 'app'"):
        group.get("app")
    with groups("a", "b") as (ga, gb):
        with pytest.raises(ValueError, match=r"several nodes here \(a, b\); say node="):
            group.get("app")
        assert group.get("app", node=gb.node) is gb
        gb.stop()
        assert group.get("app") is ga


def every_call(g: Group) -> dict[str, Callable[[], object]]:
    return {
        "register": lambda: g.register("k"),
        "unregister": lambda: g.unregister("k"),
        "join": lambda: g.join("k"),
        "leave": lambda: g.leave("k"),
        "lookup": lambda: g.lookup("k"),
        "whereis": lambda: g.whereis("k"),
        "lookup in a cluster": lambda: g.lookup("k", cluster="red"),
        "members": lambda: g.members("k"),
        "members of all": lambda: g.members("k/"),
        "members in a cluster": lambda: g.members("k", cluster="red"),
        "local_members": lambda: g.local_members("k"),
        "registry_count": g.registry_count,
        "registry_count in a cluster": lambda: g.registry_count(cluster="red"),
        "local_registry_count": g.local_registry_count,
        "local count in a cluster": lambda: g.local_registry_count(cluster="red"),
        "member_count": lambda: g.member_count("k"),
        "local_member_count": lambda: g.local_member_count("k"),
        "local_entries": g.local_entries,
        "entries": g.entries,
        "keys": g.keys,
        "wait_for": lambda: g.wait_for("k", timeout=60),
        "wait_for_member": lambda: g.wait_for_member("k", timeout=60),
        "get_or_start": lambda: g.get_or_start("k", lambda: pytest.fail("started")),
        "settle": g.settle,
        "monitor": lambda: g.monitor("k"),
        "demonitor": lambda: g.demonitor("k"),
        "events": g.events,
        "dispatch": lambda: g.dispatch("k", "x"),
        "dispatch_local": lambda: g.dispatch_local("k", "x"),
        "connect": lambda: g.connect("red"),
        "disconnect": lambda: g.disconnect("red"),
        "connected": lambda: g.connected("red"),
        "ttl_left": lambda: g.ttl_left("red"),
        "nodes": g.nodes,
        "nodes of a cluster": lambda: g.nodes("red"),
        "log_level": lambda: g.log_level("verbose"),
        "status": g.status,
        "explain": lambda: g.explain("k"),
    }


def test_every_call_after_the_end_says_so() -> None:
    g = Group.start("app", log=False)
    g.connect("red")
    with listeners() as (one,), mailbox():
        g.register("k", actor=one)
        g.join("k", actor=one)
        g.register("k", actor=one, cluster="red")

        g.stop()

        for name, call in every_call(g).items():
            with pytest.raises(StoppedError, match="group 'app' is stopped"):
                print(name, call())
    assert repr(g).endswith("stopped>")
    g.stop()


def test_a_cluster_view_is_left_quietly_after_the_end() -> None:
    g = Group.start("app", log=False)

    with g.connect("red") as red, g.connect(["blue", "green"]):
        g.stop()

    with pytest.raises(StoppedError):
        red.lookup("k")


def test_whoever_waits_is_told_of_the_end() -> None:
    g = Group.start("app", log=False, shards=2)
    ended = threading.Barrier(5)
    told: list[BaseException | str] = []

    def wait(call: Callable[[], object]) -> None:
        ended.wait(PATIENCE)
        try:
            call()
        except StoppedError as error:
            told.append(error)

    def stream() -> None:
        with g.events() as events:
            ended.wait(PATIENCE)
            told.extend("event" for _ in events)
            told.append("end of stream")

    threads = [
        threading.Thread(target=wait, args=(lambda: g.wait_for("k", timeout=60),)),
        threading.Thread(
            target=wait, args=(lambda: g.wait_for_member("k", timeout=60),)
        ),
        threading.Thread(target=stream),
        threading.Thread(target=wait, args=(lambda: g.unregister("k", timeout=60),)),
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: ended.n_waiting == 4, PATIENCE, what="all are ready")
    for runner in g._instance.runners:
        # As if it had just crashed: who writes now waits in the queue.
        runner.end()
    ended.wait(PATIENCE)
    eventually(lambda: sum(runner.waiting for runner in g._instance.runners))

    g.stop()

    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert len(told) == 4
    assert told.count("end of stream") == 1


def test_a_cluster_that_is_left_while_the_group_ends_is_left() -> None:
    g = Group.start("app", log=False)
    g.connect("red")
    for runner in g._instance.runners:
        # As in the middle of `stop`.
        runner.close()

    left = g._instance.disconnect(("red",))

    left.get(timeout=PATIENCE)
    g.stop()


def test_a_stream_made_while_the_group_stops_ends() -> None:
    g = Group.start("app", log=False)
    stream = g.events()
    g.stop()

    assert list(stream) == []


@pytest.mark.crashes("group_gave_up", by="killed")
def test_a_group_whose_actors_keep_crashing_is_stopped() -> None:
    with Group.start("app", log=False, shards=1) as g, mailbox() as me:
        g.register("k")

        tree = g.tree
        kill(tree)

        eventually(lambda: repr(g).endswith("stopped>"), PATIENCE, what="gave up")
        with pytest.raises(StoppedError):
            g.register("other", actor=me.ref)
        with pytest.raises(NoSuchGroupError):
            group.get("app")


def test_a_group_whose_tree_is_stopped_did_not_give_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Group.start("app", log=False) as g:
        g.tree.stop()

        eventually(lambda: repr(g).endswith("stopped>"), PATIENCE, what="stopped")
    assert "gave_up" not in caplog.text


@pytest.mark.crashes("group_gave_up", "GroupKeeper", by="killed")
def test_a_group_can_be_the_child_of_a_supervisor() -> None:
    with Node.start("a", listen=None) as node:
        spec = group.child_spec("app", node=node, log=False, shards=2)
        boss = Supervisor.start([spec])
        g = group.get("app")
        assert g.keys() == []

        kill(g.tree)

        eventually(lambda: _running("app") not in (None, g), PATIENCE, what="restart")
        again = group.get("app")
        boss.stop()
        assert repr(again).endswith("stopped>")
        assert _running("app") is None


@pytest.mark.crashes("GroupKeeper", by="killed")
def test_a_killed_keeper_lets_its_group_be_started_again() -> None:
    with Node.start("a", listen=None) as node:
        boss = Supervisor.start([group.child_spec("app", node=node, log=False)])
        g = group.get("app")
        (keeper,) = boss.which_children()
        assert keeper.ref is not None

        kill(keeper.ref)

        eventually(lambda: _running("app") not in (None, g), PATIENCE, what="restart")
        assert repr(g).endswith("stopped>")
        boss.stop()


def _running(name: str) -> Group | None:
    try:
        return group.get(name)
    except NoSuchGroupError:
        return None


def test_a_group_does_not_start_on_a_stopped_node() -> None:
    node = Node.start("a")
    node.stop()

    with pytest.raises(NodeDownError, match="it was stopped; start another one"):
        Group.start("app", node=node, log=False)
    with pytest.raises(NodeDownError):
        node.join("127.0.0.1:9")


def test_a_group_on_a_stopped_node_stops_too() -> None:
    node = Node.start("a")
    g = Group.start("app", node=node, log=False)
    node.stop()

    g.stop()

    with pytest.raises(StoppedError):
        g.keys()


def test_two_nodes_of_one_name_in_one_interpreter_may_run_the_group() -> None:
    with (
        Node.start("a", listen=None) as one,
        Node.start("a", listen=None) as other,
        Group.start("app", node=one, log=False),
        Group.start("app", node=other, log=False) as g,
    ):
        assert g.keys() == []


def test_a_script_that_forgets_its_groups_ends_quietly() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGETFUL],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "end of main\n", "")


class Holder(Actor):
    """An owner that holds its group, as owners do, and so closes a circle."""

    def __init__(self, g: Group | Scope) -> None:
        super().__init__()
        self.g = g

    def on_start(self) -> None:
        if isinstance(self.g, Group):
            self.g.register("user/1", {"version": 1})
            self.g.join("room", {"version": 1})
        else:
            self.g.join("room")


@pytest.mark.parametrize("first", ["owner", "group"])
@pytest.mark.parametrize("kind", [Group, Scope])
def test_what_was_stopped_and_is_not_held_is_gone(
    kind: type[Group | Scope], first: str
) -> None:
    def lived() -> weakref.ref[object]:
        g = kind.start("gone", log=False) if kind is Group else Scope.start("gone")
        owner = Holder.start(g)
        eventually(lambda: g.members("room") != [])
        if isinstance(g, Group):
            # What readers get is made now, and kept in the row.
            assert g.lookup("user/1") is not None
        for each in (owner, g) if first == "owner" else (g, owner):
            each.stop()
        return weakref.ref(g._instance)

    instance = lived()

    def collected() -> bool:
        gc.collect()
        return instance() is None

    # A thread that ends may hold it for a moment.
    eventually(collected, PATIENCE)
