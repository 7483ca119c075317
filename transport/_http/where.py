"""Where the operations server listens and whom it answers, checked once."""

import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from transport._core import addresses
from transport._errors import ConfigError

MIN_TOKEN = 16
VARIABLE = "GROUP_HTTP_TOKEN"


@dataclass(frozen=True, slots=True)
class Where:
    """What the options say together.

    Attributes:
        token: None when none is wanted.
        hosts: Names under which it may be asked, beside addresses and localhost.
    """

    host: str
    port: int
    token: str | None = field(repr=False)
    hosts: tuple[str, ...]


def check_http(
    http: object,
    token: object,
    hosts: object,
    *,
    is_loopback: Callable[[str], bool],
) -> Where:
    """Return where to listen.

    Args:
        http: host:port; port 0 takes a free one.
        token: The secret that visitors must know; None looks into GROUP_HTTP_TOKEN.
        hosts: More names under which it may be asked.
        is_loopback: Whether an address never leaves this machine.

    Raises:
        ConfigError: Something cannot be used; the text says what to do.
    """
    host, port = _split(http)
    if token is None:
        token = os.environ.get(VARIABLE) or None
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"refusing to serve http on {host} without a token: everybody there could "
            f"read all names and metas; set http_token= or {VARIABLE}, such as "
            f"{secrets.token_urlsafe(24)}",
            code="B003",
        )
    names = [hosts] if isinstance(hosts, str) else hosts
    if not isinstance(names, Iterable):
        raise ConfigError(f"http_hosts must be names, got {hosts!r:.80}", code="B010")
    return Where(host, port, _token(token), (host, *map(str, names)))


def _split(http: object) -> tuple[str, int]:
    if isinstance(http, str):
        try:
            return addresses.split(http)
        except ValueError:
            pass
    raise ConfigError(f"bad http address {http!r:.80}; write host:port", code="B018")


def _token(token: object) -> str | None:
    if token is None:
        return None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise ConfigError("http_token must be printable ASCII", code="B005")
    if len(token) < MIN_TOKEN or " " in token:
        raise ConfigError(
            f"http_token must be at least {MIN_TOKEN} characters without a space "
            f"(got {len(token)}); such as {secrets.token_urlsafe(24)}",
            code="B005",
        )
    return token
