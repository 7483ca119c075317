"""A5: replaying a monitor's events gives the view at every turn, and is legal."""

from group._core.events import Event, EventType
from group._core.views import View
from tests.sim.profiles import CLUSTERS

Owner = tuple[object, bytes]


class Story:
    """What a monitor of one cluster knows."""

    def __init__(self) -> None:
        self.registry: dict[str, Owner] = {}
        self.members: dict[tuple[str, object], bytes] = {}
        self.news: list[Event] = []
        self.paused = True
        self._folds = {
            EventType.REGISTERED: self._registered,
            EventType.UNREGISTERED: self._unregistered,
            EventType.JOINED: self._joined,
            EventType.LEFT: self._left,
        }

    def fold(self) -> list[str]:
        """Take up the news; return what is wrong with it."""
        news, self.news = self.news, []
        problems: list[str] = []
        for event in news:
            self._folds[event.type](event, problems)
        return problems

    def _registered(self, event: Event, problems: list[str]) -> None:
        key, ref = event.key, event.ref
        old = self.registry.get(key)
        if old is not None and old[0] != ref:
            problems.append(f"{key} registered over a live owner")
        before = event.previous_meta
        if (before and before["meta"]) != (old and old[1]):
            problems.append(f"{key} previous_meta {before}, was {old!r}")
        self.registry[key] = (ref, meta_of(event))

    def _unregistered(self, event: Event, problems: list[str]) -> None:
        old = self.registry.pop(event.key, None)
        if old is None or old[0] != event.ref:
            problems.append(f"{event.key} unregistered but held by {old}")
        if event.reason is None:
            problems.append(f"{event.key} unregistered without a reason")

    def _joined(self, event: Event, problems: list[str]) -> None:
        at = (event.key, event.ref)
        old, before = self.members.get(at), event.previous_meta
        if (before and before["meta"]) != old:
            problems.append(f"{at} previous_meta {before}, was {old!r}")
        self.members[at] = meta_of(event)

    def _left(self, event: Event, problems: list[str]) -> None:
        if self.members.pop((event.key, event.ref), None) is None:
            problems.append(f"{event.key} left without having joined")
        elif event.reason is None:
            problems.append(f"{event.key} left without a reason")

    def compare(self, view: View) -> list[str]:
        """Return in what the story differs from the view."""
        problems: list[str] = []
        if self.registry != shown_claims(view):
            problems.append("the registry's story is not the view")
        if self.members != shown_members(view):
            problems.append("the members' story is not the view")
        return problems


class Stories:
    """The stories of one host, one for each cluster."""

    def __init__(self) -> None:
        self._stories = {cluster: Story() for cluster in CLUSTERS}
        self.news = False

    def clusters(self) -> tuple[str, ...]:
        """Return the clusters that are watched."""
        return tuple(self._stories)

    def pause(self, cluster: str) -> None:
        """Stop a story while its subscriptions are renewed."""
        self._stories[cluster] = Story()

    def begin(self, cluster: str, snapshot: list[Event]) -> None:
        """Begin a story with the rows of this moment."""
        story = self._stories[cluster]
        story.news = snapshot
        story.paused = False

    def add(self, cluster: object, events: tuple[Event, ...]) -> None:
        """Add news."""
        story = self._stories[str(cluster)]
        if not story.paused:
            story.news += events
            self.news = True

    def check(self, views: dict[str, View], *, thoroughly: bool) -> list[str]:
        """Take up all news, and compare with the views where there were any."""
        self.news = False
        problems: list[str] = []
        for cluster, story in self._stories.items():
            if story.paused or not (story.news or thoroughly):
                continue
            found = story.fold() if story.news else []
            found += story.compare(views.get(cluster) or View())
            problems += [f"{cluster!r}: {words}" for words in found]
        return problems


def meta_of(event: Event) -> bytes:
    """Return the meta of an event's row as it was written."""
    meta = event.meta["meta"]
    assert isinstance(meta, bytes)
    return meta


def shown_claims(view: View) -> dict[str, Owner]:
    """Return owner and meta of each key of a view."""
    return {key: ((row.origin, row.n), row.meta) for key, row in view.registry.items()}


def shown_members(view: View) -> dict[tuple[str, object], bytes]:
    """Return the meta of each member of each group of a view."""
    return {
        (key, (row.origin, row.n)): row.meta
        for key, group in view.groups.items()
        for row in group.rows.values()
    }
