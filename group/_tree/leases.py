"""The lease sweeper: leaves named clusters in which nobody here is interested."""

from functools import partial
from typing import NamedTuple

import msgspec

from actors import Actor, AnyRef, Timer, deliver, register_name, tell_after
from group._clock import monotonic
from group._core.requests import DONE, SealCluster, UnsealCluster
from group._instance import LEASES_CHANGED, Instance


class Sealed(msgspec.Struct, frozen=True):
    """A shard refuses writes of a cluster for now, or cannot, or does not want to."""

    cluster: str
    shard: int
    answer: object


class _Case(NamedTuple):
    """What the shards have answered so far, and of which of their lives that is."""

    lives: tuple[int, ...]
    answers: dict[int, object]


class ClusterLease(Actor):
    """Wakes when the next lease ends, and judges it.

    It never waits for a shard: when the shards' own supervisor is restarted, this actor
    is stopped first, and the shards are started when it has.
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance
        self._timer: Timer | None = None
        # The clusters that are being judged.
        self._judged: dict[str, _Case] = {}

    def on_start(self) -> None:
        """Judge what ended while nobody looked; wait for the next."""
        register_name(self._instance.sweeper_name, self.actor_ref)
        self._sweep()

    def on_receive(self, message: object) -> None:
        """Look at the leases: one is new, or one has ended, or can be decided about."""
        if message == LEASES_CHANGED:
            self._sweep()
        elif isinstance(message, Sealed):
            self._sealed(message)
        else:
            super().on_receive(message)

    def on_stop(self) -> None:
        """Call the timer off: a lease may have hours left."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        leases = self._instance.leases
        for cluster in leases.due(monotonic()):
            if cluster not in self._judged:
                self._judge(cluster)
        if self._timer is not None:
            self._timer.cancel()
        end = leases.next_end(but=self._judged)
        if end is not None:
            wait = max(0.0, end - monotonic())
            self._timer = tell_after(self.actor_ref, wait, LEASES_CHANGED)

    def _judge(self, cluster: str) -> None:
        """Ask the shards whether a cluster is in use.

        Every shard refuses writes of the cluster while it is judged, so that none is
        accepted between the check and the leaving; callers wait it out.
        """
        instance = self._instance
        if cluster not in instance.directory.own():
            # It has been left, maybe before the lease was noted.
            instance.leases.drop(cluster)
            return
        self._judged[cluster] = _Case(self._lives(cluster), {})
        for runner in instance.runners:
            told = partial(_tell_sealed, self.actor_ref, cluster, runner.index)
            runner.post(SealCluster(cluster), told)

    def _sealed(self, message: Sealed) -> None:
        cluster = message.cluster
        lives, answers = self._judged[cluster]
        answers[message.shard] = message.answer
        if len(answers) == len(self._instance.runners):
            del self._judged[cluster]
            # A shard, or a cluster, that has begun anew has sealed nothing, and may
            # have been written to: then the lease, still due, is judged again.
            if lives == self._lives(cluster):
                self._decide(cluster, answers)
            self._sweep()

    def _lives(self, cluster: str) -> tuple[int, ...]:
        own = self._instance.store.directory.own
        begun = [runner.begun for runner in self._instance.runners]
        return (own.get(cluster, -1), *begun)

    def _decide(self, cluster: str, answers: dict[int, object]) -> None:
        """Leave a cluster, or extend its lease if it is in use."""
        instance = self._instance
        unused = all(answer == DONE for answer in answers.values())
        if unused and not instance.monitored(cluster):
            instance.log.info("lease_ended", cluster=cluster)
            instance.disconnect((cluster,))
            return
        # First, so that a successor that must repeat this asks the shards again.
        for runner in instance.runners:
            if answers[runner.index] == DONE:
                runner.post(UnsealCluster(cluster))
        instance.leases.extend(cluster, monotonic())
        instance.unsealed()


def _tell_sealed(sweeper: AnyRef, cluster: str, shard: int, answer: object) -> None:
    deliver(sweeper, Sealed(cluster, shard, answer))
