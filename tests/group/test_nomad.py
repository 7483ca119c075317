"""Nomads: children that live on, on another node, within limits, and once."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, AnyRef, ChildError, ChildSpec, StartError, child, start_ready
from actors import exit as end
from group import Group, InvalidKeyError, NomadSupervisor
from group._core.nomads import Limit, heir, moves, spend
from group._nomads.talk import Adopt, Travel
from tests.group.bench import HERE, THERE, YONDER
from tests.group.people import PATIENCE, groups, settle
from tests.waiting import eventually

Supervisor = Any  # A proxy; its methods are those of the supervisor.


class Job(Actor):
    """Says which life it is in, and ends when it is told to."""

    def on_receive(self, message: object) -> object:
        if message == "fail":
            raise RuntimeError("as planned")
        return self.actor_urn


class Unborn(Actor):
    """Does not even come up."""

    def on_start(self) -> None:
        raise RuntimeError("not today")


class Crew:
    """A supervisor on each of some nodes."""

    def __init__(
        self,
        stack: ExitStack,
        started: list[Group],
        max_restarts: int = 3,
        max_seconds: float = 60.0,
    ) -> None:
        self.groups = started
        self.refs: list[AnyRef] = []
        for group in started:
            ref = start_ready(
                NomadSupervisor,
                group,
                max_restarts=max_restarts,
                max_seconds=max_seconds,
            )
            stack.callback(ref.stop, timeout=PATIENCE)
            self.refs.append(ref)
        for group in started:
            group.wait_for_member("nomads", count=len(started), timeout=PATIENCE)

    def proxy(self, index: int) -> Supervisor:
        return self.refs[index].proxy()

    def start(self, index: int, spec: ChildSpec) -> AnyRef:
        started = self.proxy(index).start_child(spec)
        ref: AnyRef = started.get(timeout=PATIENCE)
        settle(self.groups[index])
        return ref

    def homes(self, name: str) -> list[int]:
        """On which nodes a child runs."""
        return [
            index
            for index in range(len(self.refs))
            if name in self.proxy(index).which_children().get(timeout=PATIENCE)
        ]

    def await_home(self, name: str, *others: int) -> int:
        """Wait until a child runs on one node that is none of these."""

        def found() -> bool:
            homes = self.homes(name)
            return len(homes) == 1 and homes[0] not in others

        eventually(found, PATIENCE, what=f"{name} lives elsewhere")
        (home,) = self.homes(name)
        self.groups[home].wait_for(f"nomads/{name}", timeout=PATIENCE)
        return home


@pytest.fixture
def crew() -> Iterator[Crew]:
    with groups("a", "b", "c") as started, ExitStack() as stack:
        yield Crew(stack, started)


def test_a_child_that_fails_runs_on_on_another_node(crew: Crew) -> None:
    first = crew.start(0, child(Job, id="job"))

    first.tell("fail")
    home = crew.await_home("job", 0)
    second = crew.groups[home].wait_for("nomads/job", timeout=PATIENCE).ref
    second.tell("fail")
    crew.await_home("job", home)

    assert not first.is_alive()


def test_a_child_of_a_lost_node_runs_on_on_another_one(crew: Crew) -> None:
    jobs = [f"job{number}" for number in range(5)]
    for name in jobs:
        crew.start(0, child(Job, id=name))
    for other in (1, 2):
        await_all_are_known(crew, other)

    crew.groups[0].stop()

    def moved() -> bool:
        return all(any(crew.homes(name)) for name in jobs)

    eventually(moved, PATIENCE, what="all run elsewhere")
    for name in jobs:
        assert len([home for home in crew.homes(name) if home]) == 1


def test_a_child_that_need_not_restart_is_lost_with_its_node(crew: Crew) -> None:
    jobs = [f"job{number}" for number in range(5)]
    for name in jobs:
        crew.start(0, child(Job, id=name))
        crew.start(0, child(Job, id=f"once-{name}", restart="temporary"))
    for other in (1, 2):
        await_all_are_known(crew, other)

    crew.groups[0].stop()

    eventually(lambda: all(any(crew.homes(name)) for name in jobs), PATIENCE)
    assert [any(crew.homes(f"once-{name}")) for name in jobs] == 5 * [False]


def await_all_are_known(crew: Crew, index: int) -> None:
    """Wait until a supervisor has been told of the children of all others."""
    crew.proxy(index).which_children().get(timeout=PATIENCE)


def test_the_children_of_a_supervisor_that_fails_move(crew: Crew) -> None:
    ref = crew.start(0, child(Job, id="job"))
    settle(*crew.groups)

    end(crew.refs[0], "kill")

    eventually(lambda: not ref.is_alive(), PATIENCE, what="the child ends")

    def moved() -> bool:
        return any(
            "job" in crew.proxy(n).which_children().get(timeout=PATIENCE)
            for n in (1, 2)
        )

    eventually(moved, PATIENCE, what="moved")


def test_a_child_that_fails_too_often_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.WARNING, logger="group"),
        groups("a", "b") as started,
        ExitStack() as stack,
    ):
        crew = Crew(stack, started, max_restarts=3)
        home = 0
        crew.start(home, child(Job, id="m")).tell("fail")
        for _ in range(3):
            home = crew.await_home("m", home)
            crew.groups[home].wait_for("nomads/m", timeout=PATIENCE).ref.tell("fail")

        eventually(lambda: "nomad_given_up" in caplog.text, PATIENCE, what="given up")
        settle(*started)
        assert crew.homes("m") == []

    lines = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("nomad_ended") for line in lines) == 4
    (given_up,) = [line for line in lines if line.startswith("nomad_given_up")]
    assert "child=m" in given_up
    assert "restarted 3 times" in given_up


def test_a_child_without_another_supervisor_stays_dead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with groups("a") as started, ExitStack() as stack:
        crew = Crew(stack, started)
        crew.start(0, child(Job, id="job")).tell("fail")

        eventually(lambda: "nomad_given_up" in caplog.text, PATIENCE, what="given up")

        assert "no other supervisor runs" in caplog.text
        assert crew.homes("job") == []


def test_a_child_that_does_not_come_up_is_its_starters_error(crew: Crew) -> None:
    with pytest.raises(StartError, match="not today"):
        crew.start(0, child(Unborn, id="u"))

    assert crew.homes("u") == []
    assert crew.refs[0].is_alive()


def test_a_child_that_does_not_come_up_elsewhere_counts_as_restarted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with groups("a", "b") as started, ExitStack() as stack:
        crew = Crew(stack, started, max_restarts=2)
        spec = child(Unborn, id="u")
        assert crew.proxy(0)

        crew.refs[0].tell(Adopt(Travel(spec, Limit(2, 60.0)), started[1].node.id))

        eventually(lambda: "nomad_given_up" in caplog.text, PATIENCE, what="given up")
    lines = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("nomad_did_not_start") for line in lines) == 3


@pytest.mark.parametrize(
    ("restart", "message"), [("temporary", "fail"), ("transient", None)]
)
def test_a_child_that_need_not_restart_does_not(
    crew: Crew, restart: Literal["temporary", "transient"], message: object
) -> None:
    ref = crew.start(0, child(Job, id="job", restart=restart))

    if message is None:
        ref.stop(timeout=PATIENCE)
    else:
        ref.tell(message)

    eventually(lambda: not ref.is_alive(), what="ended")
    eventually(lambda: not crew.homes("job"), what="forgotten")
    settle(*crew.groups)
    assert [crew.homes("job") for _ in range(5)] == 5 * [[]]


def test_a_child_that_is_stopped_is_not_started_again(crew: Crew) -> None:
    ref = crew.start(1, child(Job, id="job"))

    crew.proxy(1).terminate_child("job").get(timeout=PATIENCE)

    assert not ref.is_alive()
    assert crew.homes("job") == []
    with pytest.raises(ChildError):
        crew.proxy(1).terminate_child("job").get(timeout=PATIENCE)


def test_the_children_of_a_supervisor_that_stops_end_with_it(crew: Crew) -> None:
    ref = crew.start(0, child(Job, id="job"))

    crew.refs[0].stop(timeout=PATIENCE)

    assert not ref.is_alive()
    settle(*crew.groups)
    others = [crew.proxy(n).which_children().get(timeout=PATIENCE) for n in (1, 2)]
    assert others == [{}, {}]


def test_a_child_runs_once_in_the_whole_group(crew: Crew) -> None:
    crew.start(0, child(Job, id="job"))

    for index in (0, 1):
        with pytest.raises(ChildError) as caught:
            crew.start(index, child(Job, id="job"))
        home = crew.groups[0].node.name
        assert caught.value.state == "already_started"
        assert str(caught.value) == (
            f"child 'job' runs already on node {home} (already_started)"
        )
    loose: Any = crew.proxy(0)
    for wrong in (7, "", "job/"):
        with pytest.raises(InvalidKeyError):
            loose.start_child(child(Job, id=wrong)).get(timeout=PATIENCE)
    assert crew.homes("job") == [0]


def test_a_child_can_be_started_anywhere(crew: Crew) -> None:
    for number in range(20):
        spec = child(Job, id=f"j{number}")
        crew.proxy(0).start_child(spec, where="random").get(timeout=PATIENCE)

    for number in range(20):
        crew.await_home(f"j{number}")
    assert {home for n in range(20) for home in crew.homes(f"j{n}")} > {0}


# The rules


@pytest.mark.parametrize(
    ("restart", "reason", "expected"),
    [
        ("permanent", "normal", True),
        ("transient", "normal", False),
        ("transient", ("shutdown", 1), False),
        ("transient", "killed", True),
        ("temporary", "killed", False),
    ],
)
def test_children_move_as_supervisors_restart(
    restart: str, reason: object, *, expected: bool
) -> None:
    assert moves(restart, reason, Limit(1, 5.0)) is expected
    assert not moves(restart, reason, Limit(0, 5.0))


def test_moves_that_are_long_ago_do_not_count() -> None:
    ages, allowed = spend((), Limit(2, 5.0))
    assert (ages, allowed) == ((0.0,), True)
    assert spend((1.0, 4.0), Limit(2, 5.0)) == ((1.0, 4.0, 0.0), False)
    assert spend((1.0, 6.0), Limit(2, 5.0)) == ((1.0, 0.0), True)


@given(st.text(), st.permutations([(HERE, 1), (THERE, 2), (YONDER, 1)]))
def test_all_supervisors_agree_on_the_heir(name: str, order: list[Any]) -> None:
    some = {member: str(member) for member in order}

    assert heir(name, some) == heir(name, dict(sorted(some.items())))
    assert heir(name, {}) is None
