"""TLS 1.3 below the links: both ends show a certificate of the same authority.

It hides what is said. Who may say it is still decided by the cookie, whose proof
covers both certificates, and by the name: a certificate must bear its node's name.
"""

import hashlib
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

from transport._core.errors import AuthError
from transport._errors import ConfigError
from transport._links import io

# A record of TLS: more may wait inside although the socket is empty.
RECORD_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class TLS:
    """Files in PEM form. Verification cannot be switched off.

    Attributes:
        ca: The authority that has signed every node's certificate.
        cert: This node's certificate; its names (SAN, DNS) hold the node's name.
        key: Its private key.
    """

    ca: str | Path
    cert: str | Path
    key: str | Path


class Secrecy:
    """What a node needs to speak TLS. Any thread."""

    def __init__(self, files: TLS) -> None:
        """Read the files.

        Raises:
            ConfigError: They cannot be read, or do not fit each other.
        """
        try:
            for path in (files.ca, files.cert, files.key):
                # OpenSSL does not say which file it could not read; this does.
                Path(path).read_bytes()
            self._answering = _context(ssl.PROTOCOL_TLS_SERVER, files)
            self._dialling = _context(ssl.PROTOCOL_TLS_CLIENT, files)
            pem = Path(files.cert).read_text(encoding="ascii")
            self.fingerprint = _digest(ssl.PEM_cert_to_DER_cert(_first(pem)))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ConfigError(
                "tls needs ca, cert and key; verification cannot be switched off: "
                f"{error}",
                code="B011",
            ) from error

    def wrap(self, sock: io.Socket, *, dialler: bool) -> "Secured":
        """Return a socket that speaks TLS; `shake` first."""
        context = self._dialling if dialler else self._answering
        inner = context.wrap_socket(
            sock, server_side=not dialler, do_handshake_on_connect=False
        )
        return Secured(inner)


class Secured:
    """A non-blocking TLS socket. Any thread: OpenSSL's object is not, so one lock."""

    def __init__(self, inner: ssl.SSLSocket) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.ready = False

    def shake(self) -> int:
        """Go on with the handshake; return what to wait for, 0 when it is over.

        Raises:
            OSError: It failed.
        """
        try:
            self._inner.do_handshake()
        except ssl.SSLWantReadError:
            return io.READ
        except ssl.SSLWantWriteError:
            return io.WRITE
        self.ready = True
        return 0

    def fileno(self) -> int:
        """Return the descriptor; -1 when closed."""
        return self._inner.fileno()

    def send(self, data: memoryview) -> int:
        """Write some bytes; raise BlockingIOError when there is no room."""
        with self._lock:
            try:
                return self._inner.send(data)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                raise BlockingIOError from None

    def recv_into(self, buffer: memoryview) -> int:
        """Read what there is; raise BlockingIOError when there is nothing."""
        size = 0
        with self._lock:
            while len(buffer) - size >= RECORD_BYTES:
                try:
                    got = self._inner.recv_into(buffer[size:])
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    break
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return size
                if got == 0:
                    return size
                size += got
        if size == 0:
            raise BlockingIOError
        return size

    def pending(self) -> bool:
        """Tell whether decrypted bytes wait that no selector sees."""
        with self._lock:
            return self._inner.pending() > 0

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            self._inner.close()

    def abandon(self) -> None:
        """In a forked child, where nobody will ever release the lock: close."""
        self._inner.close()

    def peer_fingerprint(self) -> bytes:
        """Return the digest of the peer's certificate."""
        return _digest(self._inner.getpeercert(binary_form=True) or b"")

    def check_name(self, name: str) -> None:
        """Compare a proven node's name with its certificate.

        Raises:
            AuthError: The certificate is for others.
        """
        found = self._inner.getpeercert() or {}
        names = [str(row[1]) for row in found.get("subjectAltName", ())]
        if name not in names:
            shown = ", ".join(names) or "nobody"
            raise AuthError(
                f"certificate of {name} is for {shown!r}, expected {name!r}",
                reason="certificate",
            )


def failure(error: OSError) -> tuple[str, str]:
    """Return a word and words for a TLS handshake that failed."""
    reason = getattr(error, "reason", None) or ""
    if reason in {"HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNEXPECTED_MESSAGE"}:
        return "plain", "peer does not speak TLS"
    if "CERT" in reason:
        detail = getattr(error, "verify_message", "") or io.words(error)
        return "certificate", f"certificate problem: {detail}"
    return "tls", f"TLS: {io.words(error)}"


def _context(protocol: int, files: TLS) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # The name in the certificate is the node's, checked when it is proven.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.cert, files.key)
    return context


def _first(pem: str) -> str:
    end = "-----END CERTIFICATE-----"
    return pem[pem.index("-----BEGIN CERTIFICATE-----") : pem.index(end) + len(end)]


def _digest(certificate: bytes) -> bytes:
    return hashlib.sha256(certificate).digest()
