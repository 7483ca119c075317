"""A campaign: episodes of faults, and after each the question whether all is well."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TypeVar

from tests.campaign import checker
from tests.campaign.faults import LINKS, RATE, Fault, plan
from tests.campaign.processes import Host, HungError, Life
from tests.campaign.state import GRACE, HEARTBEAT, LEASE, Seen, Slow
from tests.campaign.tally import AGREE_TIME, LINK_TIME, Tally
from tests.crashes import told
from transport.testing import Gate, Sky, Weather, free_ports

T = TypeVar("T")

EPISODE = 5.0
"""Seconds in which faults begin."""

AFTER = 1.0
"""Seconds after which those that last are healed."""

PATIENCE = 5
"""How often those times may pass on a busy machine."""

SKEWS = (0.0, 0.0, 0.5, -0.5, 5.0, -5.0, 25.0, -25.0)
LOOK_AGAIN = 0.05


class ViolationError(Exception):
    """Something that must hold does not."""


class Campaign:
    """Some nodes, their weather, and their fate. Used from one event loop."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int,
        seed: int,
        rate: float = 25.0,
        say: Callable[[str], None] = print,
    ) -> None:
        self.tally = Tally()
        # Those of the last episode.
        self.faults: list[Fault] = []
        self._random = random.Random(seed)
        self._say = say
        self._sky = Sky(loses_dials=True)
        self._healing = asyncio.Event()
        ports = free_ports()
        self._hosts = {
            name: Host(Gate(name, next(ports), self._sky), folder, ports, rate)
            for name in "abcde"[:nodes]
        }
        self._base: dict[tuple[str, int], tuple[int, int]] = {}
        self._episode_slowest: tuple[float, str] = (0.0, "none")

    async def run(self, seconds: float) -> None:
        """Run episodes until the time is over, at least one.

        Raises:
            ViolationError: Something does not hold; says what.
        """
        ends = monotonic() + seconds
        try:
            for host in self._hosts.values():
                await self._start(host)
            await self._check("start", [])
            while True:
                await self._episode()
                if monotonic() >= ends:
                    break
            await self._part()
            self._raise(self._crashes(), "in the logs")
        except HungError as hung:
            raise ViolationError(str(hung)) from hung
        finally:
            await self._end()

    # -- one episode

    async def _episode(self) -> None:
        self.tally.episodes += 1
        for host in self._hosts.values():
            if host.absent:
                await self._start(host)
        await self._all(lambda life: life.ask("resume"))
        faults = self.faults = plan(self._random, list(self._hosts), EPISODE)
        # Drawn here, so that the seed alone decides.
        fates = [(fault, self._random.getrandbits(31)) for fault in faults]
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._healing.clear()
        # Whatever still lasts is healed all at once.
        heal = loop.call_later(EPISODE + AFTER, self._healing.set)
        await _together(self._suffer(fault, fate, began) for fault, fate in fates)
        if loop.time() < heal.when():
            await self._healing.wait()
        for fault in faults:
            self.tally.faults[fault.kind] += 1
        await self._check(f"episode {self.tally.episodes}", faults)

    async def _suffer(self, fault: Fault, fate: int, began: float) -> None:
        await asyncio.sleep(began + fault.at - asyncio.get_running_loop().time())
        if fault.kind in LINKS:
            await self._on_link(fault)
        elif fault.kind in ("partition", "isolate"):
            there = [name for name in self._hosts if name not in fault.nodes]
            pairs = [(here, away) for here in fault.nodes for away in there]
            await self._blocked(pairs + [pair[::-1] for pair in pairs], fault.lasts)
        else:
            # Where a life begins slowly, the next fault of its node has to wait.
            async with self._hosts[fault.nodes[0]].turn:
                await self._on_node(fault, random.Random(fate))

    async def _on_link(self, fault: Fault) -> None:
        one, two = fault.nodes
        both = [(one, two), (two, one)]
        if fault.kind in ("block", "one_way"):
            await self._blocked(
                both if fault.kind == "block" else both[:1], fault.lasts
            )
        elif fault.kind in ("reset", "half_close"):
            for connection in self._sky.connections(one, two):
                if fault.kind == "reset":
                    connection.reset()
                else:
                    connection.half_close(one)
        else:
            await self._slowed(both, fault)

    async def _slowed(self, pairs: list[tuple[str, str]], fault: Fault) -> None:
        for pair in pairs:
            _worsen(self._sky.between(*pair), fault)
        await self._pass(fault.lasts)
        for pair in pairs:
            _mend(self._sky.between(*pair), fault)

    async def _blocked(self, pairs: list[tuple[str, str]], seconds: float) -> None:
        for pair in pairs:
            self._sky.between(*pair).open.clear()
        await self._pass(seconds)
        for pair in pairs:
            self._sky.between(*pair).open.set()

    async def _pass(self, seconds: float) -> None:
        """Let time pass, but no more than is left of the episode."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._healing.wait(), seconds)

    async def _on_node(self, fault: Fault, rng: random.Random) -> None:
        host = self._hosts[fault.nodes[0]]
        match fault.kind:
            case "kill" | "die" | "clean":
                await self._end_life(host, fault)
                if not host.absent:
                    await self._start(host, rng)
            case "clock":
                await host.now.ask("clock", skew=rng.choice(SKEWS))
            case "usurp":
                old = host.now
                old.freeze()
                await asyncio.sleep(LEASE + GRACE + HEARTBEAT)
                await self._start(host, rng)
                old.thaw()
                await self._pass(fault.lasts)
                old.kill()
                await old.wait()
            case "freeze":
                host.now.freeze()
                await self._pass(fault.lasts)
                host.now.thaw()
            case "leave":
                await host.now.ask("disconnect")
                await self._pass(fault.lasts)
                if fault.amount < 0.8:
                    await host.now.ask("connect")
            case _:
                raise AssertionError(fault)

    async def _end_life(self, host: Host, fault: Fault) -> None:
        host.absent = fault.kind == "die"
        if fault.kind == "clean":
            await self._stop(host.now)
        else:
            host.now.kill()
            await host.now.wait()
        await self._dead(host, fault)

    async def _dead(self, host: Host, fault: Fault) -> None:
        # As a process that is gone, or as a machine that is.
        if fault.amount < 0.6:
            host.gate.shut()
        else:
            host.gate.open(None)
        await self._pass(fault.lasts)

    async def _start(self, host: Host, rng: random.Random | None = None) -> None:
        rng = rng or self._random
        others = [each.gate.address for each in self._hosts.values() if each != host]
        self.tally.lives += 1
        join = rng.sample(others, rng.randint(1, len(others)))
        if any(fault.kind == "die" for fault in self.faults):
            # Whoever is to be found must not be known to the dead alone.
            join = others
        there = [
            each.gate.address
            for each in self._hosts.values()
            if each.lives and not each.absent and each != host
        ]
        if there and not set(join) & set(there):
            # Nor can two pairs meet of which nobody knows one of the other.
            join.append(rng.choice(there))
        await host.start(rng.getrandbits(31), rng.choice(SKEWS), join)

    async def _stop(self, life: Life) -> None:
        self._judge_calls(life, await life.look())
        await life.ask("stop")
        status = await life.wait()
        if status != 0:
            raise ViolationError(f"{life.name} stopped with status {status}")

    # -- the questions

    async def _check(self, what: str, faults: list[Fault]) -> None:
        """Heal all, wait for quiet, and ask whether all is well."""
        self._sky.clear()
        self._episode_slowest = (0.0, "none")
        calls = self.tally.calls
        healed = monotonic()
        await self._all(lambda life: life.ask("hush"))
        linked = await self._await(checker.links, LINK_TIME, "links")
        await self._all(lambda life: life.ask("pause"))
        at = monotonic()
        gone = len(self._present()) < len(self._hosts)
        patience = AGREE_TIME + (LEASE + GRACE if gone else 0.0)
        agreed = await self._await(checker.problems, patience, "agreement")
        self.tally.linked.append(linked - healed)
        self.tally.agreed.append(agreed - at)
        await asyncio.sleep(2 * HEARTBEAT)
        collected = await self._collect()
        self._raise(checker.problems(collected), "it did not last")
        await self._leaks(collected)
        self._count(collected)
        took, slowest = self._episode_slowest
        self._say(
            f"{what}: {len(faults)} faults, {self.tally.calls - calls} calls, slowest "
            f"{slowest} {took:.3f} s, linked after {linked - healed:.2f} s, agreed "
            f"{agreed - at:.2f} s later  [{'; '.join(map(str, faults))}]"
        )

    async def _await(
        self,
        question: Callable[[checker.Collected], Iterable[str]],
        seconds: float,
        what: str,
    ) -> float:
        deadline = monotonic() + PATIENCE * seconds
        while True:
            collected = await self._collect()
            found = list(question(collected))
            now = monotonic()
            if not found:
                return now
            if now > deadline:
                self._raise(found, f"no {what} after {PATIENCE} x {seconds:g} s")
            await asyncio.sleep(LOOK_AGAIN)

    async def _collect(self) -> checker.Collected:
        looks = await self._all(lambda life: life.look())
        collected = checker.Collected({}, {})
        for host, seen in zip(self._present(), looks, strict=True):
            collected.seen[host.name] = seen
            collected.now[host.name] = host.now.life
            self._judge_calls(host.now, seen)
        for host in self._hosts.values():
            for life in host.lives:
                collected.lives[host.name, life.life] = life.journal.catch_up()
        return collected

    def _judge_calls(self, life: Life, seen: Seen) -> None:
        self.tally.outcomes.update(seen.calls.outcomes)
        self._raise(list(checker.calls(seen, life.frozen)), "calls")
        for slow in seen.calls.slow:
            took = checker.took(slow, life.frozen)
            if not _needs_a_peer(slow):
                self.tally.note(took, slow.what)
                self._episode_slowest = max(
                    self._episode_slowest, (took, f"{slow.what} on {life.name}")
                )

    async def _leaks(self, collected: checker.Collected) -> None:
        """No life has more descriptors or threads than when it was first looked at."""
        deadline = monotonic() + PATIENCE * LINK_TIME
        while True:
            found = [
                words
                for host in self._present()
                for words in self._leak(host.now, collected.seen[host.name])
            ]
            if not found:
                return
            if monotonic() > deadline:
                self._raise(found, "a leak")
            await asyncio.sleep(1.0)
            collected = await self._collect()

    def _leak(self, life: Life, seen: Seen) -> list[str]:
        now = (seen.descriptors, seen.threads)
        first = self._base.setdefault((life.name, life.number), now)
        return list(checker.leaks(seen, *first))

    def _count(self, collected: checker.Collected) -> None:
        held = [
            values
            for _, _, beliefs in collected.living()
            for values in beliefs.rows.values()
        ]
        self.tally.rows += len(held)
        self.tally.lags += sum(seen.lags for seen in collected.seen.values())
        self.tally.open_rows += sum(len(values) > 1 for values in held)
        self.tally.evictions = sum(
            line.reason == "conflict"
            for beliefs in collected.lives.values()
            for lines in beliefs.ends.values()
            for line in lines
        )

    def _raise(self, found: list[str], when: str) -> None:
        if found:
            raise ViolationError("\n  ".join([when, *found[:40]]))

    # -- the end

    def _crashes(self) -> list[str]:
        """Return what the logs tell of crashes, also of lives that were killed."""
        return [
            f"{life.name}.{life.number}: {line}"
            for host in self._hosts.values()
            for life in host.lives
            for line in told(life.errors.read_text(encoding="utf-8", errors="replace"))
        ]

    async def _part(self) -> None:
        """Stop all nodes in order; each ends well."""
        for host in self._present():
            await self._stop(host.now)

    async def _end(self) -> None:
        for host in self._hosts.values():
            for life in host.lives:
                life.thaw()
                life.kill()
            await host.gate.close()
        for host in self._hosts.values():
            for life in host.lives:
                await life.wait()

    async def _all(self, ask: Callable[[Life], Coroutine[None, None, T]]) -> list[T]:
        return await _together(ask(host.now) for host in self._present())

    def _present(self) -> list[Host]:
        return [host for host in self._hosts.values() if not host.absent]


async def _together(coroutines: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Run all; the first error ends the others, and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in coroutines]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _worsen(weather: Weather, fault: Fault) -> None:
    match fault.kind:
        case "delay":
            weather.delay = fault.amount
        case "throttle":
            weather.rate = RATE
        case "dribble":
            weather.dribble = True
        case _:
            raise AssertionError(fault)


def _mend(weather: Weather, fault: Fault) -> None:
    match fault.kind:
        case "delay":
            weather.delay = 0.0
        case "throttle":
            weather.rate = 0
        case "dribble":
            weather.dribble = False
        case _:
            raise AssertionError(fault)


def _needs_a_peer(slow: Slow) -> bool:
    return slow.what in ("ask", "settle", "wait_for")
