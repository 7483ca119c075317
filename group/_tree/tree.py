"""What supervises what: the tree of one started group.

Group.Supervisor            rest_for_one
├── data                    the owner of every table; survives shard crashes
├── shards                  one_for_one
│   ├── 0 .. N-1            a thread actor around one pure shard core
├── monitors                local monitor subscriptions
├── leases                  the TTL sweeper for named subclusters
└── ops                     answers groupctl; reads only
"""

from actors import Actor, ChildSpec, DeadlockError, Supervisor, SupervisorRef, child
from group._core.keys import DEFAULT
from group._events.monitors import MonitorRegistry
from group._instance import Instance
from group._looking.ops import Operations
from group._tree.leases import ClusterLease
from group._tree.shard import ShardActor

# A poisoned message must not take the group down at once, a broken one must.
START_TIMEOUT = 5.0
SHARD_RESTARTS, SHARD_SECONDS = 5, 10.0
ROOT_RESTARTS, ROOT_SECONDS = 3, 30.0


class Data(Actor):
    """The owner of the tables, the directory, the monitors and the leases.

    It opens the default cluster when it first starts. Being first in the tree it
    outlives the shards, and when it ends they take their tables up anew.
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance

    def on_start(self) -> None:
        """Open the default cluster; a second time changes nothing."""
        self._instance.connect((DEFAULT,), START_TIMEOUT)


class Shards(Supervisor):
    """The shards of one group."""

    strategy = "one_for_one"
    max_restarts = SHARD_RESTARTS
    max_seconds = SHARD_SECONDS


class GroupSupervisor(Supervisor):
    """The root of a group's tree."""

    strategy = "rest_for_one"
    max_restarts = ROOT_RESTARTS
    max_seconds = ROOT_SECONDS


def start_tree(instance: Instance) -> SupervisorRef[GroupSupervisor]:
    """Start the actors of a group; returns when all are up."""
    shards = [
        child(ShardActor, instance, index, id=index)
        for index in range(instance.config.shards)
    ]
    children: list[ChildSpec] = [
        child(Data, instance, id="data"),
        child(Shards, shards, id="shards", shutdown="infinity"),
        child(MonitorRegistry, instance, id="monitors"),
        child(ClusterLease, instance, id="leases"),
        child(Operations, instance, id="ops"),
    ]
    return GroupSupervisor.start(children)


def stop_tree(tree: SupervisorRef[GroupSupervisor], timeout: float) -> None:
    """Stop the actors of a group; without waiting when one of them asks for it.

    Raises:
        Timeout: They did not end in time.
    """
    try:
        tree.stop(timeout=timeout)
    except DeadlockError:
        # The user's callback runs in an actor of the tree, and cannot wait for that.
        tree.stop(block=False)
