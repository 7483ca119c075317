"""register, unregister, join, leave: what they do and what they refuse."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from actors import NoCurrentActorError, mailbox
from group import (
    ConfigError,
    DeadActorError,
    Group,
    InvalidClusterError,
    InvalidKeyError,
    InvalidMetaError,
    KeyTakenError,
    NotConnectedError,
    NotJoinedError,
    NotRegisteredError,
    ShardTimeoutError,
    StoppedError,
)
from tests.group.people import PATIENCE, Plain, end_of, event_of, listeners, told
from tests.waiting import eventually
from transport import Node

WRONG_KEYS: list[object] = [
    "",
    "a" * 1025,
    "é" * 513,
    "a\0b",
    "\ud800",
    None,
    3,
    b"key",
    [],
    {},
]


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


def test_a_registered_actor_is_found_with_its_meta(g: Group) -> None:
    with mailbox() as me:
        g.register("user/1", {"name": "alice", "tags": ["x", {"y": 1}]})

        found = g.lookup("user/1")

        assert found is not None
        assert found.ref is me.ref
        assert found.meta == {"name": "alice", "tags": ["x", {"y": 1}]}
        assert g.whereis("user/1") is me.ref
        assert g.members("user/1") == []


def test_meta_is_copied_and_read_only(g: Group) -> None:
    meta: dict[str, Any] = {"list": [1, 2], "inner": {"a": 1}}
    with mailbox():
        g.register("k", meta)
        meta["list"].append(3)
        meta["inner"]["a"] = 2

        found = g.lookup("k")

        assert found is not None
        assert found.meta == {"list": (1, 2), "inner": {"a": 1}}
        assert isinstance(found.meta["list"], tuple)
        with pytest.raises(TypeError):
            cast("Any", found.meta)["list"] = 1
        with pytest.raises(TypeError):
            cast("Any", found.meta["inner"])["a"] = 3


def test_no_meta_is_the_empty_meta(g: Group) -> None:
    with mailbox():
        g.register("k")
        g.join("k", None)

        found = g.lookup("k")

        assert found is not None
        assert found.meta == {}
        assert [entry.meta for entry in g.members("k")] == [{}]


def test_the_owner_alone_can_register_again(g: Group) -> None:
    with mailbox() as me, listeners() as (other,):
        g.monitor("k")
        g.register("k", {"v": 1})
        g.register("k", {"v": 1})
        g.register("k", {"v": 2})

        with pytest.raises(KeyTakenError) as caught:
            g.register("k", {"v": 3}, actor=other)

        assert (caught.value.key, caught.value.ref) == ("k", me.ref)
        assert (caught.value.meta, caught.value.node) == ({"v": 2}, g.node.name)
        assert str(caught.value).startswith(
            f"key 'k' is already registered by <Mailbox on {g.node.name}> since 0"
        )
        assert "use lookup('k') or get_or_start(...)" in str(caught.value)
        first, second = event_of(me), event_of(me)
        assert (first.type, first.meta, first.previous_meta) == (
            "registered",
            {"v": 1},
            None,
        )
        assert (second.type, second.meta, second.previous_meta) == (
            "registered",
            {"v": 2},
            {"v": 1},
        )
        assert first.ref is me.ref
        assert (first.group, first.cluster, first.reason) == ("app", None, None)
        g.unregister("k")
        assert event_of(me).type == "unregistered"


def test_any_actor_of_the_node_may_unregister(g: Group) -> None:
    with listeners() as (owner,), mailbox() as me:
        g.monitor(pattern="k")
        g.register("k", {"v": 1}, actor=owner)

        g.unregister("k")

        assert g.lookup("k") is None
        assert event_of(me).type == "registered"
        gone = event_of(me)
        assert (gone.type, gone.reason, gone.meta) == (
            "unregistered",
            "unregister",
            {"v": 1},
        )
        assert gone.previous_meta is None
        assert gone.ref is owner


def test_unregister_needs_no_current_actor(g: Group) -> None:
    with listeners() as (owner,):
        g.register("k", actor=owner)

        g.unregister("k")

        with pytest.raises(NotRegisteredError, match="'k' is not registered by anyone"):
            g.unregister("k")


def test_a_key_is_free_again_after_unregister(g: Group) -> None:
    with listeners(2) as (one, other):
        g.register("k", actor=one)
        g.unregister("k")

        g.register("k", actor=other)

        assert g.whereis("k") is other


def test_membership_is_renewed_in_place(g: Group) -> None:
    with mailbox() as me:
        g.monitor("room")
        g.join("room", {"v": 1})
        g.join("room", {"v": 1})
        g.join("room", {"v": 2})

        assert [(e.ref, e.meta) for e in g.members("room")] == [(me.ref, {"v": 2})]
        g.leave("room")

        events = [event_of(me) for _ in range(3)]
        assert [(e.type, e.previous_meta, e.reason) for e in events] == [
            ("joined", None, None),
            ("joined", {"v": 1}, None),
            ("left", None, "leave"),
        ]
        assert g.members("room") == []


def test_leaving_what_was_not_joined_is_refused(g: Group) -> None:
    with mailbox(), listeners() as (other,):
        g.join("room", actor=other)

        with pytest.raises(NotJoinedError, match="has not joined 'room'; join it"):
            g.leave("room")

        assert g.member_count("room") == 1


def test_registry_and_groups_are_two_namespaces(g: Group) -> None:
    with listeners(2) as (owner, member):
        g.register("k", {"as": "owner"}, actor=owner)
        g.join("k", {"as": "member"}, actor=member)
        g.join("k", {"as": "both"}, actor=owner)

        g.unregister("k")

        assert g.lookup("k") is None
        assert {e.ref for e in g.members("k")} == {owner, member}


def test_a_dead_owner_is_cleaned_up_in_one_message_per_shard() -> None:
    with (
        Group.start("app", shards=1, log=False) as g,
        listeners() as (owner,),
        mailbox() as me,
    ):
        g.join("room/1", actor=owner)
        g.register("a", {"v": 1}, actor=owner)
        g.join("room/2", actor=owner)
        g.register("b", actor=owner)
        g.monitor("room/")
        g.monitor("a")
        g.monitor("b")

        end_of(owner)

        events = told(me)
        assert [(e.type, e.key, e.reason) for e in events] == [
            ("unregistered", "a", "normal"),
            ("unregistered", "b", "normal"),
            ("left", "room/1", "normal"),
            ("left", "room/2", "normal"),
        ]
        assert (g.registry_count(), g.member_count("room/")) == (0, 0)
        assert list(g.entries()) == []
        assert g.local_entries() == []


def test_a_plain_pykka_actor_is_registered_and_cleaned_up(g: Group) -> None:
    plain = Plain.start()
    g.register("plain", {"v": 1}, actor=plain)
    g.join("room", actor=plain)
    assert g.whereis("plain") is plain
    assert g.dispatch("room", "hello") == 1
    assert plain.proxy().heard.get(timeout=PATIENCE) == ["hello"]

    plain.stop()

    eventually(lambda: not g.keys(), what="plain actor cleaned up")


def test_a_crash_is_told_as_the_reason(g: Group) -> None:
    with listeners() as (owner,), mailbox() as me:
        g.monitor("k")
        g.register("k", actor=owner)
        event_of(me)

        owner.tell(LookupError("broken on purpose"))

        reason = event_of(me).reason
        assert "LookupError" in str(getattr(reason, "type", reason))


def test_the_dead_are_refused(g: Group) -> None:
    with listeners() as (one,):
        end_of(one)
        for write in (g.register, g.join):
            with pytest.raises(DeadActorError, match="has ended; start another one"):
                write("k", actor=one)
        with pytest.raises(DeadActorError):
            g.monitor("k", actor=one)
        assert g.keys() == []


def test_a_plain_thread_is_told_how_to_become_an_actor(g: Group) -> None:
    for write in (g.register, g.join, g.leave, g.monitor, g.demonitor):
        with pytest.raises(NoCurrentActorError, match=r"with actors\.mailbox"):
            write("k")


@pytest.mark.parametrize("key", WRONG_KEYS)
def test_wrong_keys_are_refused_everywhere(g: Group, key: object) -> None:
    loose: Any = g
    with mailbox():
        for call in (
            loose.register,
            loose.unregister,
            loose.join,
            loose.leave,
            loose.lookup,
            loose.whereis,
            loose.members,
            loose.local_members,
            loose.member_count,
            loose.local_member_count,
            loose.monitor,
            loose.demonitor,
            loose.events,
            loose.explain,
            lambda k: loose.dispatch(k, "x"),
            lambda k: loose.dispatch_local(k, "x"),
            lambda k: loose.wait_for(k, timeout=0),
            lambda k: loose.wait_for_member(k, timeout=0),
        ):
            with pytest.raises(InvalidKeyError, match="key must be 1\u20131024 bytes"):
                call(key)


def test_keys_that_end_in_a_slash_are_reserved_for_prefixes(g: Group) -> None:
    with mailbox():
        for call in (g.register, g.unregister, g.join, g.leave):
            with pytest.raises(InvalidKeyError, match="'a/' is reserved for prefix"):
                call("a/")
        assert g.lookup("a/") is None
        assert g.dispatch("a/", "x") == 0


@pytest.mark.parametrize("meta", [5, "x", [1], {1: 2}, {"a": {1}}, {"a": object()}])
def test_what_is_no_meta_is_refused_before_anything_happens(
    g: Group, meta: object
) -> None:
    loose: Any = g
    with mailbox():
        for call in (loose.register, loose.join):
            with pytest.raises(InvalidMetaError, match=r"^at \$"):
                call("k", meta)
    assert loose.keys() == []


@pytest.mark.parametrize("cluster", ["", "a" * 256, 3, b"red", [], "a\0b"])
def test_wrong_clusters_are_refused_everywhere(g: Group, cluster: object) -> None:
    loose: Any = g
    with mailbox():
        for call in (
            loose.register,
            loose.unregister,
            loose.join,
            loose.leave,
            loose.lookup,
            loose.members,
            loose.member_count,
            loose.monitor,
            loose.demonitor,
            loose.events,
        ):
            with pytest.raises(InvalidClusterError, match="cluster must be 1\u2013255"):
                call("k", cluster=cluster)
        for count in (loose.registry_count, loose.local_registry_count, loose.keys):
            with pytest.raises(InvalidClusterError):
                count(cluster=cluster)


def test_writes_need_the_cluster_and_reads_see_nothing(g: Group) -> None:
    with mailbox():
        for call in (g.register, g.unregister, g.join, g.leave):
            with pytest.raises(
                NotConnectedError,
                match=r"call g.connect\('red'\) first \(connected: none\)",
            ):
                call("k", cluster="red")
        assert g.lookup("k", cluster="red") is None
        assert g.members("k", cluster="red") == []
        assert g.registry_count(cluster="red") == 0
        assert g.dispatch("k", "x", cluster="red") == 0
        g.monitor("k", cluster="red")
        g.disconnect("red")


@pytest.mark.parametrize("actor", ["alice", 5, object(), ("a", 1), Plain])
def test_what_is_no_ref_is_called_so(g: Group, actor: object) -> None:
    loose: Any = g
    for call in (loose.register, loose.join, loose.monitor):
        with pytest.raises(TypeError, match="is no actor ref"):
            call("k", actor=actor)


@pytest.mark.parametrize("timeout", [-1, "1", None, True, float("nan"), float("inf")])
def test_a_wrong_timeout_is_refused(g: Group, timeout: object) -> None:
    loose: Any = g
    with mailbox():
        for call in (loose.register, loose.unregister, loose.join, loose.leave):
            with pytest.raises(ValueError, match="timeout must be a number of seconds"):
                call("k", timeout=timeout)


def test_a_request_that_waits_too_long_is_not_carried_out() -> None:
    with (
        Group.start("app", shards=1, log=False) as g,
        listeners() as (one,),
    ):
        (runner,) = g._instance.runners
        with runner._turn, pytest.raises(ShardTimeoutError) as caught:
            g.register("k", actor=one, timeout=0.01)

        assert str(caught.value) == "shard 0 did not answer in 0.01 s (queue 1)"
        g.register("other", actor=one)
        assert g.keys() == ["other"]
        assert isinstance(caught.value, TimeoutError)


def test_writes_of_one_thread_keep_their_order_behind_a_busy_shard() -> None:
    with (
        Group.start("app", shards=1, log=False) as g,
        listeners() as (one,),
        mailbox() as me,
    ):
        g.monitor("k")
        (runner,) = g._instance.runners
        busy, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with runner._turn:
                busy.set()
                go_on.wait(PATIENCE)
            runner.kick()

        holder = threading.Thread(target=hold)
        holder.start()
        busy.wait(PATIENCE)
        threading.Timer(0.05, go_on.set).start()
        for number in range(20):
            g.register("k", {"n": number}, actor=one)
        holder.join(PATIENCE)

        numbers = [e.meta["n"] for _ in range(20) for e in told(me)]
        assert numbers == list(range(20))


@pytest.mark.parametrize("shards", [1, 8])
def test_many_writers_lose_and_reorder_nothing(shards: int) -> None:
    writers, writes = 8, 60
    with (
        Group.start("app", shards=shards, log=False) as g,
        listeners(writers) as refs,
        mailbox() as me,
    ):
        g.monitor("w/")

        def write(index: int) -> None:
            for number in range(writes):
                g.register(f"w/{index}", {"n": number}, actor=refs[index])
                g.join("w/all", {"n": number}, actor=refs[index])

        threads = [
            threading.Thread(target=write, args=(index,)) for index in range(writers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        seen: dict[tuple[str, Any], list[Any]] = {}
        while sum(map(len, seen.values())) < 2 * writers * writes:
            for event in told(me):
                seen.setdefault((event.key, event.ref), []).append(event.meta["n"])
        assert all(numbers == list(range(writes)) for numbers in seen.values())
        assert len(seen) == 2 * writers
        assert g.registry_count() == writers
        assert g.member_count("w/all") == writers


def test_a_group_does_not_start_on_the_thread_of_an_event_loop() -> None:
    with Node.start("a", listen=None) as node:

        async def start() -> None:
            Group.start("app", node=node)

        with pytest.raises(RuntimeError, match=r"start\(\) blocks; use await asyncio"):
            asyncio.run(start())
        with Group.start("app", node=node) as g:
            assert g.keys() == []


def test_unknown_options_are_refused_with_a_hint() -> None:
    start: Any = Group.start
    with pytest.raises(ConfigError, match="unknown option 'shard'; did you mean"):
        start("app", shard=4)


def test_a_write_after_the_end_says_stopped_before_all_else() -> None:
    group = Group.start("app", log=False)
    group.stop()

    with pytest.raises(StoppedError, match="group 'app' is stopped"):
        group.register("k")
