"""Supervisors start children in order, answer for them and stop them in order."""

import copy
import logging
from typing import Any, cast

import pytest

from actors import (
    ActorDeadError,
    ChildError,
    ChildSpec,
    Crash,
    StartError,
    Supervisor,
    child,
    mailbox,
    monitor,
    on_down,
)
from tests.actors.crew import (
    Company,
    Failing,
    Log,
    Plain,
    Ref,
    Worker,
    ref_of,
    refs,
    replaced,
    team,
    worker,
)
from tests.conftest import Eventually


@pytest.fixture
def log() -> Log:
    return Log()


# Start and stop.


def test_children_start_in_order_and_are_up_when_start_returns(log: Log) -> None:
    with team(log, "abc") as boss:
        assert log.events == ["+a", "+b", "+c"]
        assert [each.id for each in boss.which_children()] == ["c", "b", "a"]
        assert {each.state for each in boss.which_children()} == {"running"}


def test_children_stop_in_reverse_order_before_the_supervisor(log: Log) -> None:
    boss = team(log, "abc")
    alive_at_the_end: list[bool] = []
    on_down(boss, lambda _: alive_at_the_end.append(any_alive(children)))
    children = list(refs(boss).values())

    assert boss.stop()

    assert log.events[3:] == ["-c", "-b", "-a"]
    assert alive_at_the_end == [False]


def any_alive(children: list[Ref | None]) -> bool:
    return any(each is not None and each.is_alive() for each in children)


def test_a_tree_stops_from_its_last_leaf_to_its_first(log: Log) -> None:
    company = Company.start(log)

    company.stop()

    assert log.events == [
        *("+xa", "+xb", "+ya", "+yb"),
        *("-yb", "-ya", "-xb", "-xa"),
    ]


def test_children_of_a_stopped_supervisor_end_with_shutdown(log: Log) -> None:
    boss = team(log, "a")
    with mailbox() as me:
        monitor(ref_of(boss, "a"))
        monitor(boss)

        boss.stop()

        assert [me.receive(timeout=5).reason for _ in range(2)] == [
            "shutdown",
            "normal",
        ]


@pytest.mark.crashes("Supervisor", by="StartError")
def test_a_child_that_does_not_start_stops_those_before_it(log: Log) -> None:
    specs = [worker(log, "a"), worker(log, "b"), worker(log, "c", Failing)]

    with pytest.raises(StartError) as caught:
        Supervisor.start(specs)

    assert caught.value.id == "c"
    assert isinstance(caught.value.reason, Crash)
    assert caught.value.reason.message == "no"
    assert log.events == ["+a", "+b", "-b", "-a"]


@pytest.mark.crashes("Supervisor", by="StartError")
def test_a_class_that_cannot_be_made_does_not_start(log: Log) -> None:
    with pytest.raises(StartError, match="TypeError"):
        Supervisor.start([child(Worker)])


@pytest.mark.crashes("Supervisor", by="StartError")
def test_a_nested_failure_is_raised_at_the_top(log: Log) -> None:
    inner = child(Supervisor, [worker(log, "b", Failing)], id="inner")

    with pytest.raises(StartError) as caught:
        Supervisor.start([worker(log, "a"), inner])

    assert caught.value.id == "inner"
    assert log.events == ["+a", "-a"]


@pytest.mark.crashes("Supervisor", by="two children have the id")
def test_nothing_starts_when_one_spec_is_wrong(log: Log) -> None:
    specs = [worker(log, "a"), worker(log, "b"), worker(log, "a")]

    with pytest.raises(ValueError, match="two children have the id 'a'"):
        Supervisor.start(specs)

    assert log.events == []


@pytest.mark.crashes("Supervisor", by="max_restarts must be")
def test_wrong_flags_are_refused(log: Log) -> None:
    with pytest.raises(ValueError, match="max_restarts must be at least 0"):
        team(log, "a", max_restarts=-1)

    assert log.events == []


def test_flags_may_be_attributes_of_a_class(log: Log) -> None:
    class Strict(Supervisor):
        strategy = "one_for_all"
        max_restarts = 0

    with Strict.start([worker(log, "a")]) as boss:
        ref_of(boss, "a").tell("crash")

        assert boss.actor_stopped.wait(5)


# Callables and plain Pykka actors.


def test_a_child_may_be_a_callable_that_returns_a_ref(log: Log) -> None:
    def make(name: str) -> Ref:
        return Worker.start(log, name)

    with Supervisor.start([child(make, "a")]) as boss:
        assert refs(boss)["make"] is not None
        assert log.events == ["+a"]


def test_the_children_may_be_given_by_name(log: Log) -> None:
    specs = [worker(log, "a"), worker(log, "b")]

    with Supervisor.start(children=specs, strategy="rest_for_one") as boss:
        assert boss.count_children() == (2, 2, 0, 2)


def test_a_callable_may_decline_and_keeps_its_spec() -> None:
    with Supervisor.start([child(lambda: None, id="a")]) as boss:
        (shown,) = boss.which_children()
        assert (shown.ref, shown.state) == (None, "down")
        assert boss.count_children() == (1, 0, 0, 1)


@pytest.mark.crashes("Supervisor", by="StartError")
def test_a_callable_that_returns_something_else_did_not_start() -> None:
    def nothing() -> str:
        return "nothing"

    with pytest.raises(StartError, match="'nothing' is not the ref of an actor"):
        Supervisor.start([child(cast("Any", nothing), id="a")])


@pytest.mark.parametrize("how", ["crash", "exit"])
def test_a_plain_pykka_actor_is_restarted(how: str, eventually: Eventually) -> None:
    with Supervisor.start([child(Plain), child(Plain, id="other")]) as boss:
        first, other = ref_of(boss, "Plain"), ref_of(boss, "other")

        first.tell(how)

        second = eventually(lambda: replaced(boss, "Plain", first))
        assert second.ask("hello", timeout=5) == "hello"
        assert ref_of(boss, "other") is other
    assert not second.is_alive()


def test_a_plain_pykka_actor_that_runs_already_can_be_a_child(
    eventually: Eventually,
) -> None:
    with Supervisor.start([child(Plain.start, id="a")]) as boss:
        first = ref_of(boss, "a")

        first.tell("crash")

        second = eventually(lambda: replaced(boss, "a", first))
    assert not second.is_alive()


# Requests.


def test_start_child_appends(log: Log) -> None:
    with team(log, "a") as boss:
        ref = boss.start_child(worker(log, "b"))

        assert boss.which_children()[0].ref is ref
        assert log.events == ["+a", "+b"]


def test_start_child_refuses_an_id_that_is_there(log: Log) -> None:
    with team(log, "a") as boss:
        with pytest.raises(ChildError, match="already_started"):
            boss.start_child(worker(log, "a"))
        boss.terminate_child("a")
        with pytest.raises(ChildError, match="already_present"):
            boss.start_child(worker(log, "a"))


def test_start_child_forgets_what_did_not_start(log: Log) -> None:
    with team(log, "") as boss:
        with pytest.raises(StartError):
            boss.start_child(worker(log, "a", Failing))

        assert boss.which_children() == []


def test_start_child_wants_a_spec_that_fits(log: Log) -> None:
    with team(log, "") as boss:
        wrong: Any = Worker
        with pytest.raises(TypeError, match=r"write child\(\.\.\.\)"):
            boss.start_child(wrong)
        with pytest.raises(ValueError, match="auto_shutdown is 'never'"):
            boss.start_child(worker(log, "a", restart="transient", significant=True))
        assert boss.which_children() == []


def test_a_child_can_be_terminated_restarted_and_deleted(log: Log) -> None:
    with team(log, "ab") as boss:
        boss.terminate_child("a")
        boss.terminate_child("a")
        assert boss.which_children()[1].state == "down"

        assert boss.restart_child("a") is ref_of(boss, "a")

        with pytest.raises(ChildError, match="running"):
            boss.restart_child("a")
        with pytest.raises(ChildError, match="running"):
            boss.delete_child("a")
        boss.terminate_child("a")
        boss.delete_child("a")
        assert [each.id for each in boss.which_children()] == ["b"]


@pytest.mark.parametrize(
    "verb", ["terminate_child", "restart_child", "delete_child", "get_childspec"]
)
def test_an_unknown_id_is_not_found(log: Log, verb: str) -> None:
    with team(log, "a") as boss, pytest.raises(ChildError) as caught:
        getattr(boss, verb)("b")

    assert (caught.value.id, caught.value.state) == ("b", "not_found")


def test_a_refusal_is_a_sentence() -> None:
    states = ("already_started", "already_present", "not_found", "running")
    told = [str(ChildError("a", state)) for state in (*states, "restarting")]

    assert told == [
        "child 'a' runs already (already_started)",
        "child 'a' is down (already_present): restart_child starts it, delete_child "
        "makes room for another spec",
        "there is no child 'a' (not_found)",
        "child 'a' is running; terminate_child stops it",
        "child 'a' is restarting",
    ]


@pytest.mark.parametrize(
    "error",
    [
        ChildError("a", "running"),
        ChildError("a", "already_started", "on node b"),
        StartError(("a", 1), "timeout"),
    ],
)
def test_refusals_can_be_copied(
    error: ChildError | StartError,
) -> None:
    again = copy.copy(error)

    assert (type(again), str(again), vars(again)) == (
        type(error),
        str(error),
        vars(error),
    )


def test_counts_tell_specs_from_children_that_live(log: Log) -> None:
    with Company.start(log) as company:
        company.start_child(worker(log, "w"))
        company.terminate_child("y")

        counts = company.count_children()

    assert counts == (3, 2, 2, 1)
    assert (counts.specs, counts.active) == (3, 2)


def test_a_spec_can_be_read_back(log: Log) -> None:
    spec = worker(log, "a", restart="transient")
    with Supervisor.start([spec]) as boss:
        assert boss.get_childspec("a") == spec


def test_the_arguments_of_a_temporary_child_are_not_kept(log: Log) -> None:
    with Supervisor.start([worker(log, "a", restart="temporary")]) as boss:
        spec: ChildSpec = boss.get_childspec("a")

        assert (spec.args, spec.restart) == ((), "temporary")


def test_requests_work_through_a_proxy_and_do_not_harm_the_supervisor(
    log: Log,
) -> None:
    with team(log, "a") as boss:
        proxy = boss.proxy()
        with pytest.raises(ChildError):
            proxy.delete_child("a").get(timeout=5)
        assert len(proxy.which_children().get(timeout=5)) == 1


def test_a_dead_supervisor_answers_nobody(log: Log) -> None:
    boss = team(log, "a")
    boss.stop()

    with pytest.raises(ActorDeadError):
        boss.which_children()


def test_an_unknown_message_is_logged_and_not_fatal(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    with team(log, "a") as boss, caplog.at_level(logging.WARNING, "actors"):
        boss.tell("what?")
        boss.which_children()

    assert "unexpected_message" in caplog.text
    assert "'what?'" in caplog.text


# Subclasses.


@pytest.mark.crashes("Supervisor", by="normal")
def test_a_restarted_supervisor_has_its_first_children_again(
    log: Log, eventually: Eventually
) -> None:
    with Company.start(log) as company:
        x: Any = ref_of(company, "x")
        x.start_child(worker(log, "added"))
        x.terminate_child("xa")
        x.delete_child("xa")

        x.stop()

        again = eventually(lambda: replaced(company, "x", x))
        assert [each.id for each in again.which_children()] == ["xb", "xa"]
