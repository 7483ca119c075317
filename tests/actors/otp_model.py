"""What an OTP supervisor does, in the plainest words: no thread, no actor.

Written from OTP's description and deliberately without the rules in `actors`, so
that the two can be compared. A world has one clock, one list of faults still to
come, one trace of everything that started and ended, in order, and one of reports.
`reached` collects the situations that were met.
"""

from collections import deque
from dataclasses import dataclass, field

Event = tuple[str, ...]
Shown = tuple[str, str, int, str | None]
Death = tuple["Kid", int, str]


@dataclass(frozen=True)
class Plan:
    """One child (or the root) of a tree, worker or supervisor."""

    id: str
    restart: str = "permanent"
    significant: bool = False
    kids: tuple["Plan", ...] | None = None
    strategy: str = "one_for_one"
    max_restarts: int = 3
    max_seconds: float = 5.0
    auto_shutdown: str = "never"
    callable: bool = False


@dataclass
class World:
    """What all supervisors of one tree share."""

    now: float = 1000.0
    trace: list[Event] = field(default_factory=list)
    reports: list[Event] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    faults: dict[str, deque[str]] = field(default_factory=dict)

    def fault(self, path: str) -> str | None:
        """Take the next thing that goes wrong when this worker starts."""
        queue = self.faults.get(path)
        return queue.popleft() if queue else None


@dataclass(eq=False)
class Kid:
    """A child of a supervisor: its plan, and what runs."""

    plan: Plan
    path: str
    state: str = "down"
    incarnation: int = 0
    last: str | None = None
    restarts: int = 0
    sup: "Sup | None" = None


class FailedToStartError(Exception):
    """A child did not start, so neither did its supervisor."""


class GaveUpError(Exception):
    """The supervisor ends, with its remaining children."""


class Sup:
    """One supervisor, handling one message at a time."""

    def __init__(self, plan: Plan, path: str, world: World) -> None:
        self.plan, self.path, self.world = plan, path, world
        self.kids = [self._kid(each) for each in plan.kids or ()]
        self.times: list[float] = []
        self.alive = False
        self.deaths: deque[Death] = deque()
        self.retries: deque[Kid] = deque()
        # A request that came after those deaths, and how it went.
        self.request: tuple[str, str] | None = None
        self.answer = "dead"

    def _kid(self, plan: Plan) -> Kid:
        return Kid(plan, f"{self.path}/{plan.id}")

    # Start and stop.

    def start(self) -> None:
        self.world.trace.append(("sup", self.path))
        for kid in list(self.kids):
            if self._start_kid(kid) == "error":
                self._stop_kids(self.kids)
                raise FailedToStartError
            if kid.state == "down" and kid.plan.restart == "temporary":
                self.kids.remove(kid)
        self.alive = True

    def stop(self) -> None:
        self.alive = False
        self._stop_kids(self.kids)

    def _report(self, what: str, kid: Kid) -> None:
        self.world.reports.append((what, kid.plan.id))

    def _start_kid(self, kid: Kid) -> str:
        result = self._try_kid(kid)
        if result == "error":
            self._report("start_error", kid)
        return result

    def _try_kid(self, kid: Kid) -> str:
        if kid.plan.kids is not None:
            return self._start_sup(kid)
        fault = self.world.fault(kid.path)
        if fault == "ignore":
            kid.state = "down"
            self.world.trace.append(("ignored", kid.path))
            return "ok"
        if fault is not None:
            self.world.trace.append(("failed", kid.path))
            return "error"
        self.world.trace.append(("start", kid.path))
        kid.state = "up"
        kid.incarnation += 1
        return "ok"

    def _start_sup(self, kid: Kid) -> str:
        kid.sup = Sup(kid.plan, kid.path, self.world)
        try:
            kid.sup.start()
        except FailedToStartError:
            self.world.reached.add("a supervisor fails to start")
            return "error"
        kid.state = "up"
        kid.incarnation += 1
        return "ok"

    def _stop_kids(self, kids: list[Kid]) -> None:
        for kid in reversed(kids):
            self._stop_kid(kid)

    def _stop_kid(self, kid: Kid) -> None:
        if kid.state == "up":
            already = [reason for dead, _, reason in self.deaths if dead is kid]
            kid.last = already[0] if already else "shutdown"
            if kid.last != "shutdown" and (
                kid.last != "normal" or kid.plan.restart == "permanent"
            ):
                self._report("shutdown_error", kid)
            if already:
                self.world.reached.add("a death is found while stopping")
            if kid.sup is not None:
                kid.sup.stop()
            elif not already:
                self.world.trace.append(("end", kid.path))
        self.deaths = deque(each for each in self.deaths if each[0] is not kid)
        kid.state = "down"

    # Deaths.

    def note(self, path: str, reason: str) -> None:
        """A worker ended by itself; the supervisor has not looked yet."""
        kid = next(each for each in self.kids if each.path == path)
        self.world.trace.append(("end", path))
        self.deaths.append((kid, kid.incarnation, reason))

    def run(self) -> bool:
        """Handle all that waits; False when this was the supervisor's end."""
        try:
            while self.deaths or self.request or self.retries:
                if self.deaths:
                    self._died(*self.deaths.popleft())
                elif self.request:
                    (verb, name), self.request = self.request, None
                    self.answer = getattr(self, verb)(name)
                else:
                    self._retry(self.retries.popleft())
        except GaveUpError:
            self.stop()
            return False
        return True

    def _died(self, kid: Kid, incarnation: int, reason: str) -> None:
        if kid not in self.kids or kid.incarnation != incarnation:
            return
        if kid.state != "up":
            return
        kid.state = "down"
        kid.last = reason
        good = reason in ("normal", "shutdown")
        if kid.plan.restart == "permanent" or not good:
            self._report("child_terminated", kid)
        wanted = kid.plan.restart == "permanent"
        if kid.plan.restart == "transient":
            wanted = not good
        if wanted:
            self._restart(kid)
            return
        if kid.plan.restart == "temporary":
            self.kids.remove(kid)
        self._auto_shutdown(kid)

    def _auto_shutdown(self, kid: Kid) -> None:
        if not kid.plan.significant:
            return
        if self.plan.auto_shutdown == "any_significant":
            self.world.reached.add("any significant")
            raise GaveUpError
        if self.plan.auto_shutdown == "all_significant":
            for other in self.kids:
                if other.plan.significant and other.state != "down":
                    self.world.reached.add("not the last significant")
                    return
            self.world.reached.add("all significant")
            raise GaveUpError

    def _retry(self, kid: Kid) -> None:
        if kid in self.kids and kid.state == "restarting":
            self.world.reached.add("retry")
            self._restart(kid)
        else:
            self.world.reached.add("a retry that is not wanted any more")

    def _restart(self, kid: Kid) -> None:
        now = self.world.now
        self.times = [t for t in self.times if t >= now - self.plan.max_seconds]
        self.times.append(now)
        if now - self.times[0] == self.plan.max_seconds:
            self.world.reached.add("exactly as old as the window")
        if len(self.times) > self.plan.max_restarts:
            self.world.reached.add("gave up")
            self._report("supervisor_gave_up", kid)
            if kid.plan.restart == "temporary":
                self.kids.remove(kid)
            kid.state = "down"
            raise GaveUpError
        if self.plan.strategy == "one_for_one":
            kid.state = "down"
            touched = [kid]
        elif self.plan.strategy == "one_for_all":
            touched = list(self.kids)
        else:
            touched = self.kids[self.kids.index(kid) :]
        self._restart_all(touched)

    def _restart_all(self, touched: list[Kid]) -> None:
        if any(kid.state == "down" and kid is not touched[0] for kid in touched[1:]):
            self.world.reached.add("one that was down in a group")
        self._stop_kids(touched)
        for each in touched:
            if each.plan.restart == "temporary":
                self.kids.remove(each)
        for each in touched:
            if each.plan.restart == "temporary":
                self.world.reached.add("a temporary in a group")
                continue
            if self._start_kid(each) == "error":
                each.state = "restarting"
                self.retries.append(each)
                return
            each.restarts += each.state == "up"

    # Requests.

    def find(self, name: str) -> Kid | None:
        return next((kid for kid in self.kids if kid.plan.id == name), None)

    def start_child(self, plan: Plan) -> str:
        old = self.find(plan.id)
        if old is not None:
            return "already_started" if old.state == "up" else "already_present"
        if plan.significant and self.plan.auto_shutdown == "never":
            return "refused"
        kid = self._kid(plan)
        if self._start_kid(kid) == "error":
            return "error"
        if kid.state == "up" or plan.restart != "temporary":
            self.kids.append(kid)
        return "ok"

    def terminate_child(self, name: str) -> str:
        kid = self.find(name)
        if kid is None:
            return "not_found"
        self._stop_kid(kid)
        if kid.plan.restart == "temporary":
            self.kids.remove(kid)
        return "ok"

    def restart_child(self, name: str) -> str:
        kid = self.find(name)
        if kid is None:
            return "not_found"
        if kid.state != "down":
            return self._not_down(kid)
        return self._start_kid(kid)

    def _not_down(self, kid: Kid) -> str:
        if kid.state == "restarting":
            self.world.reached.add("a request finds a child restarting")
            return "restarting"
        return "running"

    def delete_child(self, name: str) -> str:
        kid = self.find(name)
        if kid is None:
            return "not_found"
        if kid.state != "down":
            return self._not_down(kid)
        self.kids.remove(kid)
        return "ok"

    # Looking.

    def picture(self) -> list[Shown]:
        """What there is to see of the children, newest first."""
        return [
            (kid.plan.id, kid.state, kid.restarts, kid.last)
            for kid in reversed(self.kids)
        ]


class Tree:
    """A root supervisor and everything below it."""

    def __init__(self, plan: Plan) -> None:
        self.world = World()
        self.root = Sup(plan, plan.id, self.world)

    def sups(self) -> list[Sup]:
        """Every live supervisor, the root first."""
        found = [self.root] if self.root.alive else []
        for sup in found:
            found += [k.sup for k in sup.kids if k.state == "up" and k.sup is not None]
        return found

    def settle(self) -> None:
        """Let everybody handle what waits; an end is news to the parent."""
        for sup in reversed(self.sups()):
            if sup.alive and not sup.run():
                self._ended(sup)

    def _ended(self, sup: Sup) -> None:
        for parent in self.sups():
            for kid in parent.kids:
                if kid.sup is sup:
                    parent.deaths.append((kid, kid.incarnation, "shutdown"))
                    self.settle()
                    return
