"""What `groupctl` is told: each question has one function that reads the answer.

Answers are plain data and words, so that the two programs need no common class.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias

from actors import AnyRef, Branch, actor_id, census, class_name, tree
from group._core.config import LogLevel
from group._core.events import Entry, Event
from group._errors import InvalidKeyError
from group._instance import Instance
from group._looking.status import plain
from group._verbs.operating import Operating
from transport import Node

Answer: TypeAlias = tuple[Literal["found", "nothing", "wrong"], str, object]
"""Whether there is something, how people read it, and the same for programs."""
Argument: TypeAlias = str | None

# The packages of this library; every node has some twenty actors of them.
_OURS = frozenset({"actors", "transport", "group"})

LEVELS: dict[str, LogLevel] = {"info": "info", "verbose": "verbose", "off": False}


class Answers:
    """Reads one group on this node; only `log-level` changes something. Any thread."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._node = instance.node
        self._group = Operating(instance)
        self._words: dict[str, Callable[[Argument, Argument], Answer]] = {
            "status": lambda _argument, _cluster: self.status(),
            "nodes": lambda _argument, _cluster: self._nodes(),
            "clusters": lambda _argument, _cluster: self._clusters(),
            "tree": lambda _argument, _cluster: self._tree(),
            "actors": lambda _argument, _cluster: _actors(),
            "vitals": lambda _argument, _cluster: _vitals(),
            "log-level": lambda level, _cluster: self._log_level(level),
            "keys": self._keys,
            "members": self._members,
            "lookup": self._lookup,
            "explain": self._explain,
        }

    def give(self, question: str, argument: Argument, cluster: Argument) -> Answer:
        """Answer one question.

        Raises:
            GroupError: Something is wrong with its argument or the cluster.
        """
        answer = self._words.get(question)
        if answer is None:
            return strange(question)
        return answer(argument, cluster)

    def status(self, actors: Mapping[str, int] | None = None) -> Answer:
        """Tell how the group is.

        Args:
            actors: How many actors live on other nodes, by node, where that is known.
        """
        status = self._group.status().counting_actors(actors or {})
        return "found", str(status), status.to_dict()

    # About the node

    def _nodes(self) -> Answer:
        names = sorted([self._node.name, *self._instance.directory.nodes(None)])
        return "found", "\n".join(names), names

    def _clusters(self) -> Answer:
        rows: dict[str, dict[str, object]] = {}
        for row in self._group.status().clusters:
            rows[row.cluster or ""] = {
                "cluster": row.cluster,
                "here": True,
                "nodes": list(row.nodes),
                "keys": row.keys,
                "members": row.members,
                "ttl_left": row.ttl_left,
            }
        peers = self._instance.store.directory.peers.copy()
        for name in sorted(
            {name for p in peers.values() for name in p.interest.copy()}
        ):
            if name not in rows:
                rows[name] = {
                    "cluster": name,
                    "here": False,
                    "nodes": self._instance.directory.nodes(name),
                    "keys": None,
                    "members": None,
                    "ttl_left": None,
                }
        return "found", "", [rows[name] for name in sorted(rows)]

    def _tree(self) -> Answer:
        picture = tree()
        return "found", str(picture), picture.to_dict()

    def _log_level(self, level: Argument) -> Answer:
        if level is not None:
            if level not in LEVELS:
                return (
                    "wrong",
                    f"no such level: {level!r}; say {', '.join(LEVELS)}",
                    None,
                )
            self._group.log_level(LEVELS[level])
        now = self._instance.log.level or "off"
        data = {"node": self._node.name, "level": now}
        return "found", f"{self._node.name} logs {now}", data

    # About keys

    def _keys(self, prefix: Argument, cluster: Argument) -> Answer:
        keys = self._group.keys(prefix, cluster=cluster)
        under = "" if prefix is None else f" under {prefix!r}"
        hint = "" if keys or prefix is None else self._below(prefix, cluster)
        return _list(keys, f"there is no key{under}{_in(cluster)}{hint}")

    def _below(self, word: str, cluster: Argument) -> str:
        """Tell somebody who has left out the slash of a prefix."""
        prefix = f"{word}/"
        with suppress(InvalidKeyError):
            if self._group.keys(prefix, cluster=cluster):
                return f"; there are some under {prefix!r}"
        return ""

    def _members(self, key: Argument, cluster: Argument) -> Answer:
        found = self._group.members(key or "", cluster=cluster)
        rows = [row_of(self._node, entry) for entry in found]
        return _list(rows, f"{key!r} has no member{_in(cluster)}")

    def _lookup(self, key: Argument, cluster: Argument) -> Answer:
        entry = self._group.lookup(key or "", cluster=cluster)
        if entry is None:
            return "nothing", f"nobody has registered {key!r}{_in(cluster)}", None
        return "found", "", row_of(self._node, entry)

    def _explain(self, key: Argument, cluster: Argument) -> Answer:
        explained = self._group.explain(key or "", cluster=cluster)
        found = explained.claims or explained.members
        return "found" if found else "nothing", str(explained), explained.to_dict()


def strange(question: object) -> Answer:
    """Say that this is no question, as a newer program may ask one."""
    return "wrong", f"this node cannot answer {question!r:.80}", None


def row_of(node: Node, entry: Entry) -> dict[str, object]:
    """Describe an owner or a member."""
    return {**_actor(node, entry.ref), "meta": plain(entry.meta)}


def row_of_event(node: Node, event: Event) -> dict[str, object]:
    """Describe an event."""
    return {
        "type": event.type.value,
        "cluster": event.cluster,
        "key": event.key,
        **_actor(node, event.ref),
        "meta": plain(event.meta),
        "previous_meta": plain(event.previous_meta),
        "reason": None if event.reason is None else str(event.reason),
    }


def _actor(node: Node, ref: AnyRef) -> dict[str, object]:
    life, number = node.address_of(ref)
    return {"actor": class_name(ref), "node": life.name, "id": number}


def _in(cluster: Argument) -> str:
    return "" if cluster is None else f" in cluster {cluster!r}"


def _list(rows: Sequence[object], nothing: str) -> Answer:
    if not rows:
        return "nothing", nothing, []
    return "found", "", list(rows)


def _vitals() -> Answer:
    return "found", "", {"actors": len(census().actors)}


def _actors() -> Answer:
    supervised: dict[int, dict[str, object]] = {}
    for root in tree().roots:
        _note_children(root, (str(root.id),), supervised)
    nobody = {"supervisor": None, "child": None, "restarts": 0}
    rows = [
        {
            "id": each.id,
            "class": each.class_name,
            "own": _is_ours(each.ref),
            "mailbox": each.mailbox,
            **supervised.get(each.id, nobody),
        }
        for each in census().actors
    ]
    return "found", "", rows


def _is_ours(ref: AnyRef) -> bool:
    """Tell whether an actor's class is of this library, and not the user's."""
    return ref.actor_class.__module__.partition(".")[0] in _OURS


def _note_children(
    branch: Branch, path: tuple[str, ...], found: dict[int, dict[str, object]]
) -> None:
    for child in branch.children:
        if child.ref is not None:
            found[actor_id(child.ref)] = {
                "supervisor": "/".join(path),
                "child": _plain_id(child.id),
                "restarts": child.restarts,
            }
        _note_children(child, (*path, str(child.id)), found)


def _plain_id(child: Hashable) -> str | int:
    return child if isinstance(child, str | int) else str(child)
