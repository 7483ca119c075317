"""B044 to B049: messages that cannot travel, or arrive and cannot be loaded."""

import sys
import time
from collections.abc import Iterator
from types import ModuleType

import pytest

from actors import ActorDeadError, AnyRef, register_name
from tests.errors.guests import guest
from tests.group.people import listeners
from tests.transport.people import Locked
from tests.transport.strangers import SECRET, frozen
from tests.waiting import eventually
from transport import (
    EncodeError,
    MessageTooLargeError,
    Node,
    NodeDownError,
    PickleRefusedError,
    RemoteError,
)


@pytest.fixture
def host() -> Iterator[Node]:
    with Node.start("host", cookie=SECRET) as node:
        yield node


@pytest.fixture
def shop() -> Iterator[ModuleType]:
    """A module that this process has and no other."""
    module = ModuleType("shop_only_here")
    exec("class Order:\n    pass\n", vars(module))
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def test_what_cannot_be_pickled_is_an_error_of_the_sender(host: Node) -> None:
    with (
        Node.start("b", cookie=SECRET, join=host.address),
        listeners() as (one,),
    ):
        register_name("one", one)
        far = host.actor("b", "one")
        # Who dialled is linked first.
        host.wait_peers(1, 5)

        for send in (far.tell, far.ask):
            with pytest.raises(EncodeError) as caught:
                send(Locked("x"))

            assert caught.value.code == "B044"
            assert str(caught.value).startswith("cannot send Locked(")
            assert (
                "field 'lock' (_thread.lock) cannot be pickled. "
                "Messages must be plain data, or what can be pickled"
            ) in str(caught.value)
        # Nothing of it was sent.
        assert far.ask("first", timeout=5) == 1


def test_a_message_over_the_limit_is_refused_with_both_sizes(host: Node) -> None:
    with (
        Node.start("b", cookie=SECRET, join=host.address),
        listeners() as (one,),
    ):
        register_name("one", one)
        far = host.actor("b", "one")
        # Who dialled is linked first.
        host.wait_peers(1, 5)

        with pytest.raises(MessageTooLargeError) as caught:
            far.tell(bytes(65 << 20))

        assert caught.value.code == "B045"
        assert "message of 66 MiB > limit 64 MiB" in str(caught.value)
        assert "Send it in parts, or a path or URL" in str(caught.value)
        assert far.ask("next", timeout=5) == 1


@pytest.mark.cluster
@pytest.mark.slow
def test_messages_that_only_one_process_understands(
    host: Node, shop: ModuleType
) -> None:
    with guest(host, "b") as b:
        far = b.actor

        # B047: the addressee gets words; its node, its link and itself live on.
        far.tell(shop.Order())
        (failed,) = far.ask("heard", timeout=5)
        with pytest.raises(Exception, match="Install the same code on all nodes") as no:
            far.ask(shop.Order(), timeout=5)
        # B048: an exception whose class is over there alone.
        with pytest.raises(RemoteError) as caught:
            far.ask("raise", timeout=5)

        assert "b could not load shop_only_here.Order: No module named" in str(failed)
        assert getattr(no.value, "code", None) == "B047"
        error = caught.value
        assert error.code == "B048"
        assert (error.type or "").endswith("OwnError")
        assert error.message == "only here"
        assert "guest.py" in str(error.traceback)
        assert host.linked_id("b") is not None


@pytest.mark.cluster
@pytest.mark.slow
def test_a_peer_that_takes_no_pickle_is_named(host: Node) -> None:
    with guest(host, "plain") as plain:
        far = plain.actor

        with pytest.raises(PickleRefusedError) as caught:
            far.tell(Locked("x"))

        assert isinstance(caught.value, EncodeError)
        assert caught.value.code == "B046"
        assert str(caught.value).startswith(
            "node plain does not accept pickled messages; at $: Locked is not plain"
        )
        far.tell({"plain": [1, 2]})
        assert far.ask("heard", timeout=5) == ["{'plain': [1, 2]}"]


def quick(
    name: str, *, join: str = "", grace: float = 2.0, queue_bytes: int = 1 << 24
) -> Node:
    return Node.start(
        name,
        cookie=SECRET,
        join=join,
        heartbeat=0.1,
        lease=0.5,
        grace=grace,
        queue_bytes=queue_bytes,
    )


def test_a_node_that_is_suspect_or_down_fails_at_once() -> None:
    with quick("a", grace=2.0) as a, listeners() as (one,):
        b = quick("b", join=a.address, grace=2.0)
        register_name("one", one)
        named = a.actor("b", "one")
        far = a.ref(b.id, b.adopt(one), "Listener")
        a.wait_peers(1, 5)
        assert far.ask("first", timeout=5) == 1
        try:
            # Its I/O thread stands still, so that nobody refuses a dial.
            with frozen(b):
                eventually(lambda: [p.state for p in a.peers()] == ["suspect"], 5)
                suspect = ends(far, named)
                eventually(lambda: [p.state for p in a.peers()] == ["down"], 20)
                down = ends(far, named)
        finally:
            b.stop()

    for error in (*suspect, *down):
        assert error.code == "B049"
        assert error.node == "b"
        assert str(error).startswith("node b is down: ")
        assert isinstance(error, ActorDeadError)
    assert "no sign of life for 0.5 s" in str(suspect[0])


def ends(*refs: AnyRef) -> list[NodeDownError]:
    """Return what telling and asking raise, at once, whatever the node does."""
    found = []
    for ref in refs:
        for send in (ref.tell, ref.ask):
            began = time.monotonic()
            with pytest.raises(NodeDownError) as caught:
                send("x")
            # Less than the grace, after which nobody would wait.
            assert time.monotonic() - began < 1.5
            found.append(caught.value)
    return found


def test_a_full_link_never_blocks_its_sender() -> None:
    with quick("a", queue_bytes=1 << 20) as a, quick("b", join=a.address) as b:
        a.wait_peers(1, 5)
        with frozen(b), listeners() as (one,):
            far = a.ref(b.id, b.adopt(one), "Listener")
            began = time.monotonic()
            for _ in range(200):
                far.tell(bytes(60_000))
            took = time.monotonic() - began

    assert took < 5
