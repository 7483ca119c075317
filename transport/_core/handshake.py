"""Who are you, which version, prove it: four messages before a link's first frame.

    dialler  -> HELLO1  versions, cluster, name, incarnation, nonce, features
    answerer -> HELLO2  version, name, incarnation, nonce, features
    dialler  -> AUTH_I  HMAC(k_i, T + "dialler")
    answerer -> AUTH_R  HMAC(k_r, T + "answerer" + AUTH_I)

Every message is `"AGRP" | u8 kind | u16 length | body`, at most 1 KiB. T holds both
HELLOs whole and both certificate fingerprints, each with its length in front. All
keys are HKDF-SHA256 of the cookie, a label and SHA-256(T). Roles and names in T end
reflection and relay between roles, the nonces end replay, the version offers end
downgrade. The dialler proves itself first, so an anonymous caller learns nothing
keyed; a rogue listener could try weak cookies against AUTH_I, hence the 32 bytes.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from transport._core.errors import (
    AuthError,
    ProtocolError,
    RejectedError,
    TransportError,
    VersionError,
    WireError,
)
from transport._core.identity import INCARNATION_BYTES, NodeId, valid_name

MAGIC = b"AGRP"
MAX_HANDSHAKE_BYTES = 1024
NONCE_BYTES = 32
VERSIONS = (1, 1)
# Features that both ends must have alike.
SEALED = 1
TLS = 2

_HEAD = struct.Struct(">4sBH")
_TOKEN_MASK = (1 << 63) - 1
_STRANGERS = {
    b"GET ": "HTTP",
    b"POST": "HTTP",
    b"HEAD": "HTTP",
    b"PUT ": "HTTP",
    b"OPTI": "HTTP",
    b"CONN": "HTTP",
    b"PRI ": "HTTP",
    b"SSH-": "SSH",
}


class Step(IntEnum):
    """The kinds of handshake messages."""

    HELLO1 = 1
    HELLO2 = 2
    AUTH_I = 3
    AUTH_R = 4
    REJECT = 5


@dataclass(frozen=True, slots=True)
class Credentials:
    """What this node says and proves about itself.

    Attributes:
        node: This life of this node.
        cluster_id: Nodes of other clusters are turned away.
        cookies: The first proves us, any proves a peer; none is mode "insecure".
        tls: The connection hides and protects what is said; frames need no MAC.
    """

    node: NodeId
    cluster_id: str
    cookies: tuple[bytes, ...] = field(repr=False)
    versions: tuple[int, int] = VERSIONS
    tls: bool = False

    @property
    def sealed(self) -> bool:
        """Whether frames after the handshake carry a MAC."""
        return bool(self.cookies) and not self.tls

    @property
    def features(self) -> int:
        """What the greeting says of the mode."""
        return (SEALED if self.sealed else 0) | (TLS if self.tls else 0)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a finished handshake has established. `token` is equal at both ends."""

    node: NodeId
    token: int
    send_key: bytes | None = field(repr=False)
    receive_key: bytes | None = field(repr=False)


class _Hello(NamedTuple):
    versions: tuple[int, int]
    cluster_id: str
    node: NodeId
    nonce: bytes
    features: int


class Handshake:
    """One end of the handshake, sans-IO. Not thread-safe."""

    def __init__(
        self,
        me: Credentials,
        nonce: bytes,
        *,
        dialler: bool,
        fingerprints: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self._me = me
        self._nonce = nonce
        self._dialler = dialler
        self._fingerprints = fingerprints
        self._buffer = b""
        self._expects = Step.HELLO2 if dialler else Step.HELLO1
        self._hello1 = b""
        # Both greetings as they were sent, and their SHA-256.
        self._transcript = self._digest = b""
        self._mac_i = b""
        self._keys = b""
        self.peer: NodeId | None = None
        self.proof: Proof | None = None

    def begin(self) -> bytes:
        """Return the dialler's first bytes."""
        self._hello1 = self._hello()
        return _pack(Step.HELLO1, self._hello1)

    def receive(self, data: bytes) -> bytes:
        """Take bytes; return bytes to send. Look at `proof` afterwards.

        Raises:
            WireError: This connection must end; `farewell` says with which bytes.
        """
        self._buffer += data
        out = b""
        while self.proof is None and (body := self._next()) is not None:
            out += self._take(body)
        return out

    def rest(self) -> bytes:
        """Return, once, the bytes that came behind the last message."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _next(self) -> bytes | None:
        """Return the next whole message's body, having checked its head."""
        if len(self._buffer) >= len(MAGIC) and not self._buffer.startswith(MAGIC):
            raise ProtocolError(looks_like(self._buffer), reason="magic")
        if len(self._buffer) < _HEAD.size:
            return None
        _, kind, length = _HEAD.unpack_from(self._buffer)
        if length > MAX_HANDSHAKE_BYTES:
            raise ProtocolError(
                f"handshake message of {length} bytes", reason="handshake"
            )
        end = _HEAD.size + length
        if len(self._buffer) < end:
            return None
        body, self._buffer = self._buffer[_HEAD.size : end], self._buffer[end:]
        if kind == Step.REJECT:
            raise _rejection(body)
        if kind != self._expects:
            raise ProtocolError(
                f"handshake message {kind} where {self._expects} was next",
                reason="order",
            )
        return body

    def _take(self, body: bytes) -> bytes:
        match self._expects:
            case Step.HELLO1:
                return self._take_hello1(body)
            case Step.HELLO2:
                return self._take_hello2(body)
            case Step.AUTH_I:
                return self._take_auth_i(body)
            case _:
                return self._take_auth_r(body)

    def _take_hello1(self, body: bytes) -> bytes:
        hello = self._meet(body)
        reply = self._hello()
        self._greeted(body, reply)
        self.peer = hello.node
        self._expects = Step.AUTH_I
        return _pack(Step.HELLO2, reply)

    def _take_hello2(self, body: bytes) -> bytes:
        hello = self._meet(body)
        if hello.nonce == self._nonce:
            raise AuthError("the peer returned our own nonce")
        self._greeted(self._hello1, body)
        self.peer = hello.node
        self._keys = _extract(self._me.cookies[0] if self._me.cookies else b"")
        self._mac_i = self._mac(self._keys, b"dialler")
        self._expects = Step.AUTH_R
        return _pack(Step.AUTH_I, self._mac_i)

    def _take_auth_i(self, body: bytes) -> bytes:
        for cookie in self._me.cookies or (b"",):
            keys = _extract(cookie)
            if hmac.compare_digest(self._mac(keys, b"dialler"), body):
                self._keys, self._mac_i = keys, body
                self._finish()
                return _pack(Step.AUTH_R, self._mac(keys, b"answerer", body))
        raise AuthError(f"authentication failed with {self.peer}")

    def _take_auth_r(self, body: bytes) -> bytes:
        expected = self._mac(self._keys, b"answerer", self._mac_i)
        if not hmac.compare_digest(expected, body):
            raise AuthError(f"authentication failed with {self.peer}")
        self._finish()
        return b""

    def _hello(self) -> bytes:
        me = self._me
        return b"".join(
            (
                bytes(me.versions),
                _text(me.cluster_id),
                _text(me.node.name),
                me.node.incarnation,
                self._nonce,
                me.features.to_bytes(4, "big"),
            )
        )

    def _meet(self, body: bytes) -> _Hello:
        """Read a HELLO and judge whether we may talk at all."""
        hello, me = _read_hello(body), self._me
        low, high = max(hello.versions[0], me.versions[0]), me.versions[1]
        if low > min(hello.versions[1], high):
            raise _differs("version", _range(hello.versions), _range(me.versions))
        if hello.cluster_id != me.cluster_id:
            raise _differs("cluster", _brief(hello.cluster_id), _brief(me.cluster_id))
        if hello.node == me.node:
            raise RejectedError("this is the node itself", reason="self")
        if hello.features & (SEALED | TLS) != me.features:
            raise _differs("mode", _mode(hello.features), _mode(me.features))
        return hello

    def _greeted(self, hello1: bytes, hello2: bytes) -> None:
        """Both greetings are known, and with them what everything is derived from."""
        parts = (hello1, hello2, *self._fingerprints)
        self._transcript = b"".join(
            [len(part).to_bytes(4, "big") + part for part in parts]
        )
        self._digest = hashlib.sha256(self._transcript).digest()

    def _mac(self, keys: bytes, role: bytes, after: bytes = b"") -> bytes:
        key = _expand(keys, b"prove " + role, self._digest)
        return hmac.digest(key, self._transcript + role + after, "sha256")

    def _finish(self) -> None:
        keys, digest = self._keys, self._digest
        token = _expand(keys, b"token", digest)[:8]
        to_answerer = to_dialler = None
        if self._me.sealed:
            to_answerer = _expand(keys, b"dialler to answerer", digest)
            to_dialler = _expand(keys, b"answerer to dialler", digest)
        assert self.peer is not None
        self.proof = Proof(
            node=self.peer,
            token=int.from_bytes(token, "big") & _TOKEN_MASK or 1,
            send_key=to_answerer if self._dialler else to_dialler,
            receive_key=to_dialler if self._dialler else to_answerer,
        )


def farewell(error: TransportError) -> bytes:
    """Return what may be said to a peer before it has proven itself, if anything."""
    match error:
        case HeardError():
            return b""
        case AuthError():
            return _pack(Step.REJECT, _text("auth") + _text("authentication failed"))
        case VersionError() | RejectedError():
            return _pack(Step.REJECT, _text(error.reason) + _text(error.for_peer))
        case _:
            return b""


def looks_like(data: bytes) -> str:
    """Say in words what a stranger's first bytes look like."""
    if data[:2] == b"\x16\x03":
        return "peer speaks TLS, this node is in hmac mode"
    what = _STRANGERS.get(bytes(data[:4]))
    if what is None and data[0] == 0x80 and data[1] <= 5:
        what = "a pickle stream"
    return f"not an actor-group peer{f' (looks like {what})' if what else ''}"


def greeter(data: bytes) -> NodeId | None:
    """Return who dials, by the first bytes of a connection; None: more are needed.

    Raises:
        ProtocolError: They are not the greeting of a node.
    """
    if len(data) < _HEAD.size:
        return None
    if not data.startswith(MAGIC):
        raise ProtocolError(looks_like(data), reason="handshake")
    end = _HEAD.size + _HEAD.unpack_from(data)[2]
    return None if len(data) < end else _read_hello(data[_HEAD.size : end]).node


class HeardError(RejectedError):
    """The peer rejected us during the handshake."""


def _differs(what: str, there: str, here: str) -> WireError:
    """Return a refusal that both ends read from their own side."""
    text = f"{what}: peer {there}, here {here}"
    error = (
        VersionError(text) if what == "version" else RejectedError(text, reason=what)
    )
    error.for_peer = f"{what}: peer {here}, here {there}"
    return error


def _brief(text: str) -> str:
    """Show a text that may be long; a rejection holds 255 bytes."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _rejection(body: bytes) -> WireError:
    code, rest = _cut_text(body)
    text, _ = _cut_text(rest)
    # Nobody has proven anything: what goes into a log must not look like its lines.
    return HeardError(_printable(text), reason=_printable(code))


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)


def _pack(step: Step, body: bytes) -> bytes:
    return _HEAD.pack(MAGIC, step, len(body)) + body


def _text(text: str) -> bytes:
    raw = text.encode()[:255]
    return bytes((len(raw),)) + raw


def _cut_text(data: bytes) -> tuple[str, bytes]:
    end = 1 + data[0] if data else 1
    if len(data) < end:
        raise ProtocolError("handshake text is cut short", reason="handshake")
    return data[1:end].decode(errors="replace"), data[end:]


def _read_hello(body: bytes) -> _Hello:
    cluster_id, rest = _cut_text(body[2:])
    name, rest = _cut_text(rest)
    if len(rest) != INCARNATION_BYTES + NONCE_BYTES + 4:
        raise ProtocolError("handshake greeting has a wrong size", reason="handshake")
    if not valid_name(name):
        raise ProtocolError("handshake with an illegal name", reason="handshake")
    incarnation, rest = rest[:INCARNATION_BYTES], rest[INCARNATION_BYTES:]
    return _Hello(
        versions=(body[0], body[1]),
        cluster_id=cluster_id,
        node=NodeId(name, incarnation),
        nonce=rest[:NONCE_BYTES],
        features=int.from_bytes(rest[NONCE_BYTES:], "big"),
    )


def _extract(cookie: bytes) -> bytes:
    return hmac.digest(b"agrp/1", cookie, "sha256")


def _expand(keys: bytes, label: bytes, digest: bytes) -> bytes:
    return hmac.digest(keys, label + b"\0" + digest + b"\x01", "sha256")


def _range(versions: tuple[int, int]) -> str:
    return f"{versions[0]}-{versions[1]}"


def _mode(features: int) -> str:
    if features & TLS:
        return "tls"
    return "hmac" if features & SEALED else "insecure"
