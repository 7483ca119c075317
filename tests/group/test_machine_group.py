"""A started group on one node does what a dict would, verb by verb."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from group import (
    DeadActorError,
    Group,
    GroupError,
    KeyTakenError,
    NotConnectedError,
    NotJoinedError,
    NotRegisteredError,
    Record,
)
from tests.group.people import AnyRef, Listener, Plain, end_of
from tests.search.machines import Amount, live
from tests.waiting import eventually

KEYS = ("a", "a/b", "a/b/d", "e//f")
PREFIXES = ("a/", "a/b/", "e/", "e//", "z/")
CLUSTERS = (None, "red")
WHO = st.integers(0, 2)
WHERE = st.sampled_from(CLUSTERS)
KEY = st.sampled_from(KEYS)
METAS = st.sampled_from(
    [None, {}, {"a": 1}, {"a": 2, "b": [1, {"c": None}]}, {"é": "ü"}]
)
Meta = dict[str, Any] | None
At = tuple[str | None, str]


class OneGroup(RuleBasedStateMachine):
    """A group on a node of its own, three actors at a time, and a model.

    Attributes:
        claims: The model: who owns a key of a cluster, with which meta.
        rooms: The model: the members of a group, in the order of joining.
    """

    def __init__(self) -> None:
        super().__init__()
        self.g = Group.start("app", log=False, shards=3)
        self.actors: list[AnyRef] = [_start(index) for index in range(3)]
        self.dead: list[AnyRef] = []
        self.clusters: set[str | None] = {None}
        self.claims: dict[At, tuple[AnyRef, Meta]] = {}
        self.rooms: dict[At, dict[AnyRef, Meta]] = {}

    def teardown(self) -> None:
        for ref in self.actors:
            end_of(ref)
        self.g.stop()

    # Writes

    @rule(who=WHO, cluster=WHERE, key=KEY, meta=METAS)
    def register(self, who: int, cluster: str | None, key: str, meta: Meta) -> None:
        ref, at = self.actors[who], (cluster, key)
        error: type[GroupError] | None = None
        if cluster not in self.clusters:
            error = NotConnectedError
        elif self.claims.get(at, (ref, None))[0] != ref:
            error = KeyTakenError
        else:
            self.claims[at] = (ref, meta or {})

        _try(lambda: self.g.register(key, meta, actor=ref, cluster=cluster), error)
        self._look(cluster)

    @rule(cluster=WHERE, key=KEY)
    def unregister(self, cluster: str | None, key: str) -> None:
        error: type[GroupError] | None = None
        if cluster not in self.clusters:
            error = NotConnectedError
        elif self.claims.pop((cluster, key), None) is None:
            error = NotRegisteredError

        _try(lambda: self.g.unregister(key, cluster=cluster), error)
        self._look(cluster)

    @rule(who=WHO, cluster=WHERE, key=KEY, meta=METAS)
    def join(self, who: int, cluster: str | None, key: str, meta: Meta) -> None:
        ref = self.actors[who]
        error: type[GroupError] | None = None
        if cluster not in self.clusters:
            error = NotConnectedError
        else:
            self.rooms.setdefault((cluster, key), {})[ref] = meta or {}

        _try(lambda: self.g.join(key, meta, actor=ref, cluster=cluster), error)
        self._look(cluster)

    @rule(who=WHO, cluster=WHERE, key=KEY)
    def leave(self, who: int, cluster: str | None, key: str) -> None:
        ref = self.actors[who]
        error: type[GroupError] | None = None
        if cluster not in self.clusters:
            error = NotConnectedError
        elif self.rooms.get((cluster, key), {}).pop(ref, None) is None:
            error = NotJoinedError

        _try(lambda: self.g.leave(key, actor=ref, cluster=cluster), error)
        self._look(cluster)

    @rule(who=WHO)
    def end(self, who: int) -> None:
        ref = self.actors[who]
        self.claims = {at: held for at, held in self.claims.items() if held[0] != ref}
        for members in self.rooms.values():
            members.pop(ref, None)

        end_of(ref)

        eventually(
            lambda: all(record.ref != ref for record in self.g.local_entries()),
            what="rows of the dead go",
        )
        _try(lambda: self.g.register("a", actor=ref), DeadActorError)
        _try(lambda: self.g.join("a", actor=ref), DeadActorError)
        self.actors[who] = _start(who)
        for cluster in self.clusters:
            self._look(cluster)

    # Subclusters

    @rule()
    def connect(self) -> None:
        self.g.connect("red")

        self.clusters.add("red")
        assert self.g.connected("red")
        assert self.g.nodes("red") == [self.g.node.name]
        self._look("red")

    @rule()
    def disconnect(self) -> None:
        self.g.disconnect("red")

        self.clusters.discard("red")
        self.claims = {at: held for at, held in self.claims.items() if at[0] is None}
        self.rooms = {at: who for at, who in self.rooms.items() if at[0] is None}
        assert not self.g.connected("red")
        assert self.g.nodes("red") == []
        self._look("red")

    # Reads

    @rule(limit=st.integers(0, 6), prefix=st.sampled_from((*PREFIXES, *KEYS)))
    def read_some(self, limit: int, prefix: str) -> None:
        everybody = self.g.members(prefix)

        some = self.g.members(prefix, limit=limit)

        assert some == self.g.local_members(prefix, limit=limit)
        assert len(some) == min(limit, len(everybody))
        assert all(entry in everybody for entry in some)

    def _look(self, cluster: str | None) -> None:
        """Compare every read of a cluster with the model."""
        owners = {key: held for (at, key), held in self.claims.items() if at == cluster}
        rooms = {
            key: who for (at, key), who in self.rooms.items() if at == cluster and who
        }
        for key in KEYS:
            owner, members = owners.get(key), rooms.get(key, {})
            assert self.g.lookup(key, cluster=cluster) == owner
            assert self.g.whereis(key, cluster=cluster) == (owner and owner[0])
            assert self.g.members(key, cluster=cluster) == list(members.items())
            assert self.g.member_count(key, cluster=cluster) == len(members)
        for prefix in PREFIXES:
            self._look_under(prefix, cluster, owners, rooms)
        assert self.g.registry_count(cluster=cluster) == len(owners)
        assert self.g.local_registry_count(cluster=cluster) == len(owners)
        assert self.g.keys(cluster=cluster) == sorted({*owners, *rooms})
        self._look_at_records()

    def _look_under(
        self,
        prefix: str,
        cluster: str | None,
        owners: dict[str, tuple[AnyRef, Meta]],
        rooms: dict[str, dict[AnyRef, Meta]],
    ) -> None:
        under = {key: who for key, who in rooms.items() if key.startswith(prefix)}
        members = [each for who in under.values() for each in who.items()]
        found = self.g.members(prefix, cluster=cluster)
        assert len(found) == len(members)
        assert all(entry in members for entry in found)
        assert self.g.member_count(prefix, cluster=cluster) == len(members)
        assert self.g.local_member_count(prefix, cluster=cluster) == len(members)
        assert self.g.keys(prefix, kind="member", cluster=cluster) == sorted(under)
        owned = sorted(key for key in owners if key.startswith(prefix))
        assert self.g.keys(prefix, kind="registered", cluster=cluster) == owned

    def _look_at_records(self) -> None:
        wanted = [
            Record("registered", cluster, key, ref, meta or {})
            for (cluster, key), (ref, meta) in self.claims.items()
        ] + [
            Record("member", cluster, key, ref, meta or {})
            for (cluster, key), who in self.rooms.items()
            for ref, meta in who.items()
        ]
        everywhere = [
            record for cluster in CLUSTERS for record in self.g.entries(cluster=cluster)
        ]
        for found in (self.g.local_entries(), everywhere):
            assert len(found) == len(wanted)
            assert all(record in wanted for record in found)


def _start(index: int) -> AnyRef:
    return Listener.start() if index % 2 else Plain.start()


def _try(call: Callable[[], None], error: type[GroupError] | None) -> None:
    if error is None:
        call()
        return
    with pytest.raises(error):
        call()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_group_does_what_a_dict_would(
    seed: int, request: pytest.FixtureRequest
) -> None:
    live(OneGroup, seed, request, Amount(examples=40, steps=40))
