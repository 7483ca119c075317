"""What a child's spec accepts, and the words with which it refuses."""

import math
from typing import Any

import pykka
import pytest

from actors._supervision.spec import ChildSpec, check_childspecs, check_flags, child


class Worker(pykka.ThreadingActor):
    pass


class Boss(pykka.ThreadingActor):
    child_type = "supervisor"


def test_a_worker_gets_five_seconds_to_start_and_to_stop() -> None:
    spec = child(Worker, 1, two=2)

    assert spec == ChildSpec(
        id="Worker",
        start=Worker,
        args=(1,),
        kwargs={"two": 2},
        restart="permanent",
        shutdown=5.0,
        start_timeout=5.0,
        significant=False,
        type="worker",
    )


def test_a_supervisor_gets_all_the_time_its_children_need() -> None:
    spec = child(Boss)

    assert (spec.type, spec.shutdown, spec.start_timeout) == (
        "supervisor",
        "infinity",
        "infinity",
    )


def test_a_supervisor_with_a_finite_shutdown_is_warned_of_orphans() -> None:
    with pytest.warns(UserWarning, match="may abandon its children"):
        child(Boss, shutdown=1.0)


def test_a_callable_gives_the_id() -> None:
    def make() -> None:
        return None

    assert child(make).id == "make"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"restart": "always"}, ValueError, "restart must be one of 'permanent'"),
        ({"shutdown": "never"}, TypeError, "shutdown must be seconds or 'infinity'"),
        ({"shutdown": -1}, ValueError, "shutdown must be at least 0"),
        ({"shutdown": math.nan}, ValueError, "shutdown must be at least 0"),
        ({"shutdown": True}, TypeError, "shutdown must be seconds"),
        ({"start_timeout": "kill"}, TypeError, "start_timeout must be seconds"),
        ({"start_timeout": math.inf}, ValueError, "start_timeout must be at least"),
        ({"significant": 1}, TypeError, "significant must be True or False"),
        ({"significant": True}, ValueError, "significant and permanent"),
        ({"id": []}, TypeError, "must be hashable"),
    ],
)
def test_a_wrong_value_has_words_of_its_own(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        child(Worker, **options)


def test_what_cannot_be_called_cannot_be_started() -> None:
    wrong: Any = "Worker"

    with pytest.raises(TypeError, match="starts with a class or a callable"):
        child(wrong)


def test_a_spec_needs_an_id() -> None:
    with pytest.raises(TypeError, match="needs an id"):
        ChildSpec(id=None, start=Worker)


def test_zero_seconds_are_a_time() -> None:
    assert child(Worker, shutdown=0).shutdown == 0


def test_two_children_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two children have the id 'Worker'"):
        check_childspecs([child(Worker), child(Worker)])


def test_a_significant_child_needs_an_auto_shutdown() -> None:
    spec = child(Worker, restart="transient", significant=True)

    with pytest.raises(ValueError, match="auto_shutdown is 'never'"):
        check_childspecs([spec])

    assert check_childspecs([spec], auto_shutdown="any_significant") == [spec]


def test_only_specs_are_children() -> None:
    wrong: Any = Worker

    with pytest.raises(TypeError, match=r"write child\(\.\.\.\)"):
        check_childspecs([wrong])


@pytest.mark.parametrize(
    ("flags", "error", "words"),
    [
        (("one", 3, 5.0, "never"), ValueError, "strategy must be one of"),
        (("one_for_one", -1, 5.0, "never"), ValueError, "max_restarts must be at"),
        (("one_for_one", 1.5, 5.0, "never"), TypeError, "max_restarts must be a whole"),
        (("one_for_one", True, 5.0, "never"), TypeError, "max_restarts must be a"),
        (("one_for_one", 3, 0, "never"), ValueError, "max_seconds must be greater"),
        (("one_for_one", 3, "5", "never"), TypeError, "max_seconds must be a number"),
        (("one_for_one", 3, 5.0, "any"), ValueError, "auto_shutdown must be one of"),
    ],
)
def test_a_wrong_flag_has_words_of_its_own(
    flags: tuple[Any, Any, Any, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        check_flags(*flags)


def test_a_temporary_childs_arguments_can_be_dropped() -> None:
    spec = child(Worker, "secret", key="secret").without_arguments()

    assert (spec.args, dict(spec.kwargs)) == ((), {})
