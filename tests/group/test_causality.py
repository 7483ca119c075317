"""Who gets a message sees what its sender had written before it, also in a flood."""

import threading
from collections.abc import Iterator

import pytest

from actors import Actor, AnyRef, mailbox
from group import Group
from tests.waiting import eventually
from transport import Node

WRITERS = 4
ROUNDS = 60
BURST = 40


@pytest.fixture
def two() -> Iterator[tuple[Group, Group]]:
    with (
        Node.start("a") as a,
        Node.start("b", join=[a.address]) as b,
        Group.start("app", node=a, log=False) as ga,
        Group.start("app", node=b, log=False) as gb,
    ):
        eventually(lambda: ga.nodes() == ["b"] and gb.nodes() == ["a"], 5)
        yield ga, gb
        for entry in gb.entries("reader", local=True):
            entry.ref.stop()


class Reader(Actor):
    """Says whether it sees a key."""

    def __init__(self, g: Group) -> None:
        super().__init__()
        self.g = g

    def on_start(self) -> None:
        self.g.register("reader")

    def on_receive(self, key: object) -> bool:
        return self.g.lookup(str(key)) is not None


def reader_of(ga: Group, gb: Group) -> AnyRef:
    """Start a reader on one node; return its ref as the other has it."""
    Reader.start(gb)
    return ga.wait_for("reader", timeout=5).ref


def flood(g: Group, reader: AnyRef, name: str, missed: list[str]) -> None:
    with mailbox() as me:
        for round_ in range(ROUNDS):
            for number in range(BURST):
                g.register(f"{name}/{round_}/{number}", actor=me.ref)
            key = f"{name}/{round_}/{BURST - 1}"
            if not reader.ask(key, timeout=20):
                missed.append(key)


@pytest.mark.slow
def test_a_message_never_overtakes_the_writes_before_it(
    two: tuple[Group, Group],
) -> None:
    ga, gb = two
    reader = reader_of(ga, gb)
    missed: list[str] = []
    writers = [
        threading.Thread(target=flood, args=(ga, reader, f"w{n}", missed))
        for n in range(WRITERS)
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert not any(writer.is_alive() for writer in writers)
    assert missed == []


@pytest.mark.slow
def test_a_flood_of_writes_does_not_starve_messages(two: tuple[Group, Group]) -> None:
    ga, gb = two
    reader = reader_of(ga, gb)
    enough = threading.Event()

    def write() -> None:
        with mailbox() as me:
            while not enough.is_set():
                ga.register("hot", actor=me.ref)
                ga.unregister("hot")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert reader.ask("reader", timeout=5)
    finally:
        enough.set()
        writer.join(10)
