"""What can go wrong: functions of the world and the name of a host."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.sim.profiles import SHARDS

if TYPE_CHECKING:
    from tests.sim.world import World


def crash(world: "World", name: str) -> None:
    """Kill a process; it comes back under its name."""
    world.crash(name)
    wait = world.random.choice((0.05, 0.5, 3.0, 9.0))
    world.at(world.now + wait, world.start, name)


def reset(world: "World", name: str) -> None:
    """Reset a connection: prefixes survive, the ends notice apart."""
    ends = [end for end in world.network.open_ends() if end.host.name == name]
    if not ends:
        return
    one = world.random.choice(ends)
    for end in (one, one.other):
        end.forget_some()
        world.at(world.now + world.random.random() * 0.3, end.lose, "reset")


def delay(world: "World", _name: str) -> None:
    """Everything is slow for a while."""
    world.network.slow_down(world.random.choice((0.0, 0.2, 1.0)))


def block(world: "World", name: str) -> None:
    """Cut both ways between two hosts, or heal all cuts."""
    if world.random.random() < 0.6:
        world.network.heal()
        return
    other = world.another(name)
    world.network.cuts |= {(name, other), (other, name)}


def oneway(world: "World", name: str) -> None:
    """Cut one way."""
    world.network.cuts.add((name, world.another(name)))


def pause(world: "World", name: str) -> None:
    """Stop a process, and let it go on later."""
    host = world.hosts[name]
    if host.paused is None:
        host.paused = []
        wait = world.random.choice((0.5, 3.0, 8.0))
        world.at(world.now + wait, host.resume)


def clock(world: "World", name: str) -> None:
    """Let a wall clock jump."""
    world.skews[name] = world.profile.skew * (world.random.random() * 2 - 1)
    world.hosts[name].skew = world.skews[name]


def shard(world: "World", name: str) -> None:
    """Let a shard fail: between two turns, or after some steps of a turn."""
    replica = world.hosts[name].replica
    index = world.random.randrange(SHARDS)
    if world.random.random() < 0.3:
        world.hosts[name].when_running(replica.crash, index)
    else:
        replica.arm(index, world.random.randrange(12))


FAULTS: dict[str, Callable[["World", str], None]] = {
    each.__name__: each
    for each in (crash, reset, delay, block, oneway, pause, clock, shard)
}
