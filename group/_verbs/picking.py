"""The verb that chooses one member of a group."""

from random import random

from actors import AnyRef
from group._core.choosing import How, Where, check_wish, choose
from group._core.events import Entry
from group._core.keys import check_key
from group._errors import NoProcessError, NoSuchGroupError
from group._verbs.reads import Reads


class Picking(Reads):
    """pick."""

    def pick(
        self,
        key: str,
        how: How = "closest",
        *,
        where: Where = "any",
        exclude: AnyRef | None = None,
        cluster: str | None = None,
    ) -> Entry:
        """Return one member of a group.

        On the caller's thread, without a message and without a lock, in a time that
        hardly grows with the group; from a large group the first choice takes longer.
        All nodes that see the same members agree who is the oldest and the newest.

        Args:
            key: A key; a prefix has no members of its own.
            how: "closest" is a random one of this node, and of another node when there
                is none here; "furthest" the other way round; "random" any one, each as
                likely as the others; "oldest" and "newest" go by when they joined.
            where: Only members of this node ("local") or of others ("remote").
            exclude: An actor that is not to be chosen.
            cluster: None is the default cluster.

        Raises:
            NoSuchGroupError: Nobody has joined the key.
            NoProcessError: No member qualifies.
            InvalidKeyError: Not a key.
            InvalidArgumentError: `how` or `where` is none of these words.
            StoppedError: The group is stopped.
        """
        wish = check_wish(how, where, self._instance.address(exclude))
        members = self._view(cluster).groups.get(check_key(key))
        if members is None:
            self._check_running()
            raise NoSuchGroupError(key)
        row = choose(members, wish, self._instance.me, random)
        if row is None:
            if not members.rows:
                raise NoSuchGroupError(key)
            raise NoProcessError(key)
        return self._entry(row)
