"""All scenarios, in the order in which they run."""

from benchmarks.actor_costs import actors
from benchmarks.choices import patterns, pick
from benchmarks.convergence import bulk_sync, churn, death_cleanup, killed_node
from benchmarks.lookups import lookup, members
from benchmarks.messages import dispatch, events_local
from benchmarks.replication import replicated_events, replication_latency
from benchmarks.writes import join, register, register_unregister

scenarios = {
    each.name: each
    for each in (
        lookup,
        members,
        pick,
        patterns,
        register,
        register_unregister,
        join,
        events_local,
        dispatch,
        replication_latency,
        replicated_events,
        bulk_sync,
        death_cleanup,
        churn,
        killed_node,
        actors,
    )
}
