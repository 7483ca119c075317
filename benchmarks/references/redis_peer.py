"""What `benchmarks.worker` does as another client of the Redis of `redis.py`."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from benchmarks.owners import PATIENCE, keys_of
from benchmarks.references.redis import CHANNEL, connect
from benchmarks.scenario import clock

Say = Callable[[object], None]

TTL_MS = 1_000
REFRESH = 0.33
"""Seconds between two refreshes of the keys that live so long."""


def hear(say: Say, port: int, count: int) -> object:
    """Say when subscribed, and when each of so many publications has come."""
    with _subscribed(port) as next_one:
        say("ready")
        for _ in range(count):
            next_one()
            say(clock())
    return count


def await_all(say: Say, port: int, count: int) -> object:
    """Say when subscribed, and when so many publications have come."""
    with _subscribed(port) as next_one:
        say("ready")
        for _ in range(count):
            next_one()
    return clock()


def hold(say: Say, port: int, count: int) -> object:
    """Keep keys alive until killed; say so each time."""
    keys = keys_of("lease", count)
    with closing(connect(port)) as client:
        while True:
            began = time.monotonic()
            with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.set(key, "node/1", px=TTL_MS)
                pipe.execute()
            say("ready")
            time.sleep(max(0.0, began + REFRESH - time.monotonic()))


def load(_say: Say, port: int, table: str) -> object:
    """Return the ns to connect and to read a whole hash."""
    began = clock()
    with closing(connect(port)) as client:
        client.hgetall(table)
        return clock() - began


@contextmanager
def _subscribed(port: int) -> Iterator[Callable[[], None]]:
    with closing(connect(port)) as client, client.pubsub() as inbox:
        inbox.subscribe(CHANNEL)
        inbox.get_message(timeout=PATIENCE)

        def next_one() -> None:
            if inbox.get_message(timeout=PATIENCE) is None:
                raise TimeoutError("no publication")

        yield next_one
