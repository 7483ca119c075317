"""Redis as a reference: a server of this run's own on 127.0.0.1, that keeps nothing."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING

from benchmarks.owners import PATIENCE, keys_of
from benchmarks.processes import Worker, free_port, server
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Pause, Size, clock, pauses, percentile, rate

if TYPE_CHECKING:
    from redis import Redis

INSTALL = "apt-get install redis-server; pip install redis"
TABLE = "registry"
CHANNEL = "events"
A_PIPELINE = 100


def version() -> str | None:
    """Return the versions of server and client, if both are here."""
    try:
        client = metadata.version("redis")
    except metadata.PackageNotFoundError:
        return None
    if shutil.which("redis-server") is None:
        return None
    said = subprocess.run(
        ["redis-server", "--version"],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    ).stdout
    return f"{said.partition('v=')[2].split()[0]}, client {client}"


def connect(port: int) -> "Redis":
    """Return a client; it connects when it is first used."""
    # Here, since it is not everywhere.
    import redis

    return redis.Redis("127.0.0.1", port, socket_timeout=PATIENCE)


@contextmanager
def served(size: Size) -> "Iterator[Server | None]":
    """A server with a client, or nothing when Redis is not here."""
    if not size.references or version() is None:
        yield None
        return
    port = free_port()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        command = [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(port)),
            *("--save", "", "--appendonly", "no", "--dir", folder),
        ]
        stack.enter_context(server(command))
        running = Server(port)
        stack.callback(running.client.close)
        running.await_answer()
        yield running


class Server:
    """A server, and cases of what it can do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client = connect(port)

    def await_answer(self) -> None:
        """Return when it serves."""
        import redis

        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.client.ping()
            except redis.exceptions.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def lookups(self, size: Size, keys: Sequence[str]) -> list[Case]:
        """HGET of keys, one by one."""
        self._fill(TABLE, keys)
        some = keys[: size.of(2_000, least=10)]
        return [partial(_each, "Redis HGET", partial(self.client.hget, TABLE), some)]

    def members(self, size: Size, count: int) -> list[Case]:
        """HGETALL of a hash of so many."""
        self._fill(TABLE, keys_of("member", count))
        tables = [TABLE] * size.of(1_000, least=10)
        return [partial(_each, "Redis HGETALL of 100", self.client.hgetall, tables)]

    def writes(self, size: Size) -> list[Case]:
        """HSETNX and PUBLISH in MULTI, and in pipelines of 100."""
        one = keys_of("user", size.of(1_000, least=10))
        many = keys_of("user", size.shape(10_000, least=A_PIPELINE))
        return [
            partial(self._put, "Redis MULTI", one, 1),
            partial(self._put, "Redis pipelines of 100", many, A_PIPELINE),
        ]

    def _put(self, name: str, keys: Sequence[str], at_once: int) -> Iterator[Reading]:
        self.client.delete(TABLE)
        work = partial(self._claim, keys, at_once)
        yield Reading(name, rate(len(keys), work), "ops/s")

    def _claim(self, keys: Sequence[str], at_once: int) -> None:
        for first in range(0, len(keys), at_once):
            with self.client.pipeline(transaction=at_once == 1) as pipe:
                for key in keys[first:][:at_once]:
                    pipe.hsetnx(TABLE, key, "node/1")
                    pipe.publish(CHANNEL, key)
                pipe.execute()

    def publications(
        self, other: Worker, how: str, between: Pause, count: int
    ) -> list[Case]:
        """PUBLISH until another process has it."""
        return [partial(self._publish, other, how, between, count)]

    def _publish(
        self, other: Worker, how: str, between: Pause, count: int
    ) -> Iterator[Reading]:
        took: list[float] = []
        other.ask("redis_hear", self.port, count)
        for _ in pauses(between, count):
            began = clock()
            self.client.publish(CHANNEL, "user/1")
            took.append((other.time() - began) / 1e3)
        other.answer()
        for percent in (50, 99):
            name = f"Redis pub/sub, {how}: p{percent}"
            yield Reading(name, percentile(took, percent), "us")

    def floods(self, other: Worker, keys: Sequence[str]) -> list[Case]:
        """Claims and publications in pipelines until another process has all."""
        return [partial(self._flood, other, keys)]

    def _flood(self, other: Worker, keys: Sequence[str]) -> Iterator[Reading]:
        self.client.delete(TABLE)
        other.ask("redis_await_all", self.port, len(keys))
        began = clock()
        self._claim(keys, A_PIPELINE)
        value = len(keys) * 1e9 / (other.time() - began)
        yield Reading("Redis pub/sub, pipelined", value, "ev/s")

    def snapshots(self, other: Worker, count: int, some: int) -> list[Case]:
        """Another process connects and reads a whole hash, called after `count`."""
        self._fill(f"{TABLE}-{count}", keys_of("user", some))
        return [partial(self._snapshot, other, count)]

    def _snapshot(self, other: Worker, count: int) -> Iterator[Reading]:
        took = other.ask_time("redis_load", self.port, f"{TABLE}-{count}")
        yield Reading(f"Redis HGETALL: {count:,}", took / 1e6, "ms")

    def leases(self, start: Callable[[], Worker], count: int) -> list[Case]:
        """Kill who refreshes keys that live a second, until all are gone."""
        return [partial(self._expire, start, count)]

    def _expire(self, start: Callable[[], Worker], count: int) -> Iterator[Reading]:
        other = start()
        try:
            other.ask("redis_hold", self.port, count)
            # Once refreshed, so that it is killed in the middle of its life.
            other.answer()
            began = clock()
        finally:
            other.kill()
            other.close()
        while self.client.dbsize():
            time.sleep(0.001)
        yield Reading("Redis, keys that live a second", (clock() - began) / 1e6, "ms")

    def _fill(self, table: str, keys: Sequence[str]) -> None:
        self.client.delete(table)
        for first in range(0, len(keys), 1_000):
            some = dict.fromkeys(keys[first:][:1_000], "node/1")
            self.client.hset(table, mapping=some)


def _each(
    name: str, work: Callable[[str], object], keys: Sequence[str]
) -> Iterator[Reading]:
    """Do something with each key, one after another."""

    def run() -> None:
        for key in keys:
            work(key)

    yield Reading(name, rate(len(keys), run), "ops/s")
