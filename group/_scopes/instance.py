"""A started scope underneath: a group of its own kind, with one shard."""

from types import MappingProxyType
from typing import ClassVar

from group._core.events import Entry
from group._core.occurrences import RUNS, read
from group._core.rows import Row
from group._core.scoped import ScopeShard, ScopeTables
from group._core.shard import Shard
from group._core.tables import Tables
from group._group import Group
from group._instance import Instance
from group._scopes.reads import Storage


class ScopeInstance(Instance):
    """The parts of a started scope."""

    kind: ClassVar[str] = "scope"
    tables_class: ClassVar[type[Tables]] = ScopeTables
    shard_class: ClassVar[type[Shard]] = ScopeShard
    storage: ClassVar[Storage] = "patterns"

    def params(self) -> dict[str, str | int]:
        """Return what must be equal on all nodes that run this scope."""
        return {**super().params(), "storage": self.storage}

    def realise(self, row: Row) -> Entry:
        """Make what readers get of a row: the actor, and its occurrences."""
        ref = self.node.ref(row.origin, row.n, row.cls)
        return Entry(ref, MappingProxyType({RUNS: read(row)}))


class PlainInstance(ScopeInstance):
    """The parts of a scope in which no name is a pattern."""

    storage: ClassVar[Storage] = "plain"


class ScopeGroup(Group):
    """The life of a scope: its node, its tree, its links."""

    instance_class: ClassVar[type[Instance]] = ScopeInstance

    @property
    def instance(self) -> Instance:
        """What all parts share."""
        return self._instance


class PlainGroup(ScopeGroup):
    """The same without patterns."""

    instance_class: ClassVar[type[Instance]] = PlainInstance
