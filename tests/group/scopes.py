"""Started scopes on linked nodes, for the tests of scopes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from group import Scope
from tests.group.people import PATIENCE
from tests.waiting import eventually
from transport import Node


@contextmanager
def scopes(*names: str) -> Iterator[list[Scope]]:
    """Scopes on linked nodes of these names; each sees all others."""
    with ExitStack() as stack:
        started: list[Scope] = []
        for name in names:
            join = [scope.node.address for scope in started]
            node = stack.enter_context(Node.start(name, join=join, grace=1.0))
            started.append(stack.enter_context(Scope.start("jobs", node=node)))

        def met() -> bool:
            return all({*s.nodes(), s.node.name} == set(names) for s in started)

        eventually(met, PATIENCE, what="scopes meet")
        yield started


def settle(*started: Scope) -> None:
    """Wait until each has applied what the others wrote."""
    for scope in started:
        scope.settle(PATIENCE)
