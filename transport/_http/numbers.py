"""What a node and the actors of its process show at /metrics."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from actors import census
from transport._core.mesh import State
from transport._http.metric import Metric, Sample, bounded, labelled
from transport._links import io
from transport._links.progress import Peer

# Series of one metric. Peers are fewer than a mesh may have links.
MAX_PEERS = 256
MAX_CLASSES = 50


@dataclass(frozen=True, slots=True)
class LinkTraffic:
    """What has gone over the present link with one peer, both ways.

    Attributes:
        octets: None where the kernel does not count them.
        waiting: Frames.
    """

    octets: io.Traffic | None
    frames_in: int
    frames_out: int
    waiting: int


class Links(Protocol):
    """What is asked of a node's engine."""

    def peers(self) -> list[Peer]:
        """Return the other nodes."""

    def traffic(self) -> Mapping[str, LinkTraffic]:
        """Return what went over each link."""

    def reconnects(self) -> Mapping[tuple[str, str], int]:
        """Return how often links were lost, by peer and cause."""

    def dropped(self) -> Mapping[str, int]:
        """Return how many messages were dropped, by cause."""


def of_node(node: Links) -> Iterator[Metric]:
    """Give the numbers of one node's links."""
    peers = sorted(node.peers(), key=lambda peer: peer.name)[:MAX_PEERS]
    yield labelled(
        "transport_peer_up",
        "Whether a peer is linked.",
        "gauge",
        "peer",
        [Sample(float(peer.state is State.UP), (peer.name,)) for peer in peers],
    )
    yield labelled(
        "transport_rtt_seconds",
        "The last measured round trip.",
        "gauge",
        "peer",
        [Sample(p.rtt, (p.name,)) for p in peers if p.rtt is not None],
    )
    traffic = sorted(node.traffic().items())[:MAX_PEERS]
    yield labelled(
        "transport_send_queue_frames",
        "Frames that wait to be written.",
        "gauge",
        "peer",
        [Sample(each.waiting, (peer,)) for peer, each in traffic],
    )
    yield _two_ways(
        "transport_bytes_total",
        "Bytes over the present link.",
        {peer: each.octets for peer, each in traffic if each.octets is not None},
    )
    yield _two_ways(
        "transport_frames_total",
        "Frames over the present link.",
        {peer: (each.frames_in, each.frames_out) for peer, each in traffic},
    )
    yield Metric(
        "transport_reconnects_total",
        "Links that were lost.",
        "counter",
        ("peer", "cause"),
        tuple(Sample(n, of) for of, n in sorted(node.reconnects().items())),
    )
    yield labelled(
        "transport_dropped_total",
        "Actor messages that were not sent.",
        "counter",
        "cause",
        [Sample(n, (cause,)) for cause, n in sorted(node.dropped().items())],
    )


def _two_ways(name: str, words: str, of: Mapping[str, tuple[int, int]]) -> Metric:
    samples = [
        Sample(number, (peer, direction))
        for peer, numbers in of.items()
        for direction, number in zip(("in", "out"), numbers, strict=True)
    ]
    return Metric(name, words, "counter", ("peer", "direction"), tuple(samples))


def of_actors() -> Iterator[Metric]:
    """Give the numbers of the actors in this process."""
    living = census()
    yield labelled(
        "actors_alive",
        "Actors that live in this process.",
        "gauge",
        "cls",
        bounded(Counter(each.class_name for each in living.actors), MAX_CLASSES),
    )
    deepest: dict[str, int] = {}
    for each in living.actors:
        deepest[each.class_name] = max(deepest.get(each.class_name, 0), each.mailbox)
    # The classes that wait longest: a sum of depths would be none of a mailbox.
    shown = sorted(deepest, key=lambda name: (-deepest[name], name))[:MAX_CLASSES]
    yield labelled(
        "actors_mailbox_depth_max",
        "Messages in the fullest mailbox.",
        "gauge",
        "cls",
        [Sample(deepest[name], (name,)) for name in sorted(shown)],
    )
    yield labelled(
        "actors_restarts_total",
        "Children restarted by supervisors that run.",
        "counter",
        "supervisor",
        bounded(living.restarts, MAX_CLASSES),
    )
    yield Metric(
        "actors_zombies",
        "Abandoned threads that still run.",
        "gauge",
        (),
        (Sample(living.zombies),),
    )
