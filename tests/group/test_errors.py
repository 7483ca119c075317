"""Each error says what happened and what to do, and whose doing it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

import transport
from actors import Timeout
from group import _errors as errors
from tests.group.pickled import pickled

if TYPE_CHECKING:
    from actors import AnyRef

REF = cast("AnyRef", ("ref",))

TEXTS = [
    (
        errors.KeyTakenError("user/1", REF, {"a": 1}, "web2", actor="User", age=12.4),
        "B022",
        "key 'user/1' is already registered by <User on web2> since 12 s "
        "(meta {'a': 1}); use lookup('user/1') or get_or_start(...)",
    ),
    (
        errors.KeyTakenError("user/1", REF, {}, "web2"),
        "B022",
        "key 'user/1' is already registered by <actor on web2> "
        "(meta {}); use lookup('user/1') or get_or_start(...)",
    ),
    (
        errors.NotRegisteredError("user/1"),
        "B026",
        "key 'user/1' is not registered by anyone",
    ),
    (
        errors.NotOwnerError("user/1", "web2"),
        "B026",
        "key 'user/1' is registered by an actor of node web2; "
        "only that node can unregister it",
    ),
    (
        errors.NotJoinedError("chat/1", "User"),
        "B027",
        "User has not joined 'chat/1'; join it first",
    ),
    (
        errors.NotLocalError("User", "web2", "web1"),
        "B024",
        "User is an actor of node web2, not of web1; use the group that runs on web2",
    ),
    (
        errors.DeadActorError("User"),
        "B024",
        "actor User has ended; start another one",
    ),
    (
        errors.CondemnedError("User", "user/1"),
        "B025",
        "actor User is being stopped after losing 'user/1'; "
        "let another actor take its place",
    ),
    (
        errors.CondemnedError("User"),
        "B025",
        "actor User is being stopped after losing a conflict; "
        "let another actor take its place",
    ),
    (
        errors.NotConnectedError("game_1", []),
        "B031",
        "not connected to cluster 'game_1': call g.connect('game_1') first "
        "(connected: none)",
    ),
    (
        errors.NotConnectedError("game_1", ["red", "blue"]),
        "B031",
        "not connected to cluster 'game_1': call g.connect('game_1') first "
        "(connected: 'blue', 'red')",
    ),
    (errors.StreamClosedError(), "B036", "this event stream is closed"),
    (errors.StoppedError("app"), "B036", "group 'app' is stopped"),
    (
        errors.AlreadyStartedError("app", "a"),
        "B013",
        "group 'app' already runs on node 'a'",
    ),
    (errors.NoSuchGroupError("app"), "B043", "no such group: 'app'"),
    (errors.NoProcessError("app"), "B043", "no actor of group 'app' fits"),
    (
        errors.ShardTimeoutError(3, 5.0, 812),
        "B037",
        "shard 3 did not answer in 5 s (queue 812)",
    ),
    (
        errors.InvalidMetaError("$.a[3]", "set is not supported; use list"),
        "B028",
        "at $.a[3]: set is not supported; use list",
    ),
]


@pytest.mark.parametrize(("error", "code", "text"), TEXTS)
def test_an_error_has_a_number_and_words(
    error: errors.GroupError, code: str, text: str
) -> None:
    assert str(error) == text
    assert error.code == code


@pytest.mark.parametrize("error", [error for error, *_ in TEXTS])
def test_an_error_survives_a_journey_with_its_fields(error: errors.GroupError) -> None:
    again = pickled(error)

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_who_has_the_key_is_in_the_error() -> None:
    error = errors.KeyTakenError("user/1", REF, {"a": 1}, "web2")

    assert (error.key, error.ref, error.meta, error.node) == (
        "user/1",
        REF,
        {"a": 1},
        "web2",
    )


def test_errors_are_what_python_calls_them_too() -> None:
    assert issubclass(errors.ShardTimeoutError, Timeout)
    assert issubclass(errors.ShardTimeoutError, TimeoutError)
    assert issubclass(errors.NotLocalError, transport.NotLocalError)
    for error in (
        errors.ConfigError,
        errors.InvalidArgumentError,
        errors.InvalidClusterError,
        errors.InvalidKeyError,
        errors.InvalidMetaError,
    ):
        assert issubclass(error, ValueError)


def test_every_error_belongs_to_the_tree() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.GroupError)


def test_an_error_stays_short_whatever_it_is_about() -> None:
    long = "k" * 1_000

    for error in (
        errors.KeyTakenError(long, REF, {"a": long}, "web2", actor="User", age=1),
        errors.NotConnectedError(long, [f"{n}{long}" for n in range(9)]),
        errors.NotJoinedError(long, "User"),
        errors.NoSuchGroupError(long),
    ):
        assert len(str(error)) < 450
