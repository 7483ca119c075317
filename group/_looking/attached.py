"""What a group adds to the operations server of its node, as long as it runs."""

from __future__ import annotations

from actors import Cancel
from group._dashboard.page import Dashboard
from group._instance import Instance
from group._looking.numbers import Numbers, of_messages


class Attached:
    """The page, the numbers and the checks of one group. Any thread."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._synced = False
        self._numbers = Numbers(instance)
        self._shown: list[Cancel] = []
        self._checks: list[Cancel] = []
        self._gave_up = False

    def begin(self) -> None:
        """Show them. A scope has numbers and checks, but no page."""
        instance = self._instance
        pages = instance.node.pages
        self._check()
        self._shown = [pages.add_metrics(self._numbers)]
        if instance.kind == "group":
            dashboard = Dashboard.local(instance.node)
            self._shown += [
                pages.add("/", dashboard.answer),
                pages.add_metrics(of_messages),
            ]

    def _check(self) -> None:
        pages = self._instance.node.pages
        name = f"{self._instance.kind} {self._instance.config.name}"
        self._checks = [
            pages.add_check("alive", name, self._alive),
            pages.add_check("ready", name, self._ready),
        ]

    def give_up(self) -> None:
        """The group has ended, and should not have: the node is no more alive.

        Until this group is ended, or another one of its name begins.
        """
        self._gave_up = True
        self._check()

    def end(self) -> None:
        """The group is stopped."""
        self._take_back(self._shown)
        self._take_back(self._checks)
        self._numbers.end()

    def _take_back(self, shown: list[Cancel]) -> None:
        while shown:
            shown.pop()()

    def _alive(self) -> str | None:
        return "its actors kept crashing" if self._gave_up else None

    def _ready(self) -> str | None:
        """Say whose rows may be missing, until none was for the first time.

        Later peers come and go, and a node that serves is not to be taken out of
        service each time.
        """
        if self._gave_up:
            return "its actors kept crashing"
        if not self._synced:
            missing = {
                name for each in self._instance.runners for name in each.unsynced
            }
            if missing:
                return f"not yet in sync with {len(missing)}"
            self._synced = True
        return None
