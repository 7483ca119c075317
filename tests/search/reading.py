"""Steps in words."""

from group._core import messages as wire
from tests.search.links import OVER, UP
from tests.search.parts import Step, World
from tests.search.world import Universe, name

WORDS = {
    "run": "its shard does the first thing in its queue",
    "join_cluster": "joins the cluster",
    "leave_cluster": "leaves the cluster",
    "tick": "ticks",
    "settle": "asks for a fence",
}


def readable(universe: Universe, world: World, step: Step) -> str:
    """Say what happens."""
    if step.kind in ("take", "fail_take", "notice", "lose"):
        return _at_an_end(universe, world, step)
    if step.kind in ("cut", "connect"):
        one, other = universe.ends[step.at[0]]
        words = "is cut" if step.kind == "cut" else "comes up"
        return f"the link of {name(one)} and {name(other)} {words}"
    who = name(step.at[0])
    if step.kind in ("crash", "start"):
        return f"{who} {'crashes' if step.kind == 'crash' else 'starts again'}"
    return f"{who} {_deed(step)}"


def _deed(step: Step) -> str:
    first, *more = step.deed
    if first == "failing":
        steps, first, *more = more
        return f"{_words(str(first), more)}; its shard fails after {steps} steps"
    return _words(str(first), more)


def _words(deed: str, more: list[object]) -> str:
    if deed == "peer_down":
        return f"gives {more[0]} up"
    if deed in ("blocked", "writable"):
        return f"finds its link {more[0]} {deed}"
    if deed == "end":
        return f"actor {more[0]} ends"
    if deed == "unregister":
        return "unregisters the key"
    said = WORDS.get(deed)
    return said if said is not None else f"actor {more[0]} does {deed}"


def _at_an_end(universe: Universe, world: World, step: Step) -> str:
    p, w, end = step.at
    wire_ = universe.pairs[world.pairs[p]].wires[w]
    who, other = name(universe.ends[p][end]), name(universe.ends[p][1 - end])
    coming = wire_.coming[end]
    if step.kind == "notice":
        return f"{who} sees that its link {wire_.token} to {other} is gone"
    if step.kind == "lose":
        return f"{len(coming)} frames from {other} to {who} are lost"
    if coming[0] == UP:
        return f"{who} is linked to {other} by {wire_.token}"
    message = _read(coming[0])
    late = "late " if wire_.ends[end] == OVER else ""
    fails = ""
    if step.kind == "fail_take":
        fails = f"; its shard fails after {step.deed[1]} steps"
    return f"{who} takes {late}from {other} by {wire_.token}: {message}{fails}"


def _read(body: bytes) -> object:
    try:
        return wire.decode(body)
    except wire.MessageError:
        return body
