"""The options of `Group.start`: their defaults, units and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Literal, TypeAlias

from group._core.errors import ConfigError, shown
from group._core.keys import MAX_CLUSTER_BYTES, is_name

LogLevel: TypeAlias = Literal["info", "verbose", False]
"""What a group logs beside warnings and errors: little, every operation, nothing."""

Rank: TypeAlias = Callable[[str, Mapping[str, object], str, int], object]
"""Ranks a claim: key, meta, node name, stamp. The greatest rank keeps the key."""

ExtractMeta: TypeAlias = Callable[[Mapping[str, object]], object]
"""Makes of a meta what readers and monitors get instead."""

BUILT_IN_RANK_ID = "newest"
"""What peers are told when no rank function is given: the newest claim wins."""

MAX_SHARDS = 1024
MAX_OPLOG = 1_000_000
MAX_EVENTS = 10_000_000
MAX_BATCH = 4_000
MAX_BATCH_AGE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How operations are gathered while a link is busy; an idle one never waits.

    The values are checked and kept, but do not steer anything yet: a busy link is
    sent whatever has gathered, in frames that the protocol's own limits bound.

    Attributes:
        max_size: Operations in one batch, 1 to 4,000. Fewer means more frames,
            more means longer turns.
        max_age: Seconds that an operation waits at most, 0 to 60.
    """

    max_size: int = 64
    max_age: float = 0.005

    def __post_init__(self) -> None:
        _check_int("batching.max_size", self.max_size, MAX_BATCH)
        age = self.max_age
        if type(age) not in (int, float) or not 0 <= age <= MAX_BATCH_AGE:
            raise ConfigError(
                f"batching.max_age must be 0\u201360 seconds, got {shown(age)}", "B002"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that one started group was told.

    Attributes:
        name: The group's name, at most 255 bytes; nodes with the same name meet.
        shards: Writers that share the keys, 1 to 1,024. Equal on all nodes.
        log: See `LogLevel`; can be changed while the group runs.
        conflict_rank: Ranks a claim when two nodes hold the same key. Equal on all
            nodes, which its attribute `rank_id`, a str, vouches for.
        extract_meta: Applied to meta on reads and in events.
        batching: How operations are gathered while a link is busy; see `Batching`.
        oplog: Operations kept per shard and cluster for peers that lag, 1 to
            1,000,000. A peer that lags more is sent a snapshot.
        max_events: Events that wait for one monitor or stream, 1 to 10,000,000; when
            there are more, it is told `Lagged` and starts again from a snapshot.
    """

    name: str
    shards: int = 8
    log: LogLevel = "info"
    conflict_rank: Rank | None = None
    extract_meta: ExtractMeta | None = None
    batching: Batching = field(default_factory=Batching)
    oplog: int = 1024
    max_events: int = 10_000

    def __post_init__(self) -> None:
        if not is_name(self.name, MAX_CLUSTER_BYTES):
            raise ConfigError(
                f"group name must be 1\u2013{MAX_CLUSTER_BYTES} bytes of valid UTF-8, "
                f"got {shown(self.name)}",
                "B001",
            )
        _check_int("shards", self.shards, MAX_SHARDS)
        _check_int("oplog", self.oplog, MAX_OPLOG)
        _check_int("max_events", self.max_events, MAX_EVENTS)
        check_log_level(self.log)
        if type(self.batching) is not Batching:
            raise ConfigError(
                f"batching must be a group.Batching, got {shown(self.batching)}", "B002"
            )
        _check_rank(self.conflict_rank)
        if self.extract_meta is not None and not _is_plain_function(self.extract_meta):
            raise ConfigError(
                "extract_meta must be a plain function of one argument, the meta, "
                f"got {shown(self.extract_meta)}",
                "B012",
            )

    @property
    def rank_id(self) -> str:
        """What peers compare, so that all settle a conflict alike."""
        if self.conflict_rank is None:
            return BUILT_IN_RANK_ID
        return str(getattr(self.conflict_rank, "rank_id", ""))


def configured(name: object, options: Mapping[str, object]) -> Config:
    """Return the configuration that a caller's keyword arguments describe.

    Raises:
        ConfigError: An option is unknown or cannot be what it is; says which.
    """
    known = [field.name for field in fields(Config) if field.name != "name"]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"unknown option {shown(option)}; {_hint(option, known)}", "B010"
            )
    make: Callable[..., Config] = Config
    return make(name=name, **options)


def check_log_level(level: object) -> LogLevel:
    """Return the level, if it is one.

    Raises:
        ConfigError: It is not "info", "verbose" or False.
    """
    if level is False:
        return False
    if level == "info":
        return "info"
    if level == "verbose":
        return "verbose"
    raise ConfigError(
        f"log must be 'info', 'verbose' or False, got {shown(level)}", "B002"
    )


def _hint(option: str, known: list[str]) -> str:
    close = get_close_matches(option, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _check_int(option: str, value: object, most: int) -> None:
    # Not isinstance(): True would be 1 shard.
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigError(
            f"{option} must be an integer 1\u2013{most}, got {shown(value)}", "B002"
        )


def _check_rank(rank: object) -> None:
    if rank is None:
        return
    rank_id = getattr(rank, "rank_id", None)
    if not _is_plain_function(rank) or not is_name(rank_id, MAX_CLUSTER_BYTES):
        raise ConfigError(
            "conflict_rank must be a plain function; "
            f'give it a stable id: rank.rank_id = "v1" (got {shown(rank)})',
            "B012",
        )


def _is_plain_function(value: object) -> bool:
    """Say whether a value can be called and answers at once, with a result."""
    return callable(value) and not any(
        is_late(each)
        for each in (value, type(value).__call__)
        for is_late in (iscoroutinefunction, isasyncgenfunction, isgeneratorfunction)
    )
