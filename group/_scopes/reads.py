"""Reading a scope: the live one and its snapshots answer alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from random import random
from typing import Literal

from actors import AnyRef
from group._core.choosing import How, Where, check_wish, choose
from group._core.errors import InvalidArgumentError, InvalidKeyError, shown
from group._core.events import Found, FoundOne
from group._core.occurrences import OCCURRENCES, count, newest_first, read
from group._core.patterns import Patterns, has_wildcard
from group._core.rows import Row
from group._core.views import Member, Members
from group._errors import NoProcessError, NoSuchGroupError
from group._instance import Instance
from group._scopes.names import Via

Storage = Literal["patterns", "plain"]


class ScopeReads(ABC):
    """members, pick, counts, names of groups, whereis_name.

    On the caller's thread, without a message and without a lock. A name leads to the
    group of exactly this name, else to the one whose wildcards match it best; a name
    that holds wildcards itself leads nowhere. Only counts and lists of groups go by the
    exact names, those with wildcards too.
    """

    def __init__(self, instance: Instance, storage: Storage) -> None:
        self._instance = instance
        self._storage = storage

    @abstractmethod
    def _groups(self) -> Mapping[str, Members]:
        """Return the groups by their names."""

    @abstractmethod
    def _patterns(self) -> Patterns:
        """Return the names with wildcards."""

    # Members

    def members(
        self, group: str, *, where: Where = "any", exclude: AnyRef | None = None
    ) -> Found:
        """Return the actors of a group from the newest to the oldest occurrence.

        An actor that has joined three times is there three times. All nodes that see
        the same occurrences give them in the same order.

        Args:
            group: A name without wildcards.
            where: Only actors of this node ("local") or of others ("remote").
            exclude: An actor to leave out, however often it is there.

        Raises:
            NoSuchGroupError: The name leads to no group, or nobody there qualifies.
            InvalidKeyError: Not a str.
            InvalidArgumentError: `where` is none of these words.
            StoppedError: The scope is stopped.
        """
        wish = check_wish("random", where, self._address(exclude))
        name, found = self._find(group)
        rows = newest_first(self._some(found, where, wish.exclude))
        if not rows:
            raise NoSuchGroupError(group)
        return Found(name, tuple(self._ref(row) for row in rows))

    def pick(
        self,
        group: str,
        how: How = "closest",
        *,
        where: Where = "any",
        exclude: AnyRef | None = None,
    ) -> FoundOne:
        """Return one actor of a group.

        A random choice is one among occurrences: who has joined three times is three
        times as likely. See `Group.pick` for the words.

        Raises:
            NoSuchGroupError: The name leads to no group.
            NoProcessError: It does, and nobody there qualifies.
            InvalidKeyError: Not a str.
            InvalidArgumentError: `how` or `where` is none of these words.
            StoppedError: The scope is stopped.
        """
        wish = check_wish(how, where, self._address(exclude))
        name, found = self._find(group)
        row = choose(found, wish, self._instance.me, random, OCCURRENCES)
        if row is None:
            raise NoProcessError(group)
        return FoundOne(name, self._ref(row))

    # Counts

    def join_count(self, group: str, actor: AnyRef | None = None) -> int:
        """Return how often an actor, or all together, are in the group of this name."""
        members = self._groups().get(group)
        if members is None:
            return 0
        if actor is None:
            return sum(count(read(row)) for row in members.snapshot())
        address = self._address(actor)
        row = None if address is None else members.rows.get(address)
        return 0 if row is None else count(read(row))

    def which_groups(self, actor: AnyRef | None = None) -> list[str]:
        """Return the names of all groups, or of those that an actor is in, sorted."""
        if actor is None:
            return sorted(self._groups())
        return list(self.which_groups_counts(actor))

    def which_groups_counts(self, actor: AnyRef) -> dict[str, int]:
        """Return how often an actor is in which group, sorted by name.

        It takes a look at every group. The result fits `join_counts`, `leave_counts`.
        """
        address = self._address(actor)
        groups = self._groups()
        found = {}
        for name in sorted(groups):
            members = groups.get(name)
            if members is None or address is None:
                continue
            row = members.rows.get(address)
            if row is not None:
                found[name] = count(read(row))
        return found

    # Names

    def whereis_name(self, via: object) -> AnyRef | None:
        """Return the actor that a via name leads to now; None when there is none.

        A via name is one of these, with a group G and a number N:

        - `G` or `("local", G)`: a random actor of this node.
        - `("global", G)`: the oldest one, on any node.
        - `("local", G, "random")` or `("local", G, "oldest")`: that one of this node.
        - `("global", G, "random")` or `("global", G, "oldest")`: that one of all nodes.
        - `(G, N)` or `("local", G, N)`: None until actors of this node are in G N
          times; then a random one of them.
        - `("global", G, N)`: the same on all nodes.

        Raises:
            InvalidArgumentError: It is no via name.
            StoppedError: The scope is stopped.
        """
        name = Via.of(via)
        where: Where = "local" if name.local else "any"
        try:
            if name.least and self._occurrences(name.group, where) < name.least:
                return None
            return self.pick(name.group, name.how, where=where).ref
        except (NoSuchGroupError, NoProcessError):
            return None

    # Helpers

    def _find(self, name: object) -> tuple[str, Members]:
        """Return the group that a name leads to, and its own name."""
        if not isinstance(name, str):
            raise InvalidKeyError(
                f"the name of a group must be a str, got {shown(name)}", name
            )
        groups = self._groups()
        if self._storage == "plain":
            members = groups.get(name)
            if members is None:
                raise NoSuchGroupError(name)
            return name, members
        members = None if has_wildcard(name) else groups.get(name)
        if members is not None:
            return name, members
        while (pattern := self._patterns().match(name)) is not None:
            members = groups.get(pattern)
            if members is not None:
                return pattern, members
        raise NoSuchGroupError(name)

    def _some(
        self, members: Members, where: Where, exclude: Member | None
    ) -> list[Row]:
        me = self._instance.me
        return [
            row
            for row in members.snapshot()
            if (where == "any" or (row.origin == me) is (where == "local"))
            and (row.origin, row.n) != exclude
        ]

    def _occurrences(self, group: str, where: Where) -> int:
        _, members = self._find(group)
        return sum(count(read(row)) for row in self._some(members, where, None))

    def _address(self, ref: AnyRef | None) -> Member | None:
        return self._instance.address(ref)

    def _ref(self, row: Row) -> AnyRef:
        return self._instance.narrator.entry(row).ref


class ScopeSnapshot(ScopeReads):
    """A scope as it was at one moment. Never changes; for any thread.

    It answers as the scope does, and for as long as one likes.
    """

    def __init__(
        self, instance: Instance, storage: Storage, groups: Mapping[str, Members]
    ) -> None:
        """Made by `Scope.snapshot`."""
        super().__init__(instance, storage)
        self._frozen = groups
        self._found: Patterns | None = None

    def _groups(self) -> Mapping[str, Members]:
        return self._frozen

    def _patterns(self) -> Patterns:
        patterns = self._found
        if patterns is None:
            patterns = self._found = Patterns(filter(has_wildcard, self._frozen))
        return patterns

    def __len__(self) -> int:
        return len(self._frozen)

    def __repr__(self) -> str:
        name = self._instance.config.name
        return f"<ScopeSnapshot of {name!r}: {len(self)} groups>"


def check_storage(storage: object) -> Storage:
    """Return how names are stored.

    Raises:
        InvalidArgumentError: It is neither "patterns" nor "plain".
    """
    if storage == "patterns":
        return "patterns"
    if storage == "plain":
        return "plain"
    raise InvalidArgumentError(
        f"storage must be 'patterns' or 'plain', got {shown(storage)}", "B035"
    )
