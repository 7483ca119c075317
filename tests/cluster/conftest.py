"""What every test of processes gets: no crash in any of them goes unseen."""

from collections.abc import Iterator

import pytest

from tests.cluster.terminals import opened_by_now


@pytest.fixture(autouse=True)
def no_unseen_crashes_elsewhere() -> Iterator[None]:
    """Fail a test in which an actor of ours crashes in a process; those of apps may."""
    yield
    wrong = [line for opened in opened_by_now for line in opened.take_crashes()]
    if wrong:
        pytest.fail("\n".join(["see tests/crashes.py:", *wrong]))
