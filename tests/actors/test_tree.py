"""The picture of a supervision tree."""

import json
import threading
from typing import Any

import pytest

from actors import Supervisor, child, tree
from actors._supervision import roster
from tests.actors.crew import Boss, Company, Log, Plain, Worker, ref_of, team, worker
from tests.conftest import Eventually


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_tree_is_drawn_with_ids_classes_and_states(log: Log) -> None:
    with Company.start(log) as company:
        company.start_child(child(Plain))
        company.terminate_child("y")

        assert str(tree(company)).splitlines() == [
            "Company running",
            "├── x (Supervisor) running",
            "│   ├── xa (Worker) running",
            "│   └── xb (Worker) running",
            "├── y down last=shutdown",
            "└── Plain running",
        ]


def test_restarts_and_the_last_reason_are_shown(
    log: Log, eventually: Eventually
) -> None:
    with team(log, "a") as boss:
        ref_of(boss, "a").tell("crash")

        eventually(lambda: "restarts=1 last=BrokenError" in str(tree(boss)))


def test_mail_that_waits_is_counted(log: Log, eventually: Eventually) -> None:
    with Supervisor.start([worker(log, "a"), child(Plain)]) as boss:
        a, plain = ref_of(boss, "a"), ref_of(boss, "Plain")
        a.tell("wait")
        assert log.gate("a waits").wait(5)
        for _ in range(3):
            a.tell("more")

        picture = tree(boss)

        assert picture.roots[0].children[0].mailbox == 3
        assert "mailbox=3" in str(picture)
        log.gate("a").set()
        assert plain.is_alive()


def test_tools_get_plain_data(log: Log) -> None:
    with Supervisor.start([worker(log, "a"), child(Plain, id=("b", 2))]) as boss:
        data = json.loads(json.dumps(tree(boss).to_dict()))

    leaf: dict[str, object] = {
        "restarts": 0,
        "last_reason": None,
        "mailbox": 0,
        "zombies": 0,
        "state": "running",
        "children": [],
    }
    assert data == {
        "zombies": 0,
        "roots": [
            {
                **leaf,
                "id": "Supervisor",
                "class": "Supervisor",
                "children": [
                    {**leaf, "id": "a", "class": "Worker"},
                    {**leaf, "id": "('b', 2)", "class": "Plain"},
                ],
            }
        ],
    }


def test_without_a_root_every_tree_is_shown(log: Log) -> None:
    with Company.start(log) as company, team(log, "a") as boss:
        roots = [each.ref for each in tree().roots]

        assert roots[-2:] == [company, boss]
    assert boss not in [each.ref for each in tree().roots]


def test_any_actor_can_be_the_root(log: Log) -> None:
    ref = Worker.start(log, "a")

    assert str(tree(ref)) == "Worker running"

    ref.stop()
    assert str(tree(ref)) == "Worker down"


def test_nothing_waits_for_the_dead() -> None:
    ref = Plain.start()
    ref.stop()
    inbox: Any = ref.actor_inbox
    inbox.put("lost")

    assert str(tree(ref)) == "Plain down"


def test_supervisors_that_have_ended_are_forgotten(log: Log) -> None:
    company = Company.start(log)
    before = set(roster.everyone())

    company.stop()

    assert len(before - set(roster.everyone())) == 3


def test_a_busy_supervisor_is_shown_without_waiting(log: Log) -> None:
    release, busy = threading.Event(), threading.Event()

    class Busy(Supervisor):
        def hold(self) -> None:
            busy.set()
            release.wait(30)

    boss: Boss = Busy.start([worker(log, "a")])
    held = boss.proxy().hold()
    assert busy.wait(5)

    assert "└── a (Worker) running" in str(tree(boss))

    release.set()
    held.get(timeout=5)
    boss.stop()
