"""Commands that look inside a running node: as a hidden node that asks one actor."""

import sys
from argparse import Namespace

from actors import AnyRef, is_ref
from group._cli.errors import FAILED
from group._cli.look import Look, looking
from group._cli.paper import Paper, printable
from group._cli.views import VIEWS, busiest
from group._cli.watching import watch

_MS = 1000


def inspect(options: Namespace, paper: Paper) -> int:
    """Ask a node, write its answer, and return the exit status.

    Raises:
        CommandError: Nothing answers there, or not to this question.
        ConfigError: The address cannot be one.
        NodeDownError: The node has gone.
    """
    with looking(options) as look:
        match options.command:
            case "ping":
                return _ping(look, options, paper)
            case "watch":
                return watch(look, options, paper)
            case "status":
                kind, text, data = look.ask_actor(_surveyor(look), "status")
            case _:
                argument = getattr(options, "argument", None)
                cluster = getattr(options, "cluster", None)
                kind, text, data = look.ask(options.command, argument, cluster)
        look.progress.finish()
        rest = 0
        if options.command == "actors":
            rows = busiest(options, data)
            data = rows[: options.limit or None]
            rest = len(rows) - len(data)
        if options.json:
            paper.data(data)
        elif kind == "nothing" and options.command != "explain":
            # Not among the rows, which may go to a program.
            _remark(options, text)
        else:
            VIEWS.get(options.command, _as_told)(paper, options, text, data)
        if rest:
            _remark(options, f"{rest} more; --limit 0 shows all")
        return 0 if kind == "found" else FAILED


def _surveyor(look: Look) -> AnyRef:
    """Return the actor that asks the other nodes, too, before it answers."""
    _, _, ref = look.ask("survey")
    assert is_ref(ref)
    return ref


def _remark(options: Namespace, text: str) -> None:
    """Say something about the answer that is not part of it."""
    Paper(sys.stderr).line(f"groupctl {options.command}: {printable(text)}")


def _as_told(paper: Paper, options: Namespace, text: str, data: object) -> None:
    del options, data
    if text:
        paper.lines(text)


def _ping(look: Look, options: Namespace, paper: Paper) -> int:
    rtt = look.ping()
    look.progress.finish()
    if options.json:
        paper.data({"node": look.target, "rtt": rtt})
    else:
        paper.line(f"{look.target} at {options.node} answered in {rtt * _MS:.1f} ms")
    return 0
