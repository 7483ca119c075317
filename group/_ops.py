"""The actor that `groupctl` asks: it reads, and changes nothing.

Questions and answers are plain tuples, so that the two programs need no common class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal

from actors import Actor, ActorError, class_name, is_ref, register_name, tree
from group._core.events import Entry
from group._errors import GroupError
from group._instance import Instance
from group._operating import Operating

Answer = tuple[Literal["found", "nothing", "wrong"], str, object]
"""Whether there is something, how people read it, and the same for programs."""


def ops_name(group: str, node: str) -> str:
    """Return the name under which a group's operations actor is registered."""
    return f"{group}/ops@{node}"


class Operations(Actor):
    """Answers "status", "nodes", "tree", and about keys "keys", "members", "lookup".

    A question is a tuple of such a word and, where there is one, its argument.
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._kind = instance.kind
        self._node = instance.node
        self._name = ops_name(instance.config.name, instance.node.name)
        self._group = Operating(instance)
        self._directory = instance.directory

    def on_start(self) -> None:
        """Take the name, unless another node of this name, here, has it."""
        if self._kind != "group":
            # A scope of the same name as a group leaves it to that.
            return
        with suppress(ActorError):
            register_name(self._name, self.actor_ref)

    def on_receive(self, message: object) -> object:
        """Answer a question; what is wrong with it is an answer too."""
        try:
            match message:
                case (str() as what,):
                    return self._about_the_node(what)
                case (str() as what, (str() | None) as key):
                    return self._about_keys(what, key)
                case _:
                    return _strange(message)
        except GroupError as error:
            return "wrong", str(error), None

    def _about_the_node(self, what: str) -> Answer:
        match what:
            case "status":
                status = self._group.status()
                return "found", str(status), status.to_dict()
            case "nodes":
                names = sorted([self._node.name, *self._directory.nodes(None)])
                return "found", "\n".join(names), names
            case "tree":
                picture = tree()
                return "found", str(picture), picture.to_dict()
            case _:
                return _strange(what)

    def _about_keys(self, what: str, key: str | None) -> Answer:
        match what, key:
            case "keys", _:
                keys = self._group.keys(key)
                return _list(keys, keys)
            case "members", str():
                rows = [self._row(entry) for entry in self._group.members(key)]
                return _list([_line(row) for row in rows], rows)
            case "lookup", str():
                return self._lookup(key)
            case _:
                return _strange(what)

    def _lookup(self, key: str) -> Answer:
        entry = self._group.lookup(key)
        if entry is None:
            return "nothing", f"nobody has registered {key!r}", None
        row = self._row(entry)
        return "found", _line(row), row

    def _row(self, entry: Entry) -> dict[str, object]:
        node, number = self._node.address_of(entry.ref)
        return {
            "actor": class_name(entry.ref),
            "node": node.name,
            "id": number,
            "meta": _plain(entry.meta),
        }


def _strange(question: object) -> Answer:
    return "wrong", f"this node cannot answer {question!r:.80}", None


def _list(lines: Sequence[str], rows: object) -> Answer:
    return "found" if lines else "nothing", "\n".join(lines), rows


def _line(row: Mapping[str, object]) -> str:
    return f"{row['actor']} {row['id']} on {row['node']}  {row['meta']}"


def _plain(value: object) -> object:
    """Return what JSON can hold: refs and bytes as words."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes) or is_ref(value):
        return str(value)
    return value
