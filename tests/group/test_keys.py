"""Which names are legal, what finds a key, and where it lives."""

import copy
import enum
import subprocess
import sys
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from group._core.errors import (
    GroupError,
    InvalidClusterError,
    InvalidKeyError,
    shown,
)
from group._core.keys import (
    ALL,
    DEFAULT,
    check_cluster,
    check_key,
    check_named_cluster,
    check_pattern,
    check_write_key,
    is_prefix,
    matches,
    prefixes_of,
    shard_of,
)
from tests.group.pickled import pickled

utf8 = st.characters(exclude_characters="\0", codec="utf-8")
keys = st.text(utf8, min_size=1, max_size=40)


class Room(enum.StrEnum):
    HALL = "room/hall"


GOOD_KEYS = ["a", "user/1", " ", "/a", "a//b", "é" * 512, "k" * 1024, "a/b/c", "😀"]
BAD_KEYS = ["", "k" * 1025, "é" * 513, "a\0b", "é\0", "\ud800", None, 1, b"a", ["a"]]


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_a_good_key_is_given_back(key: str) -> None:
    assert check_key(key) == check_write_key(key) == check_pattern(key) == key


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_is_refused_with_its_value(key: object) -> None:
    for check in (check_key, check_write_key, check_pattern):
        with pytest.raises(
            InvalidKeyError, match=r"1.1024 bytes of valid UTF-8"
        ) as got:
            check(key)

        assert got.value.code == "B020"
        assert got.value.key is key
        assert isinstance(got.value, ValueError)
        assert isinstance(got.value, GroupError)
        assert len(str(got.value)) < 140


def test_a_key_from_a_str_enum_becomes_plain_text() -> None:
    assert type(check_key(Room.HALL)) is str
    assert check_key(Room.HALL) == "room/hall"


def test_a_key_to_write_does_not_end_in_a_slash() -> None:
    with pytest.raises(InvalidKeyError) as got:
        check_write_key("user//")

    assert str(got.value) == "'user//' is reserved for prefix queries; use 'user'"
    assert got.value.code == "B021"


def test_a_lone_slash_gets_no_advice() -> None:
    with pytest.raises(InvalidKeyError) as got:
        check_write_key("/")

    assert str(got.value) == "'/' is reserved for prefix queries"


@pytest.mark.parametrize("name", ["game_1", "é" * 127, "c" * 255, "a/"])
def test_a_good_cluster_is_given_back(name: str) -> None:
    assert check_cluster(name) == name


def test_no_cluster_is_the_default_one() -> None:
    assert check_cluster(None) == DEFAULT == ""


@pytest.mark.parametrize(
    "name", ["", "c" * 256, "é" * 128, "a\0", "\udfff", 1, b"a", ("a",)]
)
def test_a_bad_cluster_is_refused_with_its_value(name: object) -> None:
    with pytest.raises(InvalidClusterError, match=r"1.255 bytes") as got:
        check_cluster(name)

    assert got.value.code == "B030"
    assert got.value.cluster is name
    assert isinstance(got.value, ValueError)


def test_the_default_cluster_is_neither_joined_nor_left() -> None:
    assert check_named_cluster("game_1") == "game_1"
    with pytest.raises(InvalidClusterError, match=r"1.255 bytes"):
        check_named_cluster("")

    with pytest.raises(InvalidClusterError) as got:
        check_named_cluster(None)

    assert str(got.value).startswith("the default cluster cannot be left")
    assert got.value.code == "B032"


def test_all_stays_one_object_and_says_its_name() -> None:
    assert repr(ALL) == "ALL"
    assert pickled(ALL) is ALL
    assert copy.deepcopy(ALL) is ALL
    assert check_pattern(ALL) is ALL


@pytest.mark.parametrize(
    ("key", "prefixes"),
    [
        ("a", ()),
        ("a/b", ("a/",)),
        ("a/b/c", ("a/", "a/b/")),
        ("a//b", ("a/", "a//")),
        ("/a", ("/",)),
        ("rooms/a", ("rooms/",)),
        ("é/ü", ("é/",)),
    ],
)
def test_a_key_is_found_under_its_own_prefixes(
    key: str, prefixes: tuple[str, ...]
) -> None:
    assert prefixes_of(key) == prefixes


@given(keys.filter(lambda key: not key.endswith("/")), keys)
def test_a_prefix_matches_exactly_the_keys_that_are_indexed_under_it(
    key: str, other: str
) -> None:
    for prefix in {other + "/", other[:1] + "/", *prefixes_of(key)}:
        assert is_prefix(prefix)
        assert matches(prefix, key) == (prefix in prefixes_of(key))


@given(keys, keys)
def test_an_exact_pattern_matches_only_itself(key: str, other: str) -> None:
    exact = other.rstrip("/") or "x"

    assert matches(exact, key) == (exact == key)
    assert not is_prefix(exact)
    assert matches(ALL, key)


# Computed bit by bit, without zlib. Peers compute these too: to change one is to
# change the protocol.
SHARDS = [
    ("", "user/1", 8, 3),
    ("", "user/2", 8, 1),
    ("", "chat/room/42", 8, 7),
    ("game_1", "room/1", 8, 3),
    ("game_2", "room/1", 8, 0),
    ("grün", "schlüssel/😀", 1024, 114),
    ("", "x", 1, 0),
]


@pytest.mark.parametrize(("cluster", "key", "shards", "shard"), SHARDS)
def test_the_shard_of_a_key_never_changes(
    cluster: str, key: str, shards: int, shard: int
) -> None:
    assert shard_of(cluster, key, shards) == shard


@given(st.just("") | keys, keys, st.integers(1, 1024))
def test_the_shard_is_the_checksum_of_cluster_and_key(
    cluster: str, key: str, shards: int
) -> None:
    assert shard_of(cluster, key, shards) == (
        crc32(f"{cluster}\0{key}".encode()) % shards
    )


@pytest.mark.slow
def test_another_hash_seed_gives_the_same_shards() -> None:
    program = (
        "from group._core.keys import shard_of;"
        "print([shard_of(c, k, 1024) for c in ('', 'red') for k in ('a', 'b/c')])"
    )

    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "value", ["x" * 10_000, list(range(1000)), 10**500, {"k" * 99: "v" * 99}, Rude()]
)
def test_a_shown_value_is_short(value: object) -> None:
    assert 0 < len(shown(value)) <= 80


def test_an_error_survives_a_copy() -> None:
    error = InvalidKeyError("no", "a/", "B021")

    again = pickled(error)

    assert (str(again), again.key, again.code) == ("no", "a/", "B021")
