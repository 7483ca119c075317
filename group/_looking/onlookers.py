"""What dashboards ask: pages of the registry, one key in detail, and live events."""

from __future__ import annotations

from collections.abc import Mapping

from actors import AnyRef, Down
from group._instance import Instance
from group._looking.answers import Answer, strange
from group._looking.browse import Browsing, wanted_of
from group._looking.feeds import FLUSH, Feeds, feed_options
from transport import NodeLost, NodeUp


class Onlookers:
    """Answers them, in the turns of one actor alone.

    Args:
        instance: The group.
        me: The actor, which is told of nodes and of the deaths of those who look on.
    """

    def __init__(self, instance: Instance, me: AnyRef) -> None:
        self._group = Browsing(instance)
        self._feeds = Feeds(instance, me)

    def answer(self, what: str, options: Mapping[str, object]) -> Answer:
        """Answer a question.

        Raises:
            GroupError: Something is wrong with it.
        """
        match what, options.get("key"):
            case "page", _:
                return "found", "", self._group.browse(wanted_of(options))
            case "key", str() as key:
                cluster = options.get("cluster")
                place = cluster if isinstance(cluster, str) else None
                return "found", "", self._group.detail(key, place)
            case "watch", _:
                self._feeds.add(*feed_options(options))
                return "found", "", None
            case _:
                return strange(what)

    def hear(self, message: object) -> bool:
        """Tell whether a message was meant for those who look on."""
        match message:
            case Down(_, ref, _):
                return self._feeds.remove(ref)
            case NodeUp() | NodeLost():
                self._feeds.node_changed(message)
            case _ if message == FLUSH:
                self._feeds.flush()
            case _:
                return False
        return True

    def close(self) -> None:
        """Nobody looks on any more."""
        self._feeds.close()
