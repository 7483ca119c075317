"""The lease sweeper: leaves named clusters in which nobody here is interested."""

from actors import Actor, Timer, register_name, tell_after
from group._clock import monotonic
from group._core.requests import DONE, SealCluster, UnsealCluster
from group._instance import LEASES_CHANGED, Instance
from group._runner import Runner

SEAL_TIMEOUT = 5.0


class ClusterLease(Actor):
    """Wakes when the next lease ends, and judges it."""

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance
        self._timer: Timer | None = None

    def on_start(self) -> None:
        """Judge what ended while nobody looked; wait for the next."""
        register_name(self._instance.sweeper_name, self.actor_ref)
        self._sweep()

    def on_receive(self, message: object) -> None:
        """Look at the leases: one is new, or one has ended."""
        if message == LEASES_CHANGED:
            self._sweep()
        else:
            super().on_receive(message)

    def _sweep(self) -> None:
        leases = self._instance.leases
        for cluster in leases.due(monotonic()):
            self._judge(cluster)
        if self._timer is not None:
            self._timer.cancel()
        end = leases.next_end()
        if end is not None:
            wait = max(0.0, end - monotonic())
            self._timer = tell_after(self.actor_ref, wait, LEASES_CHANGED)

    def _judge(self, cluster: str) -> None:
        """Leave a cluster, or extend its lease if it is in use.

        Every shard refuses writes of the cluster while it is judged, so that none is
        accepted between the check and the leaving; callers wait it out.
        """
        instance = self._instance
        if cluster not in instance.directory.own():
            # It has been left, maybe before the lease was noted.
            instance.leases.drop(cluster)
            return
        sealed = [runner for runner in instance.runners if self._seal(runner, cluster)]
        unused = len(sealed) == len(instance.runners) and not instance.monitored(
            cluster
        )
        if unused:
            instance.log.info("lease_ended", cluster=cluster)
            instance.disconnect((cluster,))
            return
        for runner in sealed:
            runner.call(UnsealCluster(cluster), SEAL_TIMEOUT)
        instance.leases.extend(cluster, monotonic())
        instance.unsealed()

    @staticmethod
    def _seal(runner: Runner, cluster: str) -> bool:
        return runner.call(SealCluster(cluster), SEAL_TIMEOUT) == DONE
