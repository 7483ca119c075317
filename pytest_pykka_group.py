"""The pytest plugin: fixtures made of `group.testing`.

A module of its own, beside the three packages, because pytest imports it in every run:
what is tested, and what it brings, is imported by the first test that asks for it.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from group.testing import LocalCluster, Probe, ProcessCluster


@pytest.fixture
def group_cluster(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., LocalCluster]]:
    """Start clusters inside this process.

        a, b = group_cluster(2)

    It takes what `group.testing.cluster` takes; they are stopped after the test.
    """
    from group.testing import cluster

    _look_for_leaks_after(request)
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(cluster(*args, **options))


@pytest.fixture
def group_proc_cluster(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., ProcessCluster]]:
    """Start clusters of processes.

        c = group_proc_cluster(2, app=service)

    It takes what `group.testing.proc_cluster` takes; they are stopped after the test.
    """
    from group.testing import proc_cluster

    _look_for_leaks_after(request)
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(
            proc_cluster(*args, **options)
        )


@pytest.fixture
def group_probe(request: pytest.FixtureRequest) -> Iterator[Probe]:
    """Let the test be an actor that says what it expects to be told."""
    from group.testing import probe

    _look_for_leaks_after(request)
    with probe() as made:
        yield made


@pytest.fixture
def group_no_leaks() -> Iterator[None]:
    """Fail a test that leaves actors or threads behind."""
    from group.testing import no_leaks

    with no_leaks():
        yield


def _look_for_leaks_after(request: pytest.FixtureRequest) -> None:
    """Let the check for leaks look last, wherever the test has named it."""
    if "group_no_leaks" in request.fixturenames:
        request.getfixturevalue("group_no_leaks")
