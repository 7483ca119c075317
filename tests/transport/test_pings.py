"""Round trips that somebody waits for."""

import time
from types import SimpleNamespace
from typing import cast

from transport._core import control
from transport._links.link import Link
from transport._links.pings import Pings


def link() -> tuple[Link, list[control.Ping]]:
    """Return a link, and what is said on it."""
    said: list[control.Ping] = []
    return cast("Link", SimpleNamespace(say=said.append, rtt=None)), said


def test_a_peer_answers_for_itself_alone() -> None:
    pings, (one, said), (other, _) = Pings(), link(), link()
    answer = pings.send(one)
    (ping,) = said

    pings.answered(ping.id, other)
    assert not answer.done()
    pings.answered(ping.id, one)

    assert answer.get(timeout=1) >= 0
    assert one.rtt is not None
    assert other.rtt is None


def test_a_peer_that_drops_a_ping_is_asked_again() -> None:
    pings, (one, said) = Pings(), link()

    silent = pings.await_all([(one, pings.send(one))], lambda _: True, deadline())

    assert silent == [one]
    assert len(said) > 1


def test_nobody_waits_for_a_link_that_is_gone() -> None:
    pings, (one, _) = Pings(), link()

    assert pings.await_all([(one, pings.send(one))], lambda _: False, deadline()) == []


def deadline() -> float:
    return time.monotonic() + 0.6
