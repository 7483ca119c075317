"""Functions whose every call is a point: they count, and one of them raises."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Protocol

import pytest

from group import Group
from group._core import messages as wire
from group._core.directory import Directory
from group._core.following import Following
from group._core.lanes import Lane, Rows
from group._core.local import Local
from group._core.narrate import Narrator
from group._core.outbound import Outbound
from group._core.requests import Frame, Tick
from group._core.retiring import Retiring
from group._core.sessions import Sessions
from group._core.shard import Shard
from group._core.subscriptions import Subscriptions
from group._core.tables import Tables
from group._core.views import Members, PrefixIndex
from group._events.monitors import MonitorRegistry
from group._tree.desk import DirectoryDesk
from group._tree.effects import Effects
from group._tree.leases import ClusterLease
from group._tree.runner import Runner
from tests.injection.points import How, Point

Method = Callable[..., Any]
Call = tuple[How, str, int]

IN_TURNS: dict[type, tuple[str, ...]] = {
    Tables: (
        *("open", "close", "project", "put_own", "pop_own", "put_remote"),
        *("pop_remote", "replace", "_show", "_index", "_contest"),
        *("drop_owner", "reveal", "hide"),
        *("reproject", "rewatch", "_reindex", "_repair_registry", "_repair_groups"),
    ),
    Lane: ("log", "since", "restart"),
    Rows: ("put", "pop", "pop_owner", "clear", "fill", "hash", "rehash"),
    Members: ("put", "pop"),
    PrefixIndex: ("add", "discard"),
    Subscriptions: ("add", "remove", "matching"),
    Narrator: ("tell", "describe"),
    Local: ("delete", "_put", "_log"),
    Outbound: ("moved", "end_turn", "pump", "fence"),
    Following: ("on_ops", "_row", "hello", "restart", "leave"),
    Sessions: ("on_joined", "on_left", "on_fence"),
    Retiring: ("ask", "on_ask", "on_ans"),
    Shard: ("_tell", "_resume", "_match_clusters"),
    Effects: ("perform", "_send"),
    Directory: ("_connect", "_disconnect", "_link_up", "_link_down", "_frame"),
}
IN_HANDLERS: dict[type, tuple[str, ...]] = {
    MonitorRegistry: ("_add", "_remove", "_forget", "_watch", "_every_shard"),
    ClusterLease: ("_sweep", "_judge"),
}
# The work of these is done when they return, and somebody relies on it. Not Members,
# whose change is noted next, nor Shard._tell, whose effects are handed out next: what
# is between can fail in no other way than by an interrupt.
ALSO_AFTER = {
    *("Tables.project", "Tables.put_own", "Tables.pop_own", "Tables.put_remote"),
    *("Lane.log", "Rows.put", "Rows.pop", "Local._put"),
    *("Subscriptions.add", "Subscriptions.remove"),
    *("Outbound.end_turn", "Following.on_ops", "Retiring.on_ans"),
    *("MonitorRegistry._add", "MonitorRegistry._remove", "MonitorRegistry._forget"),
    *("ClusterLease._sweep", "ClusterLease._judge", "Tables.close", "Tables.open"),
}
# What comes by the clock comes at another call in every run.
BY_THE_CLOCK = (wire.Beat, wire.HeadsQuery, wire.Heads)


class Hurt(Protocol):
    """What a probed method is of; only actors have an instance."""

    _instance: object


class PlannedError(Exception):
    """Thrown in by the tests."""


class Watch:
    """Counts the calls of one run, in the group that is hurt, and raises at one.

    Attributes:
        step: The step that runs; set by whoever runs the workload.
        counts: Calls so far, by point.
        reached: Whether it has raised.
    """

    def __init__(self, point: Point | None) -> None:
        self.step = 0
        self.rebuilding = point is not None and point.how == "rebuild"
        self.counts: Counter[Call] = Counter()
        self.reached = False
        self._point = point
        self._instance: object = None
        self._runners: list[Runner] = []
        self._here = threading.local()
        self._lock = threading.Lock()

    def hurt(self, group: Group) -> None:
        """Count in this group from now on."""
        self._runners = group._instance.runners
        self._instance = group._instance

    def end(self) -> None:
        """Count no more."""
        self._instance = None
        self._runners = []

    def owns(self, runner: object) -> bool:
        """Tell whether these are turns of the group that is hurt."""
        return any(runner is each for each in self._runners)

    def is_ours(self, instance: object) -> bool:
        """Tell whether this is the group that is hurt."""
        return self._instance is not None and instance is self._instance

    @contextmanager
    def turn(self, *, counts: bool) -> Iterator[None]:
        """Run a turn on this thread."""
        before = self.counting
        self._here.counting = counts
        try:
            yield
        finally:
            self._here.counting = before

    @property
    def counting(self) -> bool:
        """Whether this thread is in a turn whose calls count."""
        return getattr(self._here, "counting", False)

    def call(self, how: How, name: str) -> None:
        """Count a call; raise if it is the one."""
        if self.rebuilding:
            how = "rebuild"
        with self._lock:
            place = (how, name, self.step)
            index = self.counts[place]
            self.counts[place] += 1
            if self._point != Point(*place, index) or self.reached:
                return
            self.reached = True
        raise PlannedError(str(self._point))


class Probes:
    """The functions, made to report to the watch of the run."""

    def __init__(self) -> None:
        self.watch = Watch(None)

    @contextmanager
    def laid(self) -> Iterator[Probes]:
        """Lay them, and take them back."""
        with pytest.MonkeyPatch.context() as patch:
            for owner, names in {**IN_TURNS, **IN_HANDLERS}.items():
                for name in names:
                    self._lay(patch, owner, name)
            patch.setattr(Runner, "_run", self._in_turn(Runner._run))
            patch.setattr(Runner, "begin", self._in_rebuild(Runner.begin))
            patch.setattr(DirectoryDesk, "run", self._at_desk(DirectoryDesk.run))
            yield self

    def _lay(self, patch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        method: Method = getattr(owner, name)
        label = f"{owner.__name__}.{name}"
        counts = self._counts_in_handler if owner in IN_HANDLERS else self._counts

        @wraps(method)
        def probed(me: Hurt, *args: object, **more: object) -> object:
            if not counts(me):
                return method(me, *args, **more)
            watch = self.watch
            watch.call("before", label)
            result = method(me, *args, **more)
            if label in ALSO_AFTER and not watch.rebuilding:
                watch.call("after", label)
            return result

        patch.setattr(owner, name, probed)

    def _counts(self, _me: Hurt) -> bool:
        return self.watch.counting

    def _counts_in_handler(self, me: Hurt) -> bool:
        return self.watch.is_ours(me._instance) and not self.watch.rebuilding

    def _in_turn(self, run: Method) -> Method:
        def running(runner: Runner, message: object) -> object:
            watch = self.watch
            counts = (
                watch.owns(runner)
                and not watch.rebuilding
                and not isinstance(message, Tick)
                and not (
                    isinstance(message, Frame)
                    and isinstance(message.message, BY_THE_CLOCK)
                )
            )
            with watch.turn(counts=counts):
                return run(runner, message)

        return running

    def _in_rebuild(self, begin: Method) -> Method:
        def beginning(runner: Runner, *args: object, **more: object) -> None:
            watch = self.watch
            with watch.turn(counts=watch.rebuilding and watch.owns(runner)):
                begin(runner, *args, **more)

        return beginning

    def _at_desk(self, run: Method) -> Method:
        def stepping(desk: DirectoryDesk, *args: object) -> object:
            watch = self.watch
            ours = any(watch.owns(runner) for runner in desk._runners)
            with watch.turn(counts=ours and not watch.rebuilding):
                return run(desk, *args)

        return stepping


def points_of(counts: Counter[Call]) -> list[Point]:
    """Return a point for each call that was counted."""
    return [
        make(index)
        for call, count in sorted(counts.items(), key=lambda item: item[0])
        for make in [partial(Point, *call)]
        for index in range(count)
    ]
