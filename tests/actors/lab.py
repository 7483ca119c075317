"""Real supervision trees, driven step by step beside the model of OTP."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import pykka
from pykka.messages import ProxyCall

from actors import (
    Actor,
    Branch,
    ChildError,
    ChildSpec,
    Crash,
    StartError,
    Supervisor,
    SupervisorRef,
    child,
    on_down,
    tree,
)
from tests.actors.otp_model import Event, Plan, Shown, Sup, Tree

Ref = pykka.ActorRef[Any]
Boss = SupervisorRef[Any]

# How long the real tree may take to do what the model has done, in seconds.
PATIENCE = 20.0


class BrokenError(Exception):
    """What the workers of the laboratory crash with."""


class DiffersError(AssertionError):
    """The real tree does not do what the model does."""


@dataclass
class Lab:
    """What all actors of one real tree share. Any thread may use it."""

    now: float = 1000.0
    trace: list[Event] = field(default_factory=list)
    faults: dict[str, deque[str]] = field(default_factory=dict)
    workers: dict[str, Ref] = field(default_factory=dict)
    bosses: dict[str, Boss] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, *event: str) -> None:
        """Write one event into the trace."""
        with self.changed:
            self.trace.append(event)
            self.changed.notify_all()

    def fault(self, path: str) -> str | None:
        """Take the next thing that goes wrong when this worker starts."""
        queue = self.faults.get(path)
        return queue.popleft() if queue else None

    def make(self, path: str) -> Ref | None:
        """Start a worker as a callable child does."""
        match self.fault(path):
            case None:
                return Worker.start(self, path, None)
            case "ignore":
                self.note("ignored", path)
                return None
            case "raise":
                self.note("failed", path)
                raise BrokenError
            case fault:
                return Worker.start(self, path, fault)


class Worker(Actor):
    """Says when it starts and ends, and ends when told."""

    def __init__(self, lab: Lab, path: str, *fault: str | None) -> None:
        super().__init__()
        self.lab, self.path, self.given = lab, path, fault

    def on_start(self) -> None:
        fault = self.given[0] if self.given else self.lab.fault(self.path)
        if fault is not None:
            self.lab.note("failed", self.path)
            raise BrokenError
        self.lab.workers[self.path] = self.actor_ref
        self.lab.note("start", self.path)

    def on_stop(self) -> None:
        self.lab.note("end", self.path)

    def on_failure(self, *_args: object, **_kwargs: object) -> None:
        self.lab.note("end", self.path)

    def on_receive(self, message: object) -> None:
        if message == "crash":
            raise BrokenError
        self.exit(message)


class LabSupervisor(Supervisor):
    """A supervisor made from a plan, with a clock that stands still."""

    def __init__(self, lab: Lab, plan: Plan, path: str) -> None:
        super().__init__()
        self.lab, self.plan, self.path = lab, plan, path
        self.strategy = cast("Any", plan.strategy)
        self.max_restarts = plan.max_restarts
        self.max_seconds = plan.max_seconds
        self.auto_shutdown = cast("Any", plan.auto_shutdown)

    def clock(self) -> float:
        return self.lab.now

    def children(self) -> Iterable[ChildSpec]:
        return [spec_of(self.lab, each, self.path) for each in self.plan.kids or ()]

    def on_start(self) -> None:
        self.lab.bosses[self.path] = self.actor_ref
        self.lab.note("sup", self.path)
        super().on_start()

    def hold(self, held: threading.Event, go: threading.Event) -> None:
        """Be busy, so that deaths have to wait for each other."""
        held.set()
        go.wait(PATIENCE)


def spec_of(lab: Lab, plan: Plan, above: str) -> ChildSpec:
    """Make the real spec of a planned child."""
    path = f"{above}/{plan.id}"
    options: dict[str, Any] = {
        "id": plan.id,
        "restart": plan.restart,
        "significant": plan.significant,
    }
    if plan.kids is not None:
        return child(LabSupervisor, lab, plan, path, **options)
    if plan.callable:
        return child(lab.make, path, **options)
    return child(Worker, lab, path, **options)


class Reports(logging.Handler):
    """Collects what supervisors report, in the model's words, instead of printing."""

    KINDS = frozenset(
        ("child_terminated", "start_error", "shutdown_error", "supervisor_gave_up")
    )

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[Event] = []

    def emit(self, record: logging.LogRecord) -> None:
        event, *words = record.getMessage().split()
        if event in self.KINDS:
            name = next(word for word in words if word.startswith("child="))
            self.seen.append((event, name.removeprefix("child=")))

    def __enter__(self) -> list[Event]:
        logger = logging.getLogger("actors")
        self.before = (logger.level, logger.propagate)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
        logger.addHandler(self)
        return self.seen

    def __exit__(self, *_error: object) -> None:
        logger = logging.getLogger("actors")
        logger.removeHandler(self)
        logger.level, logger.propagate = self.before


class Experiment:
    """One tree, twice: as the model has it, and in real actors."""

    def __init__(
        self, plan: Plan, reports: list[Event], patience: float = PATIENCE
    ) -> None:
        self.plan = plan
        self.reports = reports
        self.model = Tree(plan)
        self.lab = Lab()
        self.patience = patience

    def start(self) -> None:
        self.model.root.start()
        LabSupervisor.start(self.lab, self.plan, self.plan.id)
        self.compare()

    def stop(self) -> None:
        """Stop both; the model first, so that it may be compared."""
        if self.model.root.alive:
            self.model.root.stop()
        self.boss(self.plan.id).stop(timeout=self.patience)
        self.compare()

    def clean(self) -> None:
        """Leave no thread behind, whatever went wrong."""
        root = self.lab.bosses.get(self.plan.id)
        if root is not None:
            # As long as it takes: a tree that differs has been found already.
            root.stop(timeout=PATIENCE)

    def boss(self, path: str) -> Boss:
        return self.lab.bosses[path]

    # Steps. Each is done to the model, then to the real tree.

    def advance(self, seconds: float) -> None:
        self.model.world.now += seconds
        self.lab.now += seconds

    def spoil(self, path: str, faults: list[str]) -> None:
        """Let the next starts of a worker go wrong."""
        self.model.world.faults[path] = deque(faults)
        self.lab.faults[path] = deque(faults)

    def die(
        self,
        above: str,
        deaths: list[tuple[str, str]],
        request: tuple[str, str] | None = None,
    ) -> None:
        """Let workers of one supervisor end, in this order, before it looks.

        A request comes behind them, before any new try to restart.
        """
        sup = self.sup(above)
        for path, how in deaths:
            sup.note(path, how)
        sup.request, sup.answer = request, "dead"
        self.model.settle()
        boss = self.boss(above)
        held, go = threading.Event(), threading.Event()
        boss.ask(ProxyCall(("hold",), (held, go), {}), block=False)
        held.wait(PATIENCE)
        for path, how in deaths:
            self._end(path, how)
        if request is None:
            go.set()
        else:
            verb, name = request
            future = boss.ask(ProxyCall((verb,), (name,), {}), block=False)
            go.set()
            answer = outcome(lambda: future.get(timeout=PATIENCE))
            self._same(f"{verb} {name}", sup.answer, answer)
        self.compare()

    def _end(self, path: str, how: str) -> None:
        ended = threading.Event()
        worker = self.lab.workers[path]
        # Behind the supervisor's own watch, so the supervisor knows by then.
        on_down(worker, lambda _: ended.set())
        worker.tell(how)
        ended.wait(PATIENCE)

    def ask(self, above: str, verb: str, name: str) -> None:
        """terminate_child, restart_child or delete_child."""
        expected = getattr(self.sup(above), verb)(name)
        answer = outcome(lambda: getattr(self.boss(above), verb)(name))
        self._same(f"{verb} {name}", expected, answer)
        self.compare()

    def add(self, above: str, plan: Plan) -> None:
        """start_child."""
        expected = self.sup(above).start_child(plan)
        spec = spec_of(self.lab, plan, above)
        answer = outcome(lambda: self.boss(above).start_child(spec))
        self._same(f"start_child {plan.id}", expected, answer)
        self.compare()

    def sup(self, path: str) -> Sup:
        return next(sup for sup in self.model.sups() if sup.path == path)

    # Comparing.

    def compare(self) -> None:
        """Wait until the real tree is where the model is; raise if it goes astray."""
        deadline = time.monotonic() + self.patience
        self._await_trace(deadline)
        self._await_children(deadline)
        self._await_trace(deadline)
        model = self.model.world.reports
        if self.reports != model:
            raise DiffersError(f"reports\nmodel {model}\nreal  {self.reports}")

    def _await_children(self, deadline: float) -> None:
        expected = {sup.path: sup.picture() for sup in self.model.sups()}
        while (real := self._pictures()) != expected:
            if time.monotonic() > deadline:
                raise DiffersError(f"children\nmodel {expected}\nreal  {real}")
            with self.lab.changed:
                self.lab.changed.wait(0.001)

    def _await_trace(self, deadline: float) -> None:
        model = self.model.world.trace
        with self.lab.changed:
            while (real := self.lab.trace) != model:
                late = time.monotonic() > deadline
                if late or real != model[: len(real)]:
                    raise DiffersError(f"trace\nmodel {model}\nreal  {real}")
                self.lab.changed.wait(max(0.0, deadline - time.monotonic()))

    def _pictures(self) -> dict[str, list[Shown]]:
        found = {}
        for path, boss in list(self.lab.bosses.items()):
            try:
                shown = boss.which_children(timeout=PATIENCE)
            except pykka.ActorDeadError:
                continue
            found[path] = picture(boss, [str(each.id) for each in shown])
        return found

    def _same(self, what: str, expected: str, answer: str) -> None:
        if expected != answer:
            raise DiffersError(f"{what}: model {expected}, real {answer}")


STATES = {"running": "up", "restarting": "restarting", "down": "down"}


def picture(boss: Boss, newest_first: list[str]) -> list[Shown]:
    """What there is to see of the children of a real supervisor."""
    branch = tree(boss).roots[0]
    by_id = {str(each.id): each for each in branch.children}
    return [
        (name, STATES[by_id[name].state], by_id[name].restarts, last(by_id[name]))
        for name in newest_first
        if name in by_id
    ]


def last(branch: Branch) -> str | None:
    reason = branch.last_reason
    return "crash" if isinstance(reason, Crash) else cast("str | None", reason)


def outcome(request: Callable[[], object]) -> str:
    """Put the answer of a supervisor into the model's words."""
    try:
        request()
    except ChildError as error:
        return error.state
    except StartError:
        return "error"
    except ValueError:
        return "refused"
    except pykka.ActorDeadError:
        return "dead"
    return "ok"
