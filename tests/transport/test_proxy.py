"""Proxies of actors that live elsewhere: names alone, no questions asked."""

import asyncio
from collections.abc import Iterator

import pykka
import pytest

from tests.transport.memory import MemoryNode
from tests.transport.people import AnyRef, linked, seen_from, users
from transport._remote.proxy import RemoteAttribute, RemoteProxy

Pair = tuple[MemoryNode, MemoryNode]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with linked("web2", "web1") as nodes:
        yield nodes


@pytest.fixture
def far(pair: Pair) -> Iterator[AnyRef]:
    home, away = pair
    with users() as (user,):
        yield seen_from(away, home, user)


def test_making_a_proxy_asks_nobody(pair: Pair, far: AnyRef) -> None:
    sent = len(pair[1].frames)

    proxy = far.proxy()

    assert proxy.settings.volume is not None
    assert isinstance(proxy, pykka.ActorProxy)
    assert proxy.actor_ref is far
    assert len(pair[1].frames) == sent


def test_a_call_is_one_frame_each_way(pair: Pair, far: AnyRef) -> None:
    home, away = pair
    proxy = far.proxy()
    sent, answered = len(away.frames), len(home.frames)

    assert proxy.shout("hi").get(timeout=5) == "HI!"

    assert (len(away.frames), len(home.frames)) == (sent + 1, answered + 1)


def test_an_attribute_waits_no_longer_than_told(far: AnyRef) -> None:
    with pytest.raises(TimeoutError):
        far.proxy().gate.wait(2).get(timeout=0)


def test_attributes_are_awaited_in_parallel(far: AnyRef) -> None:
    proxy = far.proxy()

    async def read() -> list[object]:
        return list(await asyncio.gather(proxy.shout("a"), proxy.shout("b")))

    assert asyncio.run(read()) == ["A!", "B!"]


def test_setting_says_when_it_fails(far: AnyRef) -> None:
    with pytest.raises(AttributeError):
        far.proxy().no_such_part.volume = 1


def test_private_names_stay_out_of_reach(far: AnyRef) -> None:
    with pytest.raises(AttributeError, match="_secret"):
        _ = far.proxy()._secret


def test_proxies_of_one_path_are_equal(far: AnyRef) -> None:
    assert far.proxy() == far.proxy()
    assert hash(far.proxy().settings) == hash(far.proxy().settings)
    assert far.proxy().settings == far.proxy().settings
    assert far.proxy().settings != far.proxy().mood
    assert far.proxy() != far


def test_a_proxy_says_what_it_stands_for(far: AnyRef) -> None:
    proxy = far.proxy()

    assert isinstance(proxy, RemoteProxy)
    assert isinstance(proxy.settings, RemoteAttribute)
    assert repr(proxy.settings.volume) == "<proxy of User on web2.settings.volume>"
    assert dir(proxy) == ["actor_ref"]
