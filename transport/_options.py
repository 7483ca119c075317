"""What `Node.start` takes by name."""

import difflib
from collections.abc import Iterable
from typing import TypedDict

from transport._config import Join
from transport._cookie import Cookie
from transport._errors import ConfigError
from transport._links.tls import TLS


class NodeOptions(TypedDict, total=False):
    """What `Node.start` takes by name. Durations in seconds.

    Keys:
        listen: host:port; port 0 takes a free one; None talks to nobody. If not
            given, GROUP_LISTEN or 127.0.0.1:0.
        advertise: host:port under which peers reach this node, if that is not where
            it listens; if not given, GROUP_ADVERTISE.
        join: host:port or dns://host:port, one or several; those of GROUP_JOIN come
            on top.
        tls: Files of certificate, key and authority; links are encrypted.
        cookie: The cluster's secret, at least 32 bytes; a tuple while it is changed.
            If not given, GROUP_COOKIE, the file GROUP_COOKIE_FILE, or ~/.group/cookie,
            which is made when it is not there, but not by a hidden node that joins.
        engine: What carries the frames; "tcp" is all there is.
        heartbeat: Between two signs of life; 1.
        lease: Silence after which a link is cut, at least three heartbeats; 5.
        grace: How long a peer without a link may take to come back; 2.
        hidden: Only look in: no peer lists this node, counts it, speaks of it or to it
            of others. Its lease need not be theirs; the longer of two holds.
        insecure: No cookie; loopback addresses only.
        allow_plaintext_network: Links over a network may be read by it.
        allow_pickle: Whether messages may carry any picklable object.
        cluster_id: Nodes of another cluster are turned away.
        require_peers: Links without which the start fails.
        join_timeout: How long to wait for them.
        handshake_timeout: How long a stranger may take to prove itself.
        queue_bytes: Actor messages that may wait for one peer.
        dns_interval: Between two looks at a dns:// address; less at first, while there
            is no link; 5.
        http: host:port of the operations server: probes, metrics, the dashboard. Port
            0 takes a free one, None has no such server.
        http_token: What its visitors must know, at least 16 characters; if not given,
            GROUP_HTTP_TOKEN. Beyond loopback it does not start without.
        http_hosts: Names, beside addresses and localhost, under which it may be asked.
    """

    listen: str | None
    advertise: str | None
    join: Join
    cookie: Cookie | tuple[Cookie, ...] | None
    tls: TLS | None
    engine: str
    heartbeat: float
    lease: float
    grace: float
    hidden: bool
    insecure: bool
    allow_plaintext_network: bool
    allow_pickle: bool
    cluster_id: str
    require_peers: int
    join_timeout: float
    handshake_timeout: float
    queue_bytes: int
    dns_interval: float
    http: str | None
    http_token: str | None
    http_hosts: Iterable[str]


def check_names(options: Iterable[str]) -> None:
    """Refuse an option that there is not, with a guess at what was meant."""
    known = NodeOptions.__annotations__
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"unknown option {name!r}{hint}", code="B010")
