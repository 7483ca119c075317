"""Keys, clusters, patterns, and which shard a key belongs to.

Inside the core the default cluster is the empty name; users write None.
"""

import enum
from functools import lru_cache
from typing import Final, TypeAlias
from zlib import crc32

from group._core.errors import InvalidClusterError, InvalidKeyError, shown

MAX_KEY_BYTES = 1024
MAX_CLUSTER_BYTES = 255

DEFAULT: Final = ""
"""The name of the default cluster inside the core."""


class All(enum.Enum):
    """The type of `ALL`, an enum so that `pattern is ALL` narrows the type."""

    ALL = "ALL"

    def __repr__(self) -> str:
        return "ALL"

    # It is a key of dicts for every event; an enum's own hash is Python's.
    __hash__ = object.__hash__


ALL: Final = All.ALL
"""The pattern that every key of a cluster matches."""

Pattern: TypeAlias = str | All
"""A key, a prefix that ends in "/", or `ALL`."""


def check_key(key: object) -> str:
    """Return the key, if it can be one.

    A trailing "/" passes: to read such a key is no error, it is just never there.

    Raises:
        InvalidKeyError: It is not a str of 1 to 1,024 bytes of UTF-8 without NUL.
    """
    if type(key) is str and key.isascii() and 0 < len(key) <= MAX_KEY_BYTES:
        if "\0" not in key:
            return key
    elif isinstance(key, str) and is_name(key, MAX_KEY_BYTES):
        # Members of a StrEnum become plain str, as peers will see them.
        return str.__str__(key)
    raise InvalidKeyError(
        f"key must be 1\u2013{MAX_KEY_BYTES} bytes of valid UTF-8, got {shown(key)}",
        key,
    )


def check_write_key(key: object) -> str:
    """Return the key, if an actor can be registered or joined under it.

    Raises:
        InvalidKeyError: As `check_key`, or it ends in "/".
    """
    # First what nearly all keys are, without another call: each write comes here.
    if (
        type(key) is str
        and key.isascii()
        and 0 < len(key) <= MAX_KEY_BYTES
        and "\0" not in key
        and key[-1] != "/"
    ):
        return key
    checked = check_key(key)
    if checked.endswith("/"):
        raise InvalidKeyError(_reserved(checked), key, "B021")
    return checked


def check_cluster(cluster: object) -> str:
    """Return the core's name of a cluster; None, the default one, gives "".

    Raises:
        InvalidClusterError: It is neither None nor a str of 1 to 255 bytes of UTF-8
            without NUL.
    """
    if cluster is None:
        return DEFAULT
    if isinstance(cluster, str) and is_name(cluster, MAX_CLUSTER_BYTES):
        return str.__str__(cluster)
    raise InvalidClusterError(
        f"cluster must be 1\u2013{MAX_CLUSTER_BYTES} bytes of valid UTF-8, "
        f"got {shown(cluster)}; leave it out for the default cluster",
        cluster,
    )


def check_named_cluster(cluster: object) -> str:
    """Return the name of a cluster that can be joined and left.

    Raises:
        InvalidClusterError: As `check_cluster`, or it is None, the default one.
    """
    if cluster is None:
        raise InvalidClusterError(
            "the default cluster cannot be left, nor joined: every node is in it",
            cluster,
            "B032",
        )
    return check_cluster(cluster)


def check_pattern(pattern: object) -> Pattern:
    """Return the pattern: a key, a prefix that ends in "/", or `ALL`.

    Raises:
        InvalidKeyError: It is none of these.
    """
    return pattern if isinstance(pattern, All) else check_key(pattern)


def is_name(text: object, max_bytes: int) -> bool:
    """Say whether this is a str of 1 to `max_bytes` bytes of UTF-8 without NUL."""
    if not isinstance(text, str) or not 0 < len(text) <= max_bytes or "\0" in text:
        return False
    try:
        return len(text.encode()) <= max_bytes
    except UnicodeEncodeError:
        # A lone surrogate: Python holds it in a str, UTF-8 has no bytes for it.
        return False


def is_prefix(pattern: str) -> bool:
    """Say whether a pattern means all keys below it."""
    return pattern.endswith("/")


def matches(pattern: Pattern, key: str) -> bool:
    """Say whether a key is one of those that a pattern means."""
    if isinstance(pattern, All):
        return True
    return key.startswith(pattern) if is_prefix(pattern) else key == pattern


def prefixes_of(key: str) -> tuple[str, ...]:
    """Return the prefixes that find a key: of "a/b/c" these are "a/" and "a/b/"."""
    end = key.find("/") + 1
    if not end:
        return ()
    found = [key[:end]]
    while end := key.find("/", end) + 1:
        found.append(key[:end])
    return tuple(found)


def shard_of(cluster: str, key: str, shards: int) -> int:
    """Return the shard of a key, the same in every process and on every node."""
    seed = _seed(cluster) if cluster else _DEFAULT_SEED
    return crc32(key.encode(), seed) % shards


@lru_cache(maxsize=4096)
def _seed(cluster: str) -> int:
    return crc32(cluster.encode() + b"\0")


_DEFAULT_SEED: Final = crc32(b"\0")


def _reserved(key: str) -> str:
    stem = key.rstrip("/")
    instead = f"; use {shown(stem)}" if stem else ""
    return f"{shown(key)} is reserved for prefix queries{instead}"
