"""What a node itself contributes to its operations server."""

from typing import Protocol

from transport._http import numbers
from transport._http.pages import Pages


class Vital(numbers.Links, Protocol):
    """What is asked of a node's engine."""

    def alive(self) -> str | None:
        """Say what is wrong when its threads work no more."""

    def ready(self) -> str | None:
        """Say why it should not be sent work yet."""


def add_vital_signs(pages: Pages, engine: Vital) -> None:
    """Let the probes and the numbers speak of this node."""
    pages.add_check("alive", "node", engine.alive)
    pages.add_check("ready", "node", engine.ready)
    pages.add_metrics(lambda: numbers.of_node(engine))
    pages.add_metrics(numbers.of_actors)
