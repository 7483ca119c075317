"""/metrics, read by the library that makes it: names, labels, and their bounds."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from group import ALL, Group
from group._looking.observed import REPLICATE
from group._looking.recorder import MAX_CLASSES, Recorder
from tests.group.people import PATIENCE, await_meeting, listeners, settle
from tests.http.visitor import visit
from tests.waiting import eventually
from transport import Metric, Node, NodeId, bounded
from transport import Sample as Number
from transport._http import prometheus
from transport._http.metric import merged
from transport._links.tally import MAX_PAIRS, Tally, cause_of

# What people put on their walls; a new one is fine, an old one must not go.
NAMES = {
    "actors_alive": {"cls"},
    "actors_mailbox_depth_max": {"cls"},
    "actors_message_seconds": {"cls", "le"},
    "actors_restarts": {"supervisor"},
    "actors_zombies": set(),
    "group_conflicts": {"group", "outcome"},
    "group_events": {"group", "type"},
    "group_members": {"group", "cluster"},
    "group_nodes": {"group"},
    "group_oddities": {"group", "what"},
    "group_registry_entries": {"group", "cluster"},
    "group_replicated_ops": {"group", "op", "direction"},
    "group_replication_lag_seconds": {"group", "le"},
    "group_shard_queue_depth": {"group", "shard"},
    "group_shard_restarts": {"group"},
    "transport_bytes": {"peer", "direction"},
    "transport_dropped": {"cause"},
    "transport_frames": {"peer", "direction"},
    "transport_peer_up": {"peer"},
    "transport_reconnects": {"peer", "cause"},
    "transport_rtt_seconds": {"peer"},
    "transport_send_queue_frames": {"peer"},
}


@contextmanager
def served() -> Iterator[tuple[Group, Group, str]]:
    with (
        Node.start("a", http="127.0.0.1:0") as a,
        Node.start("b", join=a.address) as b,
        Group.start("app", node=a, log=False) as ga,
        Group.start("app", node=b, log=False) as gb,
    ):
        await_meeting(ga, gb)
        assert a.http_url is not None
        yield ga, gb, a.http_url


def scrape(url: str) -> dict[str, list[Sample]]:
    answer = visit(url, "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    return {family.name: list(family.samples) for family in families}


def value(samples: list[Sample], **labels: str) -> float:
    found = [s.value for s in samples if labels.items() <= s.labels.items()]
    assert len(found) == 1, samples
    return float(found[0])


def count(samples: list[Sample], **labels: str) -> float:
    """The value of a counter, 0 if there is none yet."""
    return sum(s.value for s in samples if labels.items() <= s.labels.items())


def test_all_is_there_by_its_stable_name_and_labels() -> None:
    with served() as (ga, _, url), listeners() as (ref,):
        scrape(url)
        with ga.events(ALL):
            ga.register("user/1", {"id": "user-4711"}, actor=ref)
            ga.join("room", actor=ref)
            settle(ga)
            text = visit(url, "/metrics").text
            found = scrape(url)

    assert set(found) == set(NAMES)
    for name, samples in found.items():
        assert {label for s in samples for label in s.labels} <= NAMES[name]
    for secret in ("user/1", "room", "user-4711", "urn:", str(ref)):
        assert secret not in text


def test_the_numbers_are_right() -> None:
    with served() as (ga, gb, url), listeners(3) as refs, ga.connect("red") as red:
        # Rows of a session that just begins would go as a snapshot.
        settle(ga, gb)
        # Counters go on from group to group of one name, in one process.
        before = scrape(url)
        with ga.events(ALL):
            for n, ref in enumerate(refs[:2]):
                ga.register(f"user/{n}", actor=ref)
                ga.join("room", actor=ref)
            red.register("red/1", actor=refs[0])
            gb.register("far/1", actor=refs[2])
            settle(ga, gb)
            found = scrape(url)

    assert value(found["group_nodes"], group="app") == 2
    entries = found["group_registry_entries"]
    assert value(entries, group="app", cluster="default") == 3
    assert value(entries, group="app", cluster="red") == 1
    assert value(found["group_members"], cluster="default") == 2

    def grown(name: str, **labels: str) -> float:
        return count(found[name], **labels) - count(before[name], **labels)

    assert grown("group_events", type="registered") == 3
    assert grown("group_events", type="joined") == 2
    assert grown("group_replicated_ops", op="PutReg", direction="out") == 2
    assert grown("group_replicated_ops", op="PutReg", direction="in") == 1
    lag = found["group_replication_lag_seconds"]
    assert value([s for s in lag if s.name.endswith("_count")]) >= 1
    assert value(found["transport_peer_up"], peer="b") == 1
    assert value(found["transport_bytes"], peer="b", direction="out") > 100
    assert value(found["transport_frames"], peer="b", direction="in") > 2
    assert value(found["actors_alive"], cls="Listener") == 3
    assert len(found["group_shard_queue_depth"]) == 8


def test_nobody_counts_before_the_first_scrape_or_after_the_last_group() -> None:
    with served() as (_, _, url):
        assert REPLICATE.callbacks == ()
        scrape(url)
        assert len(REPLICATE.callbacks) == 1
        scrape(url)
        assert len(REPLICATE.callbacks) == 1

    assert REPLICATE.callbacks == ()


def test_a_lost_peer_is_counted_by_cause() -> None:
    with served() as (_, gb, url):
        gb.node.stop()

        def lost() -> bool:
            found = scrape(url)
            reconnects = value(found["transport_reconnects"], peer="b", cause="goodbye")
            return reconnects == 1 and value(found["transport_peer_up"], peer="b") == 0

        eventually(lost, PATIENCE)


def test_who_only_looks_in_is_no_label() -> None:
    with served() as (ga, _, url):
        address = ga.node.address
        with Node.start("looker-4711", join=address, hidden=True) as looker:
            looker.wait_peers(1, PATIENCE)
            assert "looker" not in visit(url, "/metrics").text
        eventually(lambda: "looker-4711" not in ga.node._progress.linked, PATIENCE)
        assert "looker" not in visit(url, "/metrics").text


def test_two_groups_of_one_node_are_told_apart() -> None:
    with (
        Node.start("a", listen=None, http="127.0.0.1:0") as node,
        Group.start("one", node=node, log=False),
        Group.start("two", node=node, log=False),
    ):
        assert node.http_url is not None
        found = scrape(node.http_url)

    assert {s.labels["group"] for s in found["group_nodes"]} == {"one", "two"}


def test_a_group_that_has_ended_is_shown_no_more() -> None:
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        with Group.start("app", node=node, log=False):
            pass
        assert node.http_url is not None
        found = scrape(node.http_url)

    assert not [name for name in found if name.startswith("group_")]


def test_clusters_beyond_the_bound_are_one() -> None:
    with (
        Node.start("a", listen=None, http="127.0.0.1:0") as node,
        Group.start("app", node=node, log=False) as g,
        listeners() as (ref,),
        g.connect([f"game/{n}" for n in range(100)]) as games,
    ):
        for game in games:
            game.register("k", actor=ref)
        assert node.http_url is not None
        entries = scrape(node.http_url)["group_registry_entries"]

    assert len(entries) == 21
    assert sum(s.value for s in entries) == 100
    assert value(entries, cluster="other") == 80


def test_a_registry_of_ones_own_shows_the_same() -> None:
    with Node.start("a", listen=None) as node:
        registry = CollectorRegistry()
        registry.register(node.collector())

        assert b"actors_alive" in generate_latest(registry)


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with Node.start("a", listen=None, http="127.0.0.1:0") as node:
        assert node.http_url is not None
        answer = visit(node.http_url, "/metrics")

    assert answer.status == 501
    assert "pip install 'pykka-group[metrics]'" in answer.text


# --- the parts


def test_numbers_beyond_the_bound_are_added_up() -> None:
    numbers = {"a": 1.0, "b": 5.0, "c": 3.0, "d": 1.0}

    assert bounded(numbers, 4) == tuple(
        Number(value, (name,)) for name, value in sorted(numbers.items())
    )
    assert bounded(numbers, 2) == (
        Number(5.0, ("b",)),
        Number(3.0, ("c",)),
        Number(2.0, ("other",)),
    )
    # A name of the program's own that is the same.
    assert bounded({"other": 9.0, "b": 5.0, "c": 1.0}, 2) == (
        Number(5.0, ("b",)),
        Number(10.0, ("other",)),
    )


def test_what_two_give_under_one_name_is_put_together_without_doubles() -> None:
    def metric(*samples: Number) -> Metric:
        return Metric("m", "", "gauge", ("l",), samples)

    one, two, again = Number(1, ("a",)), Number(2, ("b",)), Number(3, ("a",))

    assert merged([metric(one), metric(two, again)]) == [metric(one, two)]


def test_classes_beyond_the_bound_are_one() -> None:
    recorder = Recorder()
    for n in range(MAX_CLASSES + 25):
        recorder._on_message("", {"seconds": 0.002}, {"cls": f"Class{n}"})

    samples = recorder.messages()

    assert len(samples) == MAX_CLASSES + 1
    (rest,) = [s for s in samples if s.labels == ("other",)]
    assert rest.buckets[-1] == (float("inf"), 25)
    assert dict(rest.buckets)[0.001] == 0
    assert dict(rest.buckets)[0.01] == 25


def test_peers_beyond_the_bound_are_one() -> None:
    tally = Tally()
    for n in range(MAX_PAIRS + 10):
        tally.link_lost(NodeId(f"node-{n}", bytes(16)), "connection reset by peer")

    lost = tally.links_lost()

    assert len(lost) == MAX_PAIRS + 1
    assert lost["other", "reset"] == 10


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("no sign of life for 5 s", "silent"),
        ("Connection reset by peer", "reset"),
        ("connection closed", "closed"),
        ("protocol error: frame of 7 bytes", "protocol"),
        ("stopped", "goodbye"),
        ("user 4711 has pulled the plug", "other"),
    ],
)
def test_a_cause_is_one_of_few_words(reason: str, cause: str) -> None:
    assert cause_of(reason) == cause


def test_the_prometheus_module_is_not_needed_to_start() -> None:
    assert "prometheus_client" not in vars(prometheus)
