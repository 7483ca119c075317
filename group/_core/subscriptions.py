"""Who is told: subscribers by cluster and pattern, for one shard."""

from collections.abc import Hashable, Mapping

from group._core.keys import ALL, Pattern, is_prefix, prefixes_of

Subscribers = dict[Hashable, None]


class _Interest:
    """Who subscribes to what in one cluster: to everything, to keys, to prefixes."""

    __slots__ = ("all", "keys", "prefixes")

    def __init__(self) -> None:
        self.all: dict[Pattern, Subscribers] = {}
        self.keys: dict[Pattern, Subscribers] = {}
        self.prefixes: dict[Pattern, Subscribers] = {}

    def of(self, pattern: Pattern) -> dict[Pattern, Subscribers]:
        """Return where a pattern is kept."""
        if pattern is ALL:
            return self.all
        return self.prefixes if is_prefix(pattern) else self.keys

    def __bool__(self) -> bool:
        return bool(self.all or self.keys or self.prefixes)


class Subscriptions:
    """An event finds its subscribers by its key and the prefixes of that key.

    Attributes:
        clusters: Who subscribes to what in each; empty when nobody does.
    """

    __slots__ = ("clusters",)

    def __init__(self) -> None:
        self.clusters: dict[str, _Interest] = {}

    def add(self, subscriber: Hashable, cluster: str, pattern: Pattern) -> None:
        """Subscribe; a second time changes nothing."""
        interest = self.clusters.get(cluster)
        if interest is None:
            interest = self.clusters[cluster] = _Interest()
        interest.of(pattern).setdefault(pattern, {})[subscriber] = None

    def remove(
        self, subscriber: Hashable, cluster: str, pattern: Pattern | None
    ) -> None:
        """Unsubscribe from one pattern, or, with None, from every pattern anywhere."""
        if pattern is not None:
            self._discard(subscriber, cluster, pattern)
            return
        for name, interest in list(self.clusters.items()):
            for each in [*interest.all, *interest.keys, *interest.prefixes]:
                self._discard(subscriber, name, each)

    def _discard(self, subscriber: Hashable, cluster: str, pattern: Pattern) -> None:
        interest = self.clusters.get(cluster)
        if interest is None:
            return
        patterns = interest.of(pattern)
        subscribers = patterns.get(pattern)
        if subscribers is None:
            return
        subscribers.pop(subscriber, None)
        if not subscribers:
            del patterns[pattern]
            if not interest:
                del self.clusters[cluster]

    def __bool__(self) -> bool:
        """Tell whether anybody is interested in anything."""
        return bool(self.clusters)

    def any(self, cluster: str) -> bool:
        """Tell whether anybody is interested in this cluster."""
        return cluster in self.clusters

    def matching(self, cluster: str, key: str) -> Mapping[Hashable, None]:
        """Return each subscriber that an event of this key concerns, once.

        The same object for all keys of a cluster in which no more than `ALL` is
        subscribed to, and for the usual others no new one: not to be changed or kept.
        """
        interest = self.clusters.get(cluster)
        if interest is None:
            return _NOBODY
        found = interest.all.get(ALL, _NOBODY)
        if interest.keys:
            found = _both(found, interest.keys.get(key, _NOBODY))
        if interest.prefixes:
            for prefix in prefixes_of(key):
                found = _both(found, interest.prefixes.get(prefix, _NOBODY))
        return found


_NOBODY: Subscribers = {}


def _both(some: Subscribers, others: Subscribers) -> Subscribers:
    if not others:
        return some
    return {**some, **others} if some else others
