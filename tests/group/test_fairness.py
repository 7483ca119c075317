"""Eight threads that write at once, on eight shards and on one: each gets its share."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from actors import AnyRef, mailbox
from group import Event, EventStream, EventType, Group
from group._core.keys import shard_of

pytestmark = pytest.mark.slow

WRITERS = 8
SHARDS = 8
# Seconds in which all write as fast as they can, and how often. A starved writer stays
# behind for ever; one that the machine held up for a while catches up with its mean.
WINDOW, WINDOWS = 0.5, 20
FAIR_SHARE = 1 / 3
ONE_SHARD = [0] * WRITERS
EVERY_SHARD = list(range(SHARDS))


@dataclass
class Writer:
    """Writes 1, 2, 3, ... to one key while it may."""

    group: Group
    key: str
    owner: AnyRef
    written: int = 0
    errors: list[BaseException] = field(default_factory=list)

    def write_until(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                number = self.written + 1
                self.group.register(self.key, {"n": number}, actor=self.owner)
                self.written = number
        except BaseException as error:
            self.errors.append(error)
            raise


@pytest.fixture
def group() -> Iterator[Group]:
    # So many events may wait that the stream of a fast machine does not lag.
    with Group.start("fair", shards=SHARDS, log=False, max_events=10_000_000) as group:
        yield group


def key_in(shard: int, number: int) -> str:
    keys = (f"writer/{number}/{salt}" for salt in itertools.count())
    return next(key for key in keys if shard_of("", key, SHARDS) == shard)


def write_at_once(writers: Sequence[Writer], seconds: float) -> None:
    stop = threading.Event()
    threads = [
        threading.Thread(target=writer.write_until, args=(stop,)) for writer in writers
    ]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert not any(writer.errors for writer in writers)


def numbers_by_key(stream: EventStream, keys: set[str]) -> dict[str, list[object]]:
    """What was written to each key, in the order of its events, until each is gone."""
    found: dict[str, list[object]] = {key: [] for key in keys}
    gone: set[str] = set()
    for event in stream:
        assert isinstance(event, Event)
        if event.type is EventType.UNREGISTERED:
            gone.add(event.key)
        else:
            found[event.key].append(event.meta["n"])
        if gone == keys:
            break
    return found


@pytest.mark.parametrize(
    "shards", [EVERY_SHARD, ONE_SHARD], ids=["on 8 shards", "on 1 shard"]
)
def test_no_writer_starves_and_no_write_is_lost_or_overtaken(
    group: Group, shards: Sequence[int]
) -> None:
    with mailbox() as owner, group.events("writer/") as stream:
        writers = [
            Writer(group, key_in(shard, number), owner.ref)
            for number, shard in enumerate(shards)
        ]

        share = 0.0
        for _ in range(WINDOWS):
            write_at_once(writers, WINDOW)
            counts = sorted(writer.written for writer in writers)
            share = counts[0] / (sum(counts) / WRITERS)
            print(f"slowest {share:.2f} of the mean; writes {counts}")
            if share >= FAIR_SHARE:
                break

        last = {
            writer.key: entry.meta["n"]
            for writer in writers
            if (entry := group.lookup(writer.key)) is not None
        }
        for writer in writers:
            group.unregister(writer.key)
        seen = numbers_by_key(stream, {writer.key for writer in writers})

    assert share >= FAIR_SHARE
    assert last == {writer.key: writer.written for writer in writers}
    for writer in writers:
        assert seen[writer.key] == list(range(1, writer.written + 1))
