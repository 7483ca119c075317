"""The verbs that change rows: each goes through the shard that owns the key."""

from collections.abc import Mapping

from actors import AnyRef, class_name
from group._clock import monotonic
from group._core import meta as metas
from group._core.arguments import check_timeout
from group._core.keys import DEFAULT, check_cluster, check_write_key
from group._core.requests import Join, Leave, Register, Unregister
from group._verbs.shared import Verbs

Meta = Mapping[str, object] | None


class Writes(Verbs):
    """register, unregister, join, leave."""

    def register(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Claim a key for an actor, cluster-wide.

        Returns once this node has stored the claim and told its own monitors; peers
        hear of it later, and may have accepted another, which a conflict then settles.
        A second time, by the owner, changes the meta. Safe from any thread.

        Args:
            key: 1 to 1,024 bytes of UTF-8, not ending in "/".
            meta: Plain data, at most 64 KiB encoded; copied.
            actor: An actor of this node; the current one if not given.
            cluster: A named cluster that this node is in; None is the default one.
            timeout: Seconds to wait for the shard. The claim is not made after this.

        Raises:
            KeyTakenError: This node knows another owner.
            NotConnectedError: This node is not in the cluster.
            CondemnedError: The actor has just lost a conflict.
            DeadActorError: The actor has ended.
            NotLocalError: The actor belongs to another node.
            InvalidKeyError: Not a key.
            InvalidMetaError: The meta cannot be stored and sent; names the path.
            ShardTimeoutError: The shard did not answer in time.
            StoppedError: The group is stopped.
        """
        name = check_write_key(key)
        place = DEFAULT if cluster is None else check_cluster(cluster)
        ref, n = self._owner(actor)
        body = metas.EMPTY_BYTES
        if meta is not None:
            body = metas.encode(meta, self._instance.ref_out)
        seconds = check_timeout(timeout)
        deadline = monotonic() + seconds
        request = Register(n, class_name(ref), place, name, body, deadline)
        self._carry_out(request, seconds, ref)
        log = self._instance.log
        if log.level == "verbose":
            log.verbose("registered", key=name, cluster=cluster, actor=ref)

    def unregister(
        self, key: str, *, cluster: str | None = None, timeout: float = 5.0
    ) -> None:
        """Give up a key that an actor of this node holds, whoever calls.

        Raises:
            NotRegisteredError: Nobody has the key.
            NotOwnerError: An actor of another node has it.
            NotConnectedError: This node is not in the cluster.
            InvalidKeyError: Not a key.
            ShardTimeoutError: The shard did not answer in time.
            StoppedError: The group is stopped.
        """
        name = check_write_key(key)
        place = DEFAULT if cluster is None else check_cluster(cluster)
        seconds = check_timeout(timeout)
        self._check_running()
        self._carry_out(Unregister(place, name, monotonic() + seconds), seconds)
        log = self._instance.log
        if log.level == "verbose":
            log.verbose("unregistered", key=name, cluster=cluster)

    def join(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Make an actor a member of a group. A second time changes the meta.

        Raises:
            NotConnectedError: This node is not in the cluster.
            CondemnedError: The actor has just lost a conflict.
            DeadActorError: The actor has ended.
            NotLocalError: The actor belongs to another node.
            InvalidKeyError: Not a key.
            InvalidMetaError: The meta cannot be stored and sent; names the path.
            ShardTimeoutError: The shard did not answer in time.
            StoppedError: The group is stopped.
        """
        name = check_write_key(key)
        place = DEFAULT if cluster is None else check_cluster(cluster)
        ref, n = self._owner(actor)
        body = metas.EMPTY_BYTES
        if meta is not None:
            body = metas.encode(meta, self._instance.ref_out)
        seconds = check_timeout(timeout)
        deadline = monotonic() + seconds
        request = Join(n, class_name(ref), place, name, body, deadline)
        self._carry_out(request, seconds, ref)
        log = self._instance.log
        if log.level == "verbose":
            log.verbose("joined", key=name, cluster=cluster, actor=ref)

    def leave(
        self,
        key: str,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """End an actor's membership of a group.

        Raises:
            NotJoinedError: The actor is no member.
            NotConnectedError: This node is not in the cluster.
            NotLocalError: The actor belongs to another node.
            InvalidKeyError: Not a key.
            ShardTimeoutError: The shard did not answer in time.
            StoppedError: The group is stopped.
        """
        name = check_write_key(key)
        place = DEFAULT if cluster is None else check_cluster(cluster)
        ref, n = self._owner(actor)
        seconds = check_timeout(timeout)
        request = Leave(n, place, name, monotonic() + seconds)
        self._carry_out(request, seconds, ref)
        log = self._instance.log
        if log.level == "verbose":
            log.verbose("left", key=name, cluster=cluster, actor=ref)
