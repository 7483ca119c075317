"""What a monitor is handed, and how it can be taken apart."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import pytest

from group._core.events import (
    Entry,
    Event,
    Events,
    EventType,
    Found,
    Lagged,
    Record,
)
from tests.group.pickled import pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import AnyRef


class Ref:
    """Stands where an actor's ref stands; events never look inside."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref)

    def __hash__(self) -> int:
        return 1


REF = cast("AnyRef", Ref())

make: Callable[..., Event] = Event


def event(kind: EventType = EventType.JOINED, **fields: object) -> Event:
    given: dict[str, object] = {
        "type": kind,
        "group": "app",
        "cluster": None,
        "key": "chat/1",
        "ref": REF,
        "meta": {"role": "admin"},
    }
    return make(**(given | fields))


def test_an_event_is_matched_by_its_words() -> None:
    match event(EventType.UNREGISTERED, reason="unregister"):
        case Event(type="registered" | "joined"):
            pytest.fail("it has not come")
        case Event(type="unregistered" | "left", key=key, reason=reason):
            assert (key, reason) == ("chat/1", "unregister")
        case _:
            pytest.fail("it is an event")


def test_an_event_type_is_its_word() -> None:
    assert [str(kind) for kind in EventType] == [
        "registered",
        "unregistered",
        "joined",
        "left",
    ]
    assert event().type == "joined"
    assert pickled(EventType.LEFT) is EventType.LEFT


@pytest.mark.parametrize("field", ["type", "key", "meta", "anything"])
def test_an_event_cannot_be_changed(field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(event(), field, "other")


def test_an_event_takes_its_fields_by_name_only() -> None:
    with pytest.raises(TypeError):
        make(EventType.JOINED, "app", None, "chat/1", REF, {})


def test_a_first_event_has_neither_previous_meta_nor_reason() -> None:
    assert event().previous_meta is None
    assert event().reason is None


def test_equal_events_are_equal_also_after_a_journey() -> None:
    assert event() == event() == copy.deepcopy(event())
    assert event() != event(key="chat/2")
    assert event() != event(EventType.LEFT)


@pytest.mark.parametrize("field", ["events", "group"])
def test_events_are_a_frozen_sequence(field: str) -> None:
    one, two = event(), event(EventType.LEFT, reason="leave")

    events = Events((one, two), "app")

    assert list(events) == [one, two]
    assert (len(events), events[0], events[-1]) == (2, one, two)
    assert events[1:] == (two,)
    assert two in events
    assert events == Events((one, two), "app")
    assert events != Events((one, two), "other")
    with pytest.raises(AttributeError):
        setattr(events, field, "other")


def test_events_are_matched_whole_or_one_by_one() -> None:
    message: object = Events((event(), event(key="chat/2")), "app")

    match message:
        case Events(events, group):
            assert (len(events), group) == (2, "app")
        case _:
            pytest.fail("they are events")
    match message:
        case [first, *rest]:
            assert (first.key, len(rest)) == ("chat/1", 1)
        case _:
            pytest.fail("they are a sequence")


def test_what_readers_get_are_tuples_with_names() -> None:
    entry = Entry(REF, {"a": 1})
    record = Record("member", None, "chat/1", REF, {})
    found = Found("chat", (REF,))

    assert (entry.ref, entry.meta) == entry == (REF, {"a": 1})
    assert record._fields == ("kind", "cluster", "key", "ref", "meta")
    assert record == ("member", None, "chat/1", REF, {})
    assert (found.group, found.refs) == ("chat", (REF,))
    assert Lagged(3).missed == 3
