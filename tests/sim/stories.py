"""A5: replaying a monitor's events gives the view at every turn, and is legal."""

from collections.abc import Iterator

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

    def fold(self) -> Iterator[str]:
        """Take up the news; yield what is wrong with it."""
        news, self.news = self.news, []
        for event in news:
            if event.type in (EventType.REGISTERED, EventType.UNREGISTERED):
                yield from self._fold_claim(event)
            else:
                yield from self._fold_member(event)

    def _fold_claim(self, event: Event) -> Iterator[str]:
        key, ref = event.key, event.ref
        old = self.registry.pop(key, None)
        if event.type is EventType.UNREGISTERED:
            if old is None or old[0] != ref:
                yield f"{key} unregistered but held by {old}"
            if event.reason is None:
                yield f"{key} unregistered without a reason"
            return
        if old is not None and old[0] != ref:
            yield f"{key} registered over a live owner"
        before = event.previous_meta
        if (before and before["meta"]) != (old and old[1]):
            yield f"{key} previous_meta {before}, was {old!r}"
        self.registry[key] = (ref, meta_of(event))

    def _fold_member(self, event: Event) -> Iterator[str]:
        at = (event.key, event.ref)
        old = self.members.pop(at, None)
        if event.type is EventType.JOINED:
            self.members[at] = meta_of(event)
            before = event.previous_meta
            if (before and before["meta"]) != old:
                yield f"{at} previous_meta {before}, was {old!r}"
        elif old is None:
            yield f"{event.key} left without having joined"
        elif event.reason is None:
            yield f"{event.key} left without a reason"

    def compare(self, view: View) -> Iterator[str]:
        """Yield in what the story differs from the view."""
        if self.registry != shown_claims(view):
            yield "the registry's story is not the view"
        if self.members != shown_members(view):
            yield "the members' story is not the view"


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

    def check(self, views: dict[str, View], *, thoroughly: bool) -> Iterator[str]:
        """Take up all news, and compare with the views where there were any."""
        self.news = False
        for cluster, story in self._stories.items():
            if story.paused or not (story.news or thoroughly):
                continue
            for words in (*story.fold(), *story.compare(views.get(cluster) or View())):
                yield f"{cluster!r}: {words}"


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
