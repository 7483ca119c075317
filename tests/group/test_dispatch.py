"""dispatch: to the owner and all members, each once, in one frame for each node."""

import threading
from collections.abc import Callable, Iterator

import pytest

from actors import Actor, mailbox
from group import Group
from tests.group.people import (
    PATIENCE,
    Plain,
    await_heard,
    end_of,
    groups,
    heard_by,
    listeners,
    settle,
)
from tests.waiting import eventually
from transport import EncodeError


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


def test_owner_and_members_get_it_once(g: Group) -> None:
    with listeners(4) as (owner, member, both, stranger):
        g.register("k", actor=both)
        g.join("k", actor=both)
        g.join("k", actor=member)
        g.join("other", actor=stranger)
        g.register("other", actor=owner)

        assert g.dispatch("k", "hello") == 2
        assert g.dispatch("other", "you") == 2
        assert g.dispatch_local("k", "here") == 2

        assert [heard_by(ref) for ref in (both, member, owner, stranger)] == [
            ["hello", "here"],
            ["hello", "here"],
            ["you"],
            ["you"],
        ]


def test_nobody_is_addressed_where_nobody_is(g: Group) -> None:
    with mailbox() as me:
        g.join("room/1")
        for key in ("room/", "room", "nobody"):
            assert g.dispatch(key, "hello") == 0
            assert g.dispatch_local(key, "hello") == 0
        assert g.dispatch("room/1", "hello", cluster="red") == 0
        assert g.dispatch("room/1", "last") == 1
        assert me.receive(timeout=PATIENCE) == "last"


def test_the_dead_are_not_counted(g: Group) -> None:
    with listeners(2) as (one, other):
        for ref in (one, other):
            g.join("room", actor=ref)
        end_of(one)

        assert g.dispatch("room", "hello") == 1


def test_monitors_do_not_get_dispatched_messages(g: Group) -> None:
    with mailbox() as me, listeners() as (one,):
        g.monitor("k")
        g.join("k", actor=one)
        me.receive(timeout=PATIENCE)

        g.dispatch("k", "hello")
        g.leave("k", actor=one)

        assert me.receive(timeout=PATIENCE)[0].type == "left"


def test_members_on_all_nodes_get_it_and_local_ones_alone_if_asked() -> None:
    with groups("a", "b", "c") as started, listeners(6) as refs:
        plain = Plain.start()
        homes = dict(zip(refs, started * 2, strict=True))
        for ref, g in homes.items():
            g.join("room", actor=ref)
        started[1].join("room", actor=plain)
        settle(*started)
        ga = started[0]

        assert ga.dispatch("room", ("to", "all")) == 7
        assert ga.dispatch_local("room", "here") == 2

        for ref, g in homes.items():
            await_heard(ref, [("to", "all"), "here"] if g is ga else [("to", "all")])
        await_heard(plain, [("to", "all")])
        plain.stop()


def test_one_frame_goes_to_each_node(monkeypatch: pytest.MonkeyPatch) -> None:
    with groups("a", "b") as (ga, gb), listeners(30) as refs:
        for ref in refs:
            gb.join("room", actor=ref)
        settle(gb)
        sent: list[object] = []
        send: Callable[..., bool] = ga.node.send_message

        def counted(*args: object, **kwargs: object) -> bool:
            sent.append(args)
            return send(*args, **kwargs)

        monkeypatch.setattr(ga.node, "send_message", counted)

        assert ga.dispatch("room", "hello") == 30

        for ref in refs:
            await_heard(ref, ["hello"])
        assert len(sent) == 1


def test_messages_of_one_caller_stay_in_order_on_every_node() -> None:
    count = 200
    with groups("a", "b") as (ga, gb), listeners(2) as (here, there):
        ga.join("room", actor=here)
        gb.join("room", actor=there)
        settle(ga, gb)

        for number in range(count):
            assert ga.dispatch("room", number) == 2

        for ref in (here, there):
            await_heard(ref, list(range(count)))


def test_a_message_finds_what_its_sender_wrote_before_it() -> None:
    seen: list[object] = []
    with groups("a", "b") as (ga, gb), listeners() as (here,):

        class Reader(Actor):
            """Looks, when it is told a key, who has it."""

            def on_receive(self, message: object) -> None:
                seen.append(gb.whereis(str(message)))

        there = Reader.start()
        gb.join("room", actor=there)
        settle(gb)

        for number in range(50):
            ga.register(f"k/{number}", actor=here)
            ga.dispatch("room", f"k/{number}")

        eventually(lambda: len(seen) == 50, PATIENCE, what="all messages")
        assert seen == [here] * 50
        there.stop()


def test_a_message_that_cannot_travel_reaches_nobody() -> None:
    with groups("a", "b") as (ga, gb), listeners(2) as (here, there):
        ga.join("room", actor=here)
        gb.join("room", actor=there)
        settle(ga, gb)

        with pytest.raises(EncodeError):
            ga.dispatch("room", threading.Lock())

        ga.dispatch("room", "fine")
        await_heard(there, ["fine"])
        await_heard(here, ["fine"])
