"""What the application's own logging gets of all three packages, and decides about."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from actors._log import log as actors_log
from group._log import GroupLog
from transport._log import log as transport_log

LOGGERS = ("actors", "transport", "group")


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """The logging of an application: JSON from every logger, by structlog."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(default=str),
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(allow=["fields"]),
            ],
        )
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def say_something() -> None:
    actors_log.info("child_started", child="w")
    transport_log.info("node_up", node="a", peer="b")
    GroupLog("app", "a", "info").info("peer_linked", peer="b")


def test_an_application_gets_the_fields_as_such(said: io.StringIO) -> None:
    say_something()

    rows = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [row["fields"] for row in rows] == [
        {"event": "child_started", "child": "w"},
        {"event": "node_up", "node": "a", "peer": "b"},
        {"event": "peer_linked", "group": "app", "node": "a", "peer": "b"},
    ]
    assert [row["event"] for row in rows] == [
        "child_started child=w",
        "node_up node=a peer=b",
        "peer_linked group=app node=a peer=b",
    ]


def test_an_application_decides_what_it_hears(
    said: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    for name in LOGGERS:
        caplog.set_level(logging.WARNING, name)

    say_something()

    assert said.getvalue() == ""


def test_nothing_is_configured_by_us() -> None:
    assert not structlog.is_configured()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        assert logger.handlers == []
        assert logger.propagate


def test_a_nodes_name_with_spaces_is_in_quotes(said: io.StringIO) -> None:
    transport_log.info("node_up", node="a", peer="the b")
    GroupLog("app", "the a", "info").info("peer_linked", peer="b", cause="is here")

    rows = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [row["event"] for row in rows] == [
        'node_up node=a peer="the b"',
        'peer_linked group=app node="the a" peer=b cause=is here',
    ]
    assert rows[0]["fields"]["peer"] == "the b"
