"""`groupctl watch`: events of a group, as they happen."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from actors import Down, Mailbox, NodeDown, Timeout, is_ref, mailbox, monitor
from group._cli.errors import FAILED, CommandError
from group._cli.look import Look
from group._cli.paper import Colour, Paper, printable
from group._clock import monotonic, timestamp

Row = Mapping[str, Any]

_SIGNS: dict[str, tuple[str, Colour]] = {
    "registered": ("+", "green"),
    "joined": ("+", "green"),
    "unregistered": ("-", "red"),
    "left": ("-", "red"),
}


def watch(look: Look, options: Namespace, paper: Paper) -> int:
    """Write events until Ctrl-C, --count or --for; return the exit status.

    Raises:
        CommandError: The pattern is wrong, or the node is gone.
    """
    with mailbox() as me:
        told = _Told(me, look.target, options, paper)
        pattern, cluster = options.argument, options.cluster
        _, _, relay = look.ask("watch", pattern, cluster, options.snapshot, me.ref)
        if is_ref(relay):
            monitor(relay)
        look.progress.finish()
        _begin(look.target, options)
        try:
            told.until_enough()
        except KeyboardInterrupt:
            # The way in which a watch is meant to end.
            return 0
    return 0


def _begin(target: str, options: Namespace) -> None:
    """Say to somebody who waits that there is something to wait for."""
    screen = Paper(sys.stderr)
    if screen.is_terminal and not options.json:
        what = "everything" if options.argument is None else repr(options.argument)
        words = f"watching {what} on {target}; Ctrl-C ends it"
        screen.line(screen.paint(words, "dim"))


class _Told:
    """Takes what the node tells, in order, and writes it."""

    def __init__(
        self, me: Mailbox, target: str, options: Namespace, paper: Paper
    ) -> None:
        self._me = me
        self._target = target
        self._options = options
        self._paper = paper
        self._left: int | None = options.count
        self._heard = 0
        self._end = None
        if options.duration is not None:
            self._end = monotonic() + options.duration

    def until_enough(self) -> None:
        """Go on until as many events, or seconds, as were asked for have passed."""
        while self._left is None or self._left > 0:
            left = None if self._end is None else max(0.0, self._end - monotonic())
            try:
                self._take(self._me.receive(left))
            except Timeout:
                return

    def _take(self, message: object) -> None:
        match message:
            case ("events", int(number), list(rows)):
                self._follow(number)
                for row in rows:
                    self._event(row)
            case ("missed", int(number), int(missed)):
                self._follow(number)
                self._missed(missed)
            case Down(_, _, NodeDown(node, cause)):
                raise CommandError(f"node {node} is down: {cause}", status=FAILED)
            case Down():
                words = f"the group has stopped on node {self._target}"
                raise CommandError(words, status=FAILED)
            case _:
                pass

    def _follow(self, number: int) -> None:
        """Notice what was lost on the way: the node numbers what it sends."""
        lost, self._heard = number - self._heard - 1, number
        if lost > 0:
            self._missed(None)

    def _missed(self, how_many: int | None) -> None:
        if self._options.json:
            self._paper.data({"type": "missed", "count": how_many})
            return
        words = "! some events were lost on the way"
        if how_many is not None:
            words = f"! {how_many} events were missed; here is what there is now:"
        self._paper.line(self._paper.paint(words, "yellow"))

    def _event(self, row: Row) -> None:
        if self._left is not None:
            if self._left == 0:
                return
            self._left -= 1
        if self._options.json:
            self._paper.data({"at": timestamp(), **row})
            return
        self._paper.line(self._sentence(row))

    def _sentence(self, row: Row) -> str:
        sign, colour = _SIGNS.get(row["type"], ("?", "yellow"))
        clock = self._paper.paint(timestamp()[11:23], "dim")
        what = self._paper.paint(f"{sign} {row['type']:<12}", colour)
        words = f"{row['key']}  {row['actor']} {row['id']} on {row['node']}"
        if row["cluster"] is not None:
            words += f" in {row['cluster']}"
        if row["reason"] is not None:
            words += f"  because {str(row['reason']).partition(chr(10))[0]}"
        elif row["meta"]:
            words += f"  {json.dumps(row['meta'], ensure_ascii=False)}"
        return f"{clock} {what} {printable(words)}"
