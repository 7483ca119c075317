"""One run: the workload with one injury, and the judgement."""

from __future__ import annotations

import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic

from actors import ActorDeadError, ProxyCall, kill
from tests.injection.checks import branches, check
from tests.injection.points import Point
from tests.injection.probes import Call, Probes, Watch
from tests.injection.workload import STEPS
from tests.injection.world import ViolationError, World
from tests.waiting import eventually

REBUILT_WITHIN = 5.0


@dataclass
class Result:
    """What became of one run.

    Attributes:
        point: What was hurt; None for a clean run.
        reached: Whether it was.
        problem: What went wrong, "" if nothing did.
        slowest: The longest call, in seconds.
        calls: How many calls there were.
        seconds: How long the run took.
        counts: Calls of the probed functions.
    """

    point: Point | None
    reached: bool = False
    problem: str = ""
    slowest: float = 0.0
    calls: int = 0
    seconds: float = 0.0
    counts: Counter[Call] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.point}: {self.problem}\n  {self.replay}"

    @property
    def replay(self) -> str:
        """The line that does exactly this again."""
        return f"replay: python -m tests.injection --replay {self.point}"


def run(probes: Probes, point: Point | None) -> Result:
    """Run the workload on a fresh pair of groups; the probes are laid."""
    result = Result(point)
    watch = probes.watch = Watch(point)
    began = monotonic()
    with ExitStack() as stack:
        world = World.begin(stack)
        world.is_seen = point is not None and point.what.startswith("Directory.")
        watch.hurt(world.a)
        try:
            _work(world, watch, point)
            watch.end()
            check(world, point)
        except ViolationError as violation:
            step = STEPS[watch.step][0] if watch.step < len(STEPS) else "the end"
            result.problem = f"at step {watch.step}, {step}: {violation}"
            cause = violation.__cause__
            if cause is not None and not isinstance(cause, AssertionError):
                result.problem += "\n" + "".join(traceback.format_exception(cause))
        finally:
            watch.end()
    result.reached = watch.reached
    result.slowest, result.calls = world.slowest, world.calls
    result.seconds, result.counts = monotonic() - began, watch.counts
    return result


def _work(world: World, watch: Watch, point: Point | None) -> None:
    for number, (_, step) in enumerate(STEPS):
        watch.step = number
        _hurt(world, watch, point)
        step(world)
    watch.step = len(STEPS)
    _hurt(world, watch, point)


def _hurt(world: World, watch: Watch, point: Point | None) -> None:
    if point is None or point.step != watch.step:
        return
    if point.how == "rebuild":
        _hurt_twice(world)
    elif point.is_between_steps:
        _hurt_actor(world, point)
        watch.reached = True


def _hurt_actor(world: World, point: Point) -> None:
    ref = branches(world.a)[point.what].ref
    assert ref is not None
    if point.how == "kill":
        kill(ref)
        return
    if point.what.startswith("shard") and point.what != "shards":
        # In a turn of the core, on this thread, as a fault of its own would be.
        world.a._instance.runners[int(point.what[-1])].post(point)
        return
    try:
        ref.tell(ProxyCall(attr_path=("no such method",), args=(), kwargs={}))
    except ActorDeadError as error:
        raise ViolationError("nobody is there to be hurt") from error


def _hurt_twice(world: World) -> None:
    """Kill a shard, and see its successor up, which is hurt while it begins."""
    (runner, *_) = world.a._instance.runners
    ref = branches(world.a)["shard0"].ref
    assert ref is not None
    kill(ref)
    eventually(lambda: runner.begun > 1, REBUILT_WITHIN, what="a new shard")
