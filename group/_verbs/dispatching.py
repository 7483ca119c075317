"""The verbs that send a message to everybody under a key."""

from actors import AnyRef, hooks
from group._core.keys import check_cluster, check_key
from group._verbs.reads import Reads

DISPATCH = hooks.hook("group.dispatch")


class Dispatching(Reads):
    """dispatch, dispatch_local."""

    def dispatch(self, key: str, message: object, *, cluster: str | None = None) -> int:
        """Send a message to the owner of a key and to all members of the group.

        Each actor gets it once. One frame goes to each node. At most once: who has
        just died, or is on a node that is just being lost, misses it.

        Args:
            key: Exactly this key; a prefix reaches nobody.
            message: Anything that can be sent; see `ActorRef.tell`.
            cluster: None is the default cluster.

        Returns:
            How many actors were addressed, as this node sees the group.

        Raises:
            EncodeError: The message cannot be sent to another node; nobody gets it.
            InvalidKeyError: Not a key.
            StoppedError: The group is stopped.
        """
        refs = self._addressees(key, cluster)
        if DISPATCH.callbacks:
            group, node = self._instance.config.name, self._instance.me.name
            about = {"group": group, "node": node, "cluster": cluster, "key": key}
            DISPATCH({"refs": len(refs)}, about)
        return self._instance.node.tell_many(refs, message)

    def dispatch_local(
        self, key: str, message: object, *, cluster: str | None = None
    ) -> int:
        """Send a message to the owner and the members that are actors of this node.

        As `dispatch`; nothing leaves this process.
        """
        refs = self._addressees(key, cluster, local=True)
        return self._instance.node.tell_many(refs, message)

    def _addressees(
        self, key: str, cluster: str | None, *, local: bool = False
    ) -> list[AnyRef]:
        self._check_running()
        name = check_key(key)
        check_cluster(cluster)
        view = self._view(cluster)
        owner, group = view.registry.get(name), view.groups.get(name)
        rows = [] if owner is None else [owner]
        rows += () if group is None else group.snapshot()
        if local:
            me = self._instance.me
            rows = [row for row in rows if row.origin == me]
        entry = self._instance.narrator.entry
        refs = [(row.entry or entry(row)).ref for row in rows]
        # An actor that is both owner and member gets one copy; it has one ref.
        return refs if owner is None else list(dict.fromkeys(refs))
