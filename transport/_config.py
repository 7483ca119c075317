"""What a node is told when it starts, checked once."""

import ipaddress
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata

from transport import _cookie as cookies
from transport._core import addresses
from transport._core.identity import valid_name
from transport._errors import ConfigError
from transport._http.where import Where, check_http
from transport._links.tls import TLS, Secrecy

LOOPBACK = "127.0.0.1:0"
Join = str | Iterable[str]


@dataclass(frozen=True, slots=True)
class Options:
    """What `Node.start` was given, unchecked. See there for what each means."""

    name: str | None = None
    listen: str | None = LOOPBACK
    advertise: str | None = None
    join: Join = ()
    cookie: cookies.Cookie | tuple[cookies.Cookie, ...] | None = field(
        default=None, repr=False
    )
    tls: TLS | None = None
    engine: str = "tcp"
    heartbeat: float = 1.0
    lease: float = 5.0
    grace: float = 2.0
    hidden: bool = False
    insecure: bool = False
    allow_plaintext_network: bool = False
    allow_pickle: bool = True
    cluster_id: str = "default"
    require_peers: int = 0
    join_timeout: float = 10.0
    handshake_timeout: float = 5.0
    queue_bytes: int = 16 << 20
    dns_interval: float = 5.0
    http: str | None = None
    http_token: str | None = field(default=None, repr=False)
    http_hosts: Iterable[str] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A node's numbers and addresses. Durations in seconds.

    Attributes:
        listen: (host, port), or None for a node that talks to nobody.
        join: host:port and dns://host:port.
        cookies: None for mode "insecure".
        cookie_from: Where they came from, in words; never the cookies themselves.
        http: Where the operations server listens; None without one.
    """

    name: str
    listen: tuple[str, int] | None
    advertise: str | None
    join: tuple[str, ...]
    cookies: tuple[bytes, ...] = field(repr=False)
    cookie_from: str
    secrecy: Secrecy | None
    options: Options
    http: Where | None = None

    @property
    def version(self) -> str:
        """The version of the software, for peers to show."""
        return metadata.version("pykka-group")

    @property
    def sealed(self) -> bool:
        """Whether links carry MACs."""
        return bool(self.cookies)


def check(options: Options | None, *, host: str) -> Config:
    """Return what the options and the environment say together.

    Args:
        options: From the program; they win over the environment.
        host: This machine's name, for a node that was given none.

    Raises:
        ConfigError: Something cannot be used; the text says what to do.
        TypeError: Somebody called the class of nodes itself.
    """
    if not isinstance(options, Options):
        raise TypeError("Node(...) makes no node: use Node.start(name, ...)")
    _check_timing(options)
    _check_engine(options)
    _check_tls(options.tls, options)
    listen = _listen(options)
    joins = _joins(options.join) if listen is not None else ()
    if listen is None and options.join:
        raise ConfigError("a node with listen=None cannot join others", code="B018")
    found: tuple[bytes, ...] = ()
    source = "nowhere"
    if not options.insecure and listen is not None:
        # Whom a hidden node joins has a cookie: one made here would be another.
        looks = options.hidden and bool(joins)
        found, source = cookies.find(options.cookie, make=not looks)
    return Config(
        name=_name(options.name, host),
        listen=listen,
        advertise=_advertise(options, listen),
        join=joins,
        cookies=found,
        cookie_from=source,
        secrecy=None if options.tls is None else Secrecy(options.tls),
        options=options,
        http=_http(options),
    )


def _name(given: object, host: str) -> str:
    name = os.environ.get("GROUP_NODE") if given is None else given
    if name is None:
        name = f"{host}-{os.getpid()}"
    start = "node name must be 1-255 printable bytes, got"
    if not isinstance(name, str):
        raise ConfigError(
            f"{start} {name!r:.80} ({type(name).__name__}); give a str", code="B001"
        )
    if not valid_name(name):
        raise ConfigError(f"{start} {name[:80]!r}", code="B001")
    return name


def _check_timing(options: Options) -> None:
    heartbeat = _positive("heartbeat", options.heartbeat)
    lease = _positive("lease", options.lease)
    _positive("join_timeout", options.join_timeout)
    _positive("handshake_timeout", options.handshake_timeout)
    _positive("dns_interval", options.dns_interval)
    if not 0 <= options.grace < math.inf:
        raise ConfigError(
            f"grace must be a number of seconds, got {options.grace}", code="B009"
        )
    if lease < 3 * heartbeat:
        raise ConfigError(
            f"lease ({lease} s) must be at least 3 \N{MULTIPLICATION SIGN} heartbeat "
            f"({heartbeat} s)",
            code="B009",
        )


def _positive(name: str, value: object) -> float:
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    if not 0 < number <= 86_400:
        raise ConfigError(
            f"{name} must be a positive number of seconds, got {value!r:.80}",
            code="B009",
        )
    return number


def _check_tls(tls: object, options: Options) -> None:
    if tls is not None and not isinstance(tls, TLS):
        raise ConfigError(
            "tls needs ca, cert and key; verification cannot be switched off: "
            f"write transport.TLS(...), got {tls!r:.80}",
            code="B011",
        )
    if tls is not None and options.insecure:
        raise ConfigError("tls= needs a cookie, so not insecure=True", code="B011")


def _check_engine(options: Options) -> None:
    if options.engine != "tcp":
        raise ConfigError(
            f"engine must be 'tcp', got {options.engine!r}; there is no other yet",
            code="B010",
        )
    if not valid_name(options.cluster_id):
        raise ConfigError(
            f"cluster_id must be 1-255 printable bytes, got {options.cluster_id!r:.80}",
            code="B001",
        )


def _listen(options: Options) -> tuple[str, int] | None:
    text = options.listen
    if text is None:
        return None
    if text == LOOPBACK:
        text = os.environ.get("GROUP_LISTEN", LOOPBACK)
    host, port = _address(text, "listen")
    if is_loopback(host):
        return host, port
    if options.insecure:
        raise ConfigError(
            f"refusing to listen on {host} without a cookie; insecure=True is for "
            "loopback addresses only",
            code="B003",
        )
    if options.tls is None and not options.allow_plaintext_network:
        raise ConfigError(
            f"refusing to listen on {host} without TLS; set tls=… or "
            "allow_plaintext_network=True",
            code="B003",
        )
    if is_wildcard(host) and not _advertised(options):
        raise ConfigError(
            f'listening on {host} needs advertise="HOST:PORT" that peers can reach '
            "(e.g. POD_IP)",
            code="B004",
        )
    return host, port


def _http(options: Options) -> Where | None:
    if options.http is None:
        return None
    return check_http(
        options.http, options.http_token, options.http_hosts, is_loopback=is_loopback
    )


def _advertised(options: Options) -> str | None:
    if options.advertise is not None:
        return options.advertise
    return os.environ.get("GROUP_ADVERTISE") or None


def _advertise(options: Options, listen: tuple[str, int] | None) -> str | None:
    text = _advertised(options)
    if text is None or listen is None:
        return None
    return addresses.unite(*_address(text, "advertise"))


def _joins(given: Join) -> tuple[str, ...]:
    try:
        several = [given] if isinstance(given, str) else list(given)
    except TypeError:
        raise ConfigError(
            f"join must be host:port, or several, got {given!r:.80}", code="B018"
        ) from None
    several += re.split(r"[,\s]+", os.environ.get("GROUP_JOIN", ""))
    return tuple(peer_address(text) for text in several if text)


def peer_address(text: object) -> str:
    """Return a peer's address in the one way of writing it.

    Raises:
        ConfigError: It is neither host:port nor dns://host:port.
    """
    if not isinstance(text, str):
        raise ConfigError(f"bad peer address {text!r:.80}", code="B018")
    start = addresses.DNS if text.startswith(addresses.DNS) else ""
    host, port = _address(text.removeprefix(start), "peer")
    if port == 0:
        raise ConfigError(f"bad peer address {text!r:.80}: port 0", code="B018")
    return start + addresses.unite(host, port)


def _address(text: str, what: str) -> tuple[str, int]:
    try:
        return addresses.split(text)
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"bad {what} address {str(text)[:80]!r}; write host:port", code="B018"
        ) from error


def is_loopback(host: str) -> bool:
    """Tell whether an address never leaves this machine."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def is_wildcard(host: str) -> bool:
    """Tell whether an address means all interfaces."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def is_numeric(host: str) -> bool:
    """Tell whether a host needs no name service."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
