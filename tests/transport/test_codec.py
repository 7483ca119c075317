"""Payloads: what travels, what does not, and how the sender hears of it."""

import math
import pickle
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Crash, NodeDown, ProxyCall, ProxyGetAttr, ProxySetAttr
from tests.transport.memory import MemoryNode
from tests.transport.people import (
    Echo,
    Locked,
    Say,
    heard_by,
    linked,
    plain_actor,
    seen_from,
    users,
)
from transport._core.errors import TransportError
from transport._core.frames import MAX_MESSAGE_BYTES
from transport._errors import EncodeError, MessageTooLargeError
from transport._remote import headers
from transport._remote.blame import blame
from transport._remote.codec import Codec, DecodeError
from transport._remote.headers import MAX_PAYLOAD_BYTES
from transport._remote.plain import Address
from transport._remote.ref import AnyRef, RemoteActorRef


class NoRefs:
    """For payloads that hold none."""

    def address(self, ref: AnyRef) -> Address:
        raise AssertionError(ref)

    def revive(self, address: Address) -> AnyRef:
        raise AssertionError(address)


pickling = Codec("here", NoRefs(), allow_pickle=True)
plain = Codec("here", NoRefs(), allow_pickle=False)


def there_and_back(codec: Codec, value: object) -> object:
    return codec.decode(codec.encode(value, to="there", pickled=True))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
KEYS = st.text() | st.integers(-(2**63), 2**63 - 1) | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_plain_data_travels_without_pickle_as_it_was(value: object) -> None:
    again = there_and_back(plain, value)

    assert again == value
    assert repr(again) == repr(value)


@pytest.mark.parametrize("codec", [plain, pickling])
@pytest.mark.parametrize(
    "message",
    [
        ProxyCall(("a", "b"), (1, (2, 3)), {"k": [4]}),
        ProxyGetAttr(("a",)),
        ProxySetAttr(("a",), {"b": (1,)}),
        Crash("KeyError", "'x'", "Traceback ..."),
        NodeDown("web2", "connection reset"),
    ],
)
def test_what_our_own_packages_say_travels_either_way(
    codec: Codec, message: object
) -> None:
    again = there_and_back(codec, message)

    assert again == message
    assert type(again) is type(message)


def test_a_float_that_is_no_number_travels() -> None:
    again = there_and_back(plain, math.nan)

    assert isinstance(again, float)
    assert math.isnan(again)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [0, 1, 2, {1}]}, "at $.a[3]: set is not plain data"),
        (Say("hi"), "at $: Say is not plain data"),
        ([Say], "at $[0]: type is not plain data"),
        ({(1, 2): 3}, "at $: a key of type tuple is not plain data"),
        ("\ud800", "at $: text with lone surrogates"),
    ],
)
def test_without_pickle_the_sender_hears_what_cannot_travel(
    value: object, words: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        plain.encode(value, to="b", pickled=True)

    assert words in str(caught.value)
    assert caught.value.code == "B046"


def test_data_that_holds_itself_is_refused_and_not_followed_for_ever() -> None:
    loop: list[object] = []
    loop.append(loop)

    with pytest.raises(EncodeError, match="nested deeper than 32"):
        plain.encode(loop, to="b", pickled=True)


def test_a_peer_that_takes_no_pickle_is_named() -> None:
    with pytest.raises(EncodeError, match="node b does not accept pickled messages"):
        pickling.encode(Say("hi"), to="b", pickled=False)


def test_a_node_without_pickle_never_loads_one() -> None:
    bomb = b"\x01" + pickle.dumps(Bomb())

    with pytest.raises(DecodeError, match="does not accept pickled messages"):
        plain.decode(bomb)

    assert Bomb.went_off == 0
    # The guard is what kept it from going off.
    with pytest.raises(DecodeError):
        pickling.decode(bomb)
    assert Bomb.went_off == 1


class Bomb:
    went_off = 0

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return (explode, ())


def explode() -> None:
    Bomb.went_off += 1
    raise RuntimeError("boom")


def test_what_cannot_be_pickled_is_named_by_field_and_type() -> None:
    with pytest.raises(EncodeError) as caught:
        pickling.encode(Locked("x"), to="b", pickled=True)

    assert "field 'lock' (_thread.lock) cannot be pickled" in str(caught.value)
    assert "Messages must be plain data" in str(caught.value)
    assert caught.value.code == "B044"


def test_blame_names_the_deepest_part_at_fault() -> None:
    message = Echo([{"inner": Locked("x")}])

    words = blame(message, pickle.dumps)

    assert "field \"value[0]['inner'].lock\" (_thread.lock)" in words


def test_blame_bears_a_repr_that_fails_and_one_that_is_long() -> None:
    class Odd:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __repr__(self) -> str:
            raise ValueError("no")

    assert "<" in blame(Odd(), pickle.dumps)
    assert len(blame(["x" * 1000, threading.Lock()], pickle.dumps)) < 250


def test_lambdas_and_local_classes_travel_by_value() -> None:
    class Local:
        answer = 42

    def function(x: int) -> int:
        return x + Local.answer

    again = there_and_back(pickling, (function, Local()))

    assert isinstance(again, tuple)
    assert again[0](1) == 43
    assert again[1].answer == 42


def test_a_message_over_64_mib_is_refused() -> None:
    with pytest.raises(MessageTooLargeError, match="65 MiB > limit 64 MiB"):
        pickling.encode(bytes(64 * 1024 * 1024 + 1), to="b", pickled=True)

    largest = pickling.encode(bytes(MAX_PAYLOAD_BYTES - 64), to="b", pickled=True)
    ask = headers.Ask(1 << 62, "x" * 1024, largest)
    assert len(headers.write(ask)) <= MAX_MESSAGE_BYTES


@given(st.binary(max_size=200))
def test_whatever_bytes_come_only_the_decoders_own_error_comes_out(
    data: bytes,
) -> None:
    for tag in (b"\x00", b"\x07", b""):
        with suppress(TransportError):
            plain.decode(tag + data)


def test_deeply_nested_bytes_do_not_end_the_interpreter() -> None:
    with pytest.raises(DecodeError):
        plain.decode(b"\x00" + b"\x91" * 100_000)


@pytest.fixture
def shop() -> Iterator[ModuleType]:
    """A module that this node has and the peer has not."""
    module = ModuleType("shop_only_here")
    source = "class Order:\n    def __init__(self): self.n = 1\n"
    exec(source, vars(module))
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)


def test_a_class_that_is_unknown_here_is_named(shop: ModuleType) -> None:
    payload = pickling.encode(shop.Order(), to="here", pickled=True)
    del sys.modules[shop.__name__]

    with pytest.raises(DecodeError) as caught:
        pickling.decode(payload)

    assert "here could not load shop_only_here.Order: No module named" in str(
        caught.value
    )
    assert "Install the same code on all nodes" in str(caught.value)


# Refs inside payloads.


@pytest.mark.parametrize("allow_pickle", [True, False])
def test_refs_travel_and_come_home_as_the_local_ref(*, allow_pickle: bool) -> None:
    with linked("a", "b", allow_pickle=allow_pickle) as (a, b), users() as (user,):
        far = seen_from(b, a, user)

        far.tell({"me": user, "you": [far]})
        answer = far.proxy().actor_ref_of_mine().get(timeout=5)

        (heard,) = heard_by(user, far)
        assert isinstance(heard, dict)
        assert heard["me"] is user
        assert heard["you"][0] is user
        assert answer is far
        assert answer == user


def test_a_plain_pykka_ref_travels_and_gets_the_sender_as_its_home() -> None:
    with linked("a", "b") as (a, b), users() as (user,), plain_actor() as plain_ref:
        far = seen_from(b, a, user)

        answer = far.ask(Echo(plain_ref), timeout=5)
        far.tell(plain_ref)

        assert answer is plain_ref
        assert b.traffic.refs.is_local(plain_ref)
        (heard,) = heard_by(user, far)
        assert isinstance(heard, RemoteActorRef)
        assert heard == plain_ref
        assert heard.node == "b"
        assert heard.ask("hello", timeout=5) == "hello"


def test_a_proxy_travels_and_works_at_both_ends() -> None:
    with linked("a", "b") as (a, b), users(2) as (user, friend):
        far = seen_from(b, a, user)
        b.traffic.locals.adopt(friend)

        for proxy in (friend.proxy(), friend.proxy().settings, friend.proxy().shout):
            far.tell(proxy)
        whole, nested, method = heard_by(user, far)

        assert whole.shout("hi").get(timeout=5) == "HI!"
        assert nested.louder(2).get(timeout=5) == 5
        assert method("hi").get(timeout=5) == "HI!"
        back: Any = far.ask(Echo(far.proxy().shout), timeout=5)
        assert back("far").get(timeout=5) == "FAR!"


def test_the_first_node_that_an_actor_is_used_with_stays_its_home() -> None:
    with linked("a", "b") as (a, b), users(2) as (user, other):
        a.traffic.locals.adopt(user)
        far = seen_from(a, b, other)

        far.tell(user)

        (heard,) = heard_by(other, far)
        assert isinstance(heard, RemoteActorRef)
        assert heard.node == "a"
        assert heard == user
        with pytest.raises(TransportError, match="belongs to node a, not to b"):
            b.traffic.locals.adopt(user)


def test_a_stopped_node_gives_its_actors_free() -> None:
    first = MemoryNode("first")
    with users() as (user,):
        first.traffic.locals.adopt(user)
        first.stop()
        second = MemoryNode("second")

        assert second.traffic.locals.adopt(user) > 0

        second.stop()
