"""Who is told: subscribers by cluster and pattern, for one shard."""

from collections.abc import Hashable

from group._core.keys import ALL, Pattern, prefixes_of


class Subscriptions:
    """An event finds its subscribers by its key and the prefixes of that key.

    Attributes:
        clusters: Who subscribes to which pattern of each; empty when nobody does.
    """

    __slots__ = ("clusters",)

    def __init__(self) -> None:
        self.clusters: dict[str, dict[Pattern, dict[Hashable, None]]] = {}

    def add(self, subscriber: Hashable, cluster: str, pattern: Pattern) -> None:
        """Subscribe; a second time changes nothing."""
        patterns = self.clusters.setdefault(cluster, {})
        patterns.setdefault(pattern, {})[subscriber] = None

    def remove(
        self, subscriber: Hashable, cluster: str, pattern: Pattern | None
    ) -> None:
        """Unsubscribe from one pattern, or, with None, from every pattern anywhere."""
        if pattern is not None:
            self._discard(subscriber, cluster, pattern)
            return
        for name, patterns in list(self.clusters.items()):
            for each in list(patterns):
                self._discard(subscriber, name, each)

    def _discard(self, subscriber: Hashable, cluster: str, pattern: Pattern) -> None:
        patterns = self.clusters.get(cluster, {})
        subscribers = patterns.get(pattern)
        if subscribers is None:
            return
        subscribers.pop(subscriber, None)
        if not subscribers:
            del patterns[pattern]
            if not patterns:
                del self.clusters[cluster]

    def __bool__(self) -> bool:
        """Tell whether anybody is interested in anything."""
        return bool(self.clusters)

    def any(self, cluster: str) -> bool:
        """Tell whether anybody is interested in this cluster."""
        return cluster in self.clusters

    def matching(self, cluster: str, key: str) -> list[Hashable]:
        """Return each subscriber that an event of this key concerns, once."""
        patterns = self.clusters.get(cluster)
        if patterns is None:
            return []
        found: dict[Hashable, None] = {}
        for pattern in (ALL, key, *prefixes_of(key)):
            if pattern in patterns:
                found.update(patterns[pattern])
        return list(found)
