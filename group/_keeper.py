"""A group as a child of a supervisor."""

from collections.abc import Callable, Mapping

from actors import Actor, ChildSpec, child, link, on_down
from group._group import STOP_TIMEOUT, Group


def child_spec(name: str, **options: object) -> ChildSpec:
    """Return the spec of a child that runs a group, for a supervisor of yours.

    Args:
        name: The group's name.
        **options: As `Group.start`, `node=` included.
    """
    return child(
        GroupKeeper, name, dict(options), id=("group", name), shutdown=2 * STOP_TIMEOUT
    )


class GroupKeeper(Actor):
    """An actor whose life is that of a group: supervise it to keep a group running."""

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__()
        self._name = name
        self._options = options

    def on_start(self) -> None:
        """Start the group."""
        start: Callable[..., Group] = Group.start
        self._group = start(self._name, **self._options)
        link(self._group.tree)
        # Its supervisor may start the group again before the old tree has ended.
        on_down(self.actor_ref, self._killed)

    def on_stop(self) -> None:
        """Stop the group."""
        self._group.stop()

    def _killed(self, _reason: object) -> None:
        self._group.abandon()
