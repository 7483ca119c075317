"""Who may ask what: decided by the words of a request alone.

Read-only, whatever is asked: GET and HEAD. A browser that was lured here by the name of
another site says that name in `Host`, so only names that are ours are answered; an
address cannot be such a name. With a token, everything but the probes wants it: in a
header, or once in the address, for which the browser gets a cookie.
"""

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

PROBES = frozenset({"/alive", "/ready"})
METHODS = ("GET", "HEAD")
MAX_FIELDS = 20
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Asked:
    """The head of a request.

    Attributes:
        method: In capitals.
        target: As it stands in the first line.
        headers: Names in small letters; every value of each.
    """

    method: str
    target: str
    headers: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not answered; `words` says why, to people."""

    status: int
    words: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The token was in the address: go there without it, and keep this cookie."""

    location: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """It is answered."""

    path: str
    query: Mapping[str, str]


Verdict = Refused | Welcome | Allowed


class Rules:
    """The rules of one server.

    Args:
        hosts: Names under which it may be asked, beside addresses and localhost.
        token: The secret; None when none is wanted.
        salt: What makes the cookies of this life of the server its own.
        port: Part of the cookie's name: browsers do not tell ports apart.
    """

    def __init__(
        self, hosts: Sequence[str], token: str | None, salt: bytes, port: int
    ) -> None:
        self._hosts = {host.lower() for host in hosts} | {"localhost"}
        self._token = None if token is None else token.encode()
        self._cookie_name = f"group_token_{port}"
        secret = b"" if self._token is None else self._token
        # Not the token itself, which would still be good after a restart.
        self._cookie = hmac.new(secret, salt, sha256).hexdigest()

    def judge(self, asked: Asked) -> Verdict:
        """Decide about a request."""
        if asked.method not in METHODS:
            return Refused(405, "this server only shows things: use GET or HEAD")
        if _has_body(asked):
            return Refused(400, "a request with a body is not understood here")
        if not asked.target.startswith("/") or asked.target.startswith("//"):
            return Refused(400, "the target must be a path")
        target = urlsplit(asked.target)
        path = unquote(target.path, errors="replace")
        try:
            pairs = parse_qsl(
                target.query, keep_blank_values=True, max_num_fields=MAX_FIELDS
            )
        except ValueError:
            return Refused(400, f"more than {MAX_FIELDS} parameters")
        query = dict(pairs)
        if path in PROBES:
            return Allowed(path, query)
        return self._judge_stranger(asked, path, query)

    def _judge_stranger(
        self, asked: Asked, path: str, query: dict[str, str]
    ) -> Verdict:
        wrong = self._wrong_host(asked.headers.get("host", ()))
        if wrong is not None:
            return wrong
        if _from_another_site(asked) and path != "/":
            return Refused(403, "asked by a page of another site")
        if self._token is None:
            query.pop("token", None)
            return Allowed(path, query)
        given = query.pop("token", None)
        if given is not None and self._same(given):
            rest = f"?{urlencode(query)}" if query else ""
            return Welcome(_quoted(path) + rest, self._set_cookie())
        if self._proven(asked.headers):
            return Allowed(path, query)
        return Refused(
            401,
            "this server wants its token: open this address once with ?token=TOKEN, "
            "or send the header Authorization: Bearer TOKEN",
        )

    # Host

    def _wrong_host(self, given: Sequence[str]) -> Refused | None:
        if len(given) > 1:
            return Refused(400, "more than one Host")
        # Only programs leave it out, by HTTP/1.0: a browser cannot.
        if not given or self._is_ours(given[0]):
            return None
        return Refused(
            403,
            "this server is not known by the name in Host; ask it by its address, or "
            "name it in http_hosts=",
        )

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host.strip().lower())
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    # The token

    def _same(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(
            given.encode(errors="replace"), self._token
        )

    def _proven(self, headers: Mapping[str, Sequence[str]]) -> bool:
        for value in headers.get("authorization", ()):
            if value[: len(_BEARER)].lower() == _BEARER:
                return self._same(value[len(_BEARER) :].strip())
        return any(self._has_cookie(value) for value in headers.get("cookie", ()))

    def _has_cookie(self, value: str) -> bool:
        # Not by http.cookies, which reads nothing behind a cookie that it does not
        # like: those of all servers of a host come together.
        for each in value.split(";"):
            name, _, given = each.strip().partition("=")
            if name == self._cookie_name:
                return hmac.compare_digest(given.encode(), self._cookie.encode())
        return False

    def _set_cookie(self) -> str:
        name = self._cookie_name
        return f"{name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"


def _has_body(asked: Asked) -> bool:
    length = asked.headers.get("content-length", ())
    return "transfer-encoding" in asked.headers or any(n.strip() != "0" for n in length)


def _from_another_site(asked: Asked) -> bool:
    """Tell whether a browser says that a page of another site asks."""
    return "cross-site" in asked.headers.get("sec-fetch-site", ())


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _quoted(path: str) -> str:
    # Never "//host": that would lead away from here.
    return "/" + quote(path.lstrip("/"))
