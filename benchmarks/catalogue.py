"""All scenarios, in the order in which they run."""

from benchmarks.scenarios.absence import catch_up
from benchmarks.scenarios.actor_costs import actors
from benchmarks.scenarios.busy_app import busy_app
from benchmarks.scenarios.choices import patterns, pick
from benchmarks.scenarios.clusters import many_clusters
from benchmarks.scenarios.deaths import churn, death_cleanup, join_die, local_cleanup
from benchmarks.scenarios.fanout import dispatch_nodes, fanout
from benchmarks.scenarios.huge_group import huge_group
from benchmarks.scenarios.killing import killed_node
from benchmarks.scenarios.lookups import lookup, members
from benchmarks.scenarios.memory import memory
from benchmarks.scenarios.messages import dispatch, events_local
from benchmarks.scenarios.pressure import pressure, shards
from benchmarks.scenarios.replication import (
    concurrent_writes,
    replicated_events,
    replication_latency,
)
from benchmarks.scenarios.sizes import idle, nodes
from benchmarks.scenarios.syncing import bulk_sync
from benchmarks.scenarios.wan import wan
from benchmarks.scenarios.writes import join, register, register_unregister

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
        concurrent_writes,
        bulk_sync,
        local_cleanup,
        death_cleanup,
        churn,
        join_die,
        killed_node,
        memory,
        many_clusters,
        busy_app,
        fanout,
        dispatch_nodes,
        huge_group,
        catch_up,
        nodes,
        idle,
        wan,
        shards,
        pressure,
        actors,
    )
}
