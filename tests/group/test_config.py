"""Which options a group takes, and the words for those it does not."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from group._core.arguments import FOREVER, check_limit, check_timeout, check_ttl
from group._core.config import (
    BUILT_IN_RANK_ID,
    Batching,
    Config,
    check_log_level,
    configured,
)
from group._core.errors import ConfigError, GroupError, InvalidArgumentError


def by_length(key: str, *rest: object) -> int:
    return len(key) + len(rest)


async def later(*args: object) -> int:
    return len(args)


async def later_many(*args: object) -> AsyncIterator[int]:
    yield len(args)


def one_by_one(*args: object) -> Iterator[int]:
    yield len(args)


class AsyncCallable:
    rank_id = "v1"

    async def __call__(self, *args: object) -> int:
        return len(args)


class RankedCallable:
    def __init__(self, rank_id: object) -> None:
        self.rank_id = rank_id

    def __call__(self, *args: object) -> int:
        return len(args)


def named(rank: Callable[..., object], rank_id: object = "v1") -> object:
    copy = functools.partial(rank)
    setattr(copy, "rank" + "_id", rank_id)
    return copy


def test_no_options_give_the_defaults() -> None:
    config = configured("app", {})

    assert config == Config(name="app")
    assert (config.shards, config.log, config.oplog) == (8, "info", 1024)
    assert (config.conflict_rank, config.extract_meta) == (None, None)
    assert config.batching == Batching(max_size=64, max_age=0.005)
    assert config.rank_id == BUILT_IN_RANK_ID


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("shards", 1),
        ("shards", 1024),
        ("log", "verbose"),
        ("log", False),
        ("oplog", 1),
        ("max_events", 1),
        ("extract_meta", dict),
        ("extract_meta", by_length),
        ("extract_meta", lambda meta: meta),
        ("batching", Batching(max_size=1, max_age=0)),
        ("conflict_rank", RankedCallable("v1")),
        ("conflict_rank", named(by_length)),
    ],
)
def test_a_good_option_is_kept(option: str, value: object) -> None:
    assert getattr(configured("app", {option: value}), option) == value


def test_a_rank_function_has_the_id_that_it_was_given() -> None:
    assert configured("app", {"conflict_rank": RankedCallable("v2")}).rank_id == "v2"


@pytest.mark.parametrize("shards", [0, -1, 1025, True, 8.0, "8", None])
def test_shards_are_an_integer_in_its_range(shards: object) -> None:
    with pytest.raises(ConfigError) as got:
        configured("app", {"shards": shards})

    words = f"shards must be an integer 1\u20131024, got {shards!r}"
    assert str(got.value) == words
    assert got.value.code == "B002"
    assert isinstance(got.value, ValueError)
    assert isinstance(got.value, GroupError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"oplog": 0}, "oplog must be an integer"),
        ({"max_events": 0}, "max_events must be an integer"),
        ({"log": "loud"}, "log must be 'info', 'verbose' or False, got 'loud'"),
        ({"log": True}, "got True"),
        ({"log": 0}, "got 0"),
        ({"log": None}, "got None"),
        ({"batching": 64}, "batching must be a group.Batching, got 64"),
    ],
)
def test_other_options_have_their_ranges(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as got:
        configured("app", options)

    assert words in str(got.value)
    assert got.value.code == "B002"


@pytest.mark.parametrize("size", [0, 4_001, True, 1.0])
def test_a_batch_has_a_size(size: int) -> None:
    with pytest.raises(ConfigError, match=r"batching\.max_size must be an integer"):
        Batching(max_size=size)


@pytest.mark.parametrize("age", [-0.1, 61, float("nan"), float("inf"), True])
def test_a_batch_has_an_age(age: float) -> None:
    with pytest.raises(ConfigError, match=r"batching\.max_age must be 0.60 seconds"):
        Batching(max_age=age)


@pytest.mark.parametrize("name", ["", None, 1, "n" * 256, "a\0", "\ud800"])
def test_a_group_has_a_name(name: object) -> None:
    with pytest.raises(ConfigError, match="group name must be") as got:
        configured(name, {})

    assert got.value.code == "B001"


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as got:
        configured("app", {"shard": 16})

    assert str(got.value) == "unknown option 'shard'; did you mean 'shards'?"
    assert got.value.code == "B010"


def test_an_option_that_is_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(ConfigError, match="known are shards, log, conflict_rank"):
        configured("app", {"zzz": 1})
    with pytest.raises(ConfigError, match="unknown option 'name'"):
        configured("app", {"name": "other"})


@pytest.mark.parametrize(
    "rank",
    [
        3,
        by_length,
        lambda *args: len(args),
        AsyncCallable(),
        named(later),
        RankedCallable(""),
        RankedCallable(1),
        RankedCallable(None),
    ],
)
def test_a_rank_is_a_plain_function_with_an_id(rank: object) -> None:
    if isinstance(rank, functools.partial):
        rank = rank.func
        vars(rank)["rank_id"] = "v1"
    with pytest.raises(ConfigError) as got:
        configured("app", {"conflict_rank": rank})

    assert "conflict_rank must be a plain function" in str(got.value)
    assert 'rank.rank_id = "v1"' in str(got.value)
    assert got.value.code == "B012"


@pytest.mark.parametrize("extract", ["meta", later, later_many, one_by_one])
def test_an_extractor_is_a_plain_function(extract: object) -> None:
    with pytest.raises(ConfigError, match="extract_meta must be a plain function"):
        configured("app", {"extract_meta": extract})


def test_log_levels_are_two_words_and_false() -> None:
    assert check_log_level("info") == "info"
    assert check_log_level("verbose") == "verbose"
    assert check_log_level(level=False) is False


@pytest.mark.parametrize("ttl", [1, 0.5, 1e-9])
def test_a_ttl_is_a_positive_number(ttl: float) -> None:
    assert check_ttl(ttl) == ttl
    assert check_ttl(None) is None
    assert check_ttl(1e300) == check_ttl(10**400) == FOREVER


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), True, "30"])
def test_anything_else_is_no_ttl(ttl: object) -> None:
    words = "ttl must be a positive finite number of seconds"
    with pytest.raises(InvalidArgumentError, match=words) as got:
        check_ttl(ttl)

    assert got.value.code == "B033"
    assert isinstance(got.value, ValueError)


def test_a_timeout_is_a_number() -> None:
    assert check_timeout(0) == 0
    assert check_timeout(2.5) == 2.5
    assert check_timeout(10**400) == FOREVER


@pytest.mark.parametrize("timeout", [None, -1, float("nan"), float("inf"), True, "5"])
def test_anything_else_is_no_timeout(timeout: object) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout must be a number"):
        check_timeout(timeout)


def test_a_limit_is_a_natural_number() -> None:
    assert check_limit(0) == 0
    assert check_limit(10**9) == 10**9
    assert check_limit(None) is None


@pytest.mark.parametrize("limit", [-1, 1.0, True, "1"])
def test_anything_else_is_no_limit(limit: object) -> None:
    with pytest.raises(InvalidArgumentError, match="limit must be an integer") as got:
        check_limit(limit)

    assert got.value.code == "B035"
