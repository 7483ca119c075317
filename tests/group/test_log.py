"""What a group logs at which level, and how a line reads."""

import logging

import pytest

from group._log import GroupLog


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def say_everything(log: GroupLog) -> None:
    log.verbose("registered", key="user/1")
    log.info("peer_up", peer="b")
    log.warning("slow_callback", seconds=1.3)
    log.error("registry_conflict", key="user/1", traceback="Traceback\n  here")


TROUBLE = [
    "slow_callback group=app node=a seconds=1.3",
    "registry_conflict group=app node=a key=user/1\nTraceback\n  here",
]
NEWS = "peer_up group=app node=a peer=b"
DETAIL = "registered group=app node=a key=user/1"


def test_the_level_says_how_much_is_told(caplog: pytest.LogCaptureFixture) -> None:
    log = GroupLog("app", "a", "info")

    with caplog.at_level(logging.DEBUG, "group"):
        say_everything(log)

    assert lines(caplog) == [NEWS, *TROUBLE]


def test_the_level_can_change_at_run_time(caplog: pytest.LogCaptureFixture) -> None:
    log = GroupLog("app", "a", "info")

    with caplog.at_level(logging.DEBUG, "group"):
        log.level = "verbose"
        say_everything(log)
        log.level = False
        say_everything(log)

    assert lines(caplog) == [DETAIL, NEWS, *TROUBLE, *TROUBLE]


def test_python_decides_too(caplog: pytest.LogCaptureFixture) -> None:
    log = GroupLog("app", "a", "verbose")

    with caplog.at_level(logging.ERROR, "group"):
        say_everything(log)

    assert lines(caplog) == TROUBLE[1:]
