"""What must hold after a run, whatever was hurt in it."""

from __future__ import annotations

from collections.abc import Iterator

from actors import AnyRef, Branch, tree
from group import Group
from tests.injection.model import Rows, difference, rows_of
from tests.injection.points import Point
from tests.injection.tables import untidy
from tests.injection.world import DEADLINE, ViolationError, World

PROBES = ("user/probe", "room/probe", "probe/3")
LATE_TTL = 0.02


def check(w: World, point: Point | None) -> None:
    """Check everything.

    Raises:
        ViolationError: Something is wrong.
    """
    if w.a._instance.stopped.is_set():
        raise ViolationError("the group has given up")
    _agree(w)
    _probe(w)
    _agree(w)
    w.until(lambda: not _unheard(w), f"dispatched messages are heard {_unheard(w)}")
    w.call(lambda: w.a.connect("late", ttl=LATE_TTL, timeout=DEADLINE))
    w.until(lambda: not w.a.connected("late"), "leases are judged")
    w.until(lambda: _is_whole(w.a), "the tree is whole")
    _raise(_restarts(w.a, point))
    _deaths(w)
    _agree(w)


def _raise(problems: Iterator[str]) -> None:
    words = list(problems)
    if words:
        raise ViolationError("; ".join(words))


def _agree(w: World) -> None:
    """Both sides show what callers were told, and every watcher knows it."""
    w.settle(w.a)
    w.settle(w.b)
    _raise(_unlike_model(w))
    w.until(
        lambda: not any("watcher b" in words for words in w.untrue_stories()),
        f"the peer's watchers know {list(w.untrue_stories())}",
    )
    _raise(w.untrue_stories())
    # A shard that is just being replaced has the rows, and asks for their position.
    w.until(w.is_in_step, "each has exactly what the other has")
    for index in range(len(w.a._instance.runners)):
        _raise(untidy(w.a._instance.store.tables[index]))


def _unlike_model(w: World) -> Iterator[str]:
    for side in (w.a, w.b):
        for cluster in (None, "red", "lent", "brief", "late"):
            wanted: Rows = {}
            if cluster is None or side.connected(cluster):
                wanted = {
                    at: meta
                    for at, meta in w.model.rows.items()
                    if at.cluster == cluster and _reaches(w, side, at.ref, cluster)
                }
            words = difference(rows_of(side, cluster), wanted)
            if words:
                yield f"{side.node.name} {words}"
            words = difference(
                rows_of(side, cluster, local=True),
                {at: row for at, row in wanted.items() if at.ref in w.refs_of(side)},
            )
            if words:
                yield f"{side.node.name} among its own {words}"


def _reaches(w: World, side: Group, ref: AnyRef, cluster: str | None) -> bool:
    """Tell whether a row can be seen on a side: both nodes are in the cluster."""
    home = w.a if ref in w.refs_of(w.a) else w.b
    return home is side or cluster is None or home.connected(cluster)


def _probe(w: World) -> None:
    """Everybody who watches hears of what happens next."""
    for number, key in enumerate(PROBES):
        w.register("a1", key, {"probe": number})
        w.join("b1", key, {"probe": number})
    if w.a.connected("red"):
        w.register("a2", "red/probe", {}, "red")


def _unheard(w: World) -> list[str]:
    return [
        f"{ref} heard {heard}, was sent {sent}"
        for ref, sent in w.sent.items()
        if ref.is_alive() and not _as_sent(w, ref, (heard := _heard(ref)), sent)
    ]


def _as_sent(w: World, ref: AnyRef, heard: list[object], sent: list[object]) -> bool:
    """Tell whether all was heard, but for what was lost with a link that ended."""
    if heard == sent or not w.relinked:
        return heard == sent
    return heard == [each for each in sent if (ref, each) not in w.crossing]


def _heard(ref: AnyRef) -> list[object]:
    heard: list[object] = ref.proxy().heard.get(timeout=DEADLINE)
    return heard


def _deaths(w: World) -> None:
    """Every owner is watched: its end takes its rows away, on both sides."""
    for name in ("a1", "a2", "a6", "b1"):
        ref = w.actors.get(name)
        if ref is not None:
            ref.stop(timeout=DEADLINE)
            w.model.died(ref)
    w.until(
        lambda: not list(_unlike_model(w)),
        f"the rows of the dead go {list(_unlike_model(w))}",
    )


def branches(group: Group) -> dict[str, Branch]:
    """Return the actors below a group's root, as the points name them."""
    (root,) = tree(group.tree).roots
    found: dict[str, Branch] = {}
    for branch in root.children:
        found[str(branch.id)] = branch
        for below in branch.children:
            found[f"shard{below.id}"] = below
    return found


def _is_whole(group: Group) -> bool:
    return all(
        branch.state == "running" and branch.ref is not None and branch.ref.is_alive()
        for branch in branches(group).values()
    ) and all(runner.running for runner in group._instance.runners)


def _restarts(group: Group, point: Point | None) -> Iterator[str]:
    """Whoever was hurt was restarted once, and nobody that does not depend on it."""
    found = {name: branch.restarts for name, branch in branches(group).items()}
    if point is None and any(found.values()):
        yield f"restarts {found} though nobody was hurt"
    if point is None or not point.is_between_steps:
        return
    if found[point.what] != 1:
        yield f"{point.what} was restarted {found[point.what]} times: {found}"
    order = ("data", "shards", "monitors", "leases", "ops")
    top = "shards" if point.what.startswith("shard") else point.what
    for name in order[: order.index(top)]:
        if found[name]:
            yield f"{name} was restarted {found[name]} times: {found}"
