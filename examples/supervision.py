"""A laboratory of supervision: crash children, and see who is started again.

    python examples/supervision.py

Type the letter of a child to crash it, the number of a strategy to begin anew with it,
q to end. More than three restarts in five seconds are too many: then the supervisor
gives up. With `--smoke` it presses b under each strategy, and then too often.

It prints:
    one_for_one: b crashes, so b is started again
    Supervisor running
    ├── a (Worker) running
    ├── b (Worker) running restarts=1 last=RuntimeError: pressed
    └── c (Worker) running
    one_for_all: b crashes, so a, b, c are started again
    Supervisor running
    ├── a (Worker) running restarts=1 last=shutdown
    ├── b (Worker) running restarts=1 last=RuntimeError: pressed
    └── c (Worker) running restarts=1 last=shutdown
    rest_for_one: b crashes, so b, c are started again
    Supervisor running
    ├── a (Worker) running
    ├── b (Worker) running restarts=1 last=RuntimeError: pressed
    └── c (Worker) running restarts=1 last=shutdown
    rest_for_one: b crashes, so b, c are started again
    rest_for_one: b crashes, so b, c are started again
    rest_for_one: b crashes, so b, c are started again
    rest_for_one: b crashes once too often; the supervisor gives up
"""

import logging
import sys
from contextlib import suppress
from typing import Literal

from actors import (
    Actor,
    ActorDeadError,
    Supervisor,
    SupervisorRef,
    child,
    mailbox,
    monitor,
    tree,
)

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
STRATEGIES: tuple[Strategy, ...] = ("one_for_one", "one_for_all", "rest_for_one")

# Each crash is an error in the log of a service. Here we have pressed the button.
logging.getLogger("actors").setLevel(logging.CRITICAL)


class Worker(Actor):
    """Crashes when it is told anything."""

    def on_receive(self, message: object) -> None:
        """Crash."""
        raise RuntimeError(message)


def build(strategy: Strategy) -> SupervisorRef[Supervisor]:
    return Supervisor.start(
        children=[child(Worker, id=name) for name in "abc"], strategy=strategy
    )


def press(top: SupervisorRef[Supervisor], name: str) -> set[object]:
    """Crash a child; return the ids of those that live a new life."""
    before = {each.id: each.ref for each in top.which_children()}
    victim = before[name]
    assert victim is not None, "it runs"
    with mailbox() as me:
        monitor(victim)
        victim.tell("pressed")
        me.receive(timeout=5)  # Down: by now its supervisor has been told as well.
    after = {each.id: each.ref for each in top.which_children()}
    return {each for each in after if after[each] is not before[each]}


def show(top: SupervisorRef[Supervisor], strategy: Strategy, name: str) -> list[str]:
    try:
        again = sorted(map(str, press(top, name)))
    except ActorDeadError:
        print(f"{strategy}: {name} crashes once too often; the supervisor gives up")
        return []
    verb = "is" if len(again) == 1 else "are"
    print(f"{strategy}: {name} crashes, so {', '.join(again)} {verb} started again")
    return again


def smoke() -> None:
    expected = [["b"], ["a", "b", "c"], ["b", "c"]]
    for strategy, again in zip(STRATEGIES, expected, strict=True):
        with build(strategy) as top:
            assert show(top, strategy, "b") == again
            print(tree(top))
    top = build("rest_for_one")
    while top.is_alive():
        show(top, "rest_for_one", "b")


def laboratory() -> None:
    strategy = STRATEGIES[0]
    top = build(strategy)
    while True:
        print(tree(top))
        buttons = ", ".join(f"{n} {each}" for n, each in enumerate(STRATEGIES, 1))
        match input(f"crash a, b or c; {buttons}; q to end: ").strip():
            case "a" | "b" | "c" as name if show(top, strategy, name):
                continue
            case "1" | "2" | "3" as number:
                strategy = STRATEGIES[int(number) - 1]
            case "q":
                break
        top.stop()
        top = build(strategy)
    top.stop()


if __name__ == "__main__":
    if "--smoke" in sys.argv:
        smoke()
    else:
        # Ctrl-C and Ctrl-D end it as q does.
        with suppress(KeyboardInterrupt, EOFError):
            laboratory()
