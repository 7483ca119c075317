"""What an operator is shown."""

import json

import pytest

from group._core.meta import Meta
from group._looking.status import (
    ClaimRow,
    ClusterRow,
    Explanation,
    NodeRow,
    ShardRow,
    State,
    Status,
)

HERE = NodeRow(
    name="web1",
    address="10.0.0.4:7946",
    state="up",
    since=7_980,
    keys=5,
    members=14,
    actors=62,
    version="0.1.0",
)
THERE = NodeRow(
    name="web2",
    address="10.0.0.5:7946",
    state="up",
    since=7_990,
    keys=7,
    members=26,
    actors=71,
    queue=3,
    rtt=0.0004,
    version="0.1.0",
)
GONE = NodeRow(
    name="web3",
    address="10.0.0.6:7946",
    state="down",
    since=12.3,
    keys=4,
    members=9,
    cause="connection reset",
)


def status(*nodes: NodeRow, refused: tuple[str, ...] = ()) -> Status:
    return Status(
        group="my_app",
        node="web1",
        address="10.0.0.4:7946",
        keys=12,
        members=40,
        conflicts=0,
        nodes=nodes,
        shards=tuple(ShardRow(shard=n, keys=1, members=5) for n in range(8)),
        clusters=(ClusterRow(cluster=None, nodes=("web1",), keys=12, members=40),),
        refused=refused,
        counters={"audit_mismatch": 0},
    )


def test_a_status_reads_as_a_table() -> None:
    drawn = str(status(HERE, THERE, GONE))

    assert drawn.splitlines() == [
        "my_app on web1@10.0.0.4:7946   2 nodes up, 1 down   8 shards   12 keys"
        "   40 members   0 conflicts",
        "NODE                STATE  UP     KEYS  MEMBERS  ACTORS  QUEUE  RTT     "
        "VERSION",
        "web1@10.0.0.4:7946  up     2h13m     5       14      62      0  -       0.1.0",
        "web2@10.0.0.5:7946  up     2h13m     7       26      71      3  0.4 ms  0.1.0",
        "web3@10.0.0.6:7946  DOWN 12s ago: connection reset (was 4 keys, 9 members)",
    ]


def test_a_refused_peer_is_shown_with_its_reason() -> None:
    words = "peer web4 runs 'my_app' with 16 shards, we have 8"

    drawn = str(status(HERE, refused=(words,)))

    assert drawn.splitlines()[0].split("   ")[1] == "1 node up, 0 down"
    assert drawn.splitlines()[-1] == f"refused: {words}"


def test_what_is_unknown_is_a_dash() -> None:
    suspect = NodeRow(
        name="b", address="h:1", state="suspect", since=2, keys=0, members=0
    )

    assert str(status(suspect)).splitlines()[-1].split() == [
        *("b@h:1", "suspect", "2s", "0", "0", "-", "0", "-", "-")
    ]


def test_a_node_that_went_without_a_word_has_no_cause() -> None:
    gone = NodeRow(name="b", address="h:1", state="down", since=2, keys=1, members=1)

    assert str(status(gone)).endswith(
        "DOWN 2s ago: unknown cause (was 1 key, 1 member)"
    )


def test_a_status_can_be_json() -> None:
    told = json.loads(json.dumps(status(HERE, GONE).to_dict()))

    assert told["group"] == "my_app"
    assert [node["state"] for node in told["nodes"]] == ["up", "down"]
    assert told["nodes"][1]["cause"] == "connection reset"
    assert told["shards"][7] == {
        "shard": 7,
        "keys": 1,
        "members": 5,
        "queue": 0,
        "restarts": 0,
    }
    assert told["clusters"][0]["nodes"] == ["web1"]
    assert told["counters"] == {"audit_mismatch": 0}


def claim(node: str, age: float, *, wins: bool, state: State = "up") -> ClaimRow:
    meta = Meta.frozen({"at": node, "b": b"\x00", "more": [1, {"x": None}]})
    return ClaimRow(node=node, actor="User", age=age, meta=meta, wins=wins, state=state)


def test_an_explanation_names_the_owner_and_the_other_claims() -> None:
    explained = Explanation(
        group="app",
        node="a",
        cluster="red",
        key="user/1",
        shard=3,
        connected=True,
        claims=(
            claim("b", 3.0, wins=True),
            claim("c", 90, wins=False, state="suspect"),
        ),
        members={"b": 2, "a": 1},
        monitors=4,
    )

    lines = str(explained).splitlines()
    assert lines[0] == "'user/1' of cluster 'red' in group 'app' on a, shard 3"
    assert lines[1].startswith("  registered by <User on b> since 3 s (meta {'at': 'b'")
    assert lines[2].startswith("  also claimed by <User on c, suspect> since 1 min")
    assert lines[3:] == ["  members: 1 on a, 2 on b", "  monitors here: 4"]
    told = json.loads(json.dumps(explained.to_dict()))
    assert told["claims"][0]["meta"] == {
        "at": "b",
        "b": "b'\\x00'",
        "more": [1, {"x": None}],
    }
    assert told["members"] == {"b": 2, "a": 1}


@pytest.mark.parametrize(
    ("connected", "words"),
    [(True, "registered by nobody"), (False, "not connected to this cluster")],
)
def test_an_explanation_says_why_nobody_is_there(
    *, connected: bool, words: str
) -> None:
    explained = Explanation(
        group="app", node="a", cluster=None, key="k", shard=0, connected=connected
    )

    assert words in str(explained)
    assert str(explained).startswith("'k' in group 'app' on a, shard 0")
    assert "members: none" in str(explained)
