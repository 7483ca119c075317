"""The secret that the nodes of a cluster share, and where it is kept."""

import contextlib
import os
import secrets
import shlex
import stat
from pathlib import Path

from transport._errors import ConfigError

MIN_BYTES = 32
Cookie = bytes | str
PROGRAM = "the program"
CREATE = "python -c 'import secrets; print(secrets.token_hex(32))'"


def find(
    given: Cookie | tuple[Cookie, ...] | None, *, make: bool = True
) -> tuple[tuple[bytes, ...], str]:
    """Return the cookies and, in words, where they came from.

    The first one proves this node; each one is taken from a peer, so that a cookie
    can be changed while the cluster runs.

    Args:
        given: From the program; None looks at GROUP_COOKIE, GROUP_COOKIE_FILE and
            ~/.group/cookie in this order. The last is made when it is not there.
        make: Whether it is; whoever only looks in needs that of somebody else.

    Raises:
        ConfigError: It is too short, its file is not private, or a file that somebody
            named is not there.
    """
    if given is not None:
        several = given if isinstance(given, tuple) else (given,)
        return tuple(_checked(_raw(cookie)) for cookie in several), PROGRAM
    text = os.environ.get("GROUP_COOKIE")
    if text is not None:
        return (_checked(text.strip().encode()),), "GROUP_COOKIE"
    named = os.environ.get("GROUP_COOKIE_FILE")
    path = Path(named) if named else _usual()
    if _missing(path):
        _make(path, named=bool(named), make=make)
    return (_checked(_read(path)),), str(path)


def differs(source: str) -> str:
    """Say that a peer has another cookie, and what helps where ours came from.

    Args:
        source: As `find` returned it.
    """
    if source == PROGRAM:
        # It wins, whatever the environment says.
        advice = "Give both nodes the same cookie="
    elif source == "GROUP_COOKIE" or _is_usual(source):
        advice = "Set GROUP_COOKIE to the same value on both nodes"
    else:
        advice = "Give both nodes the same file"
    return f"cookie differs (ours from {source}). {advice}"


def _usual() -> Path:
    return Path.home() / ".group" / "cookie"


def _is_usual(source: str) -> bool:
    # Who has no home directory can have a cookie all the same.
    with contextlib.suppress(RuntimeError):
        return source == str(_usual())
    return False


def _missing(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        # Whoever reads it is told why that cannot be.
        return False
    return False


def _make(path: Path, *, named: bool, make: bool) -> None:
    """Make the user's own file; one that somebody named is another node's, or lost."""
    if named:
        raise ConfigError(
            f"there is no cookie file {path}; copy that of another node there, or "
            f"create one: umask 077; {CREATE} > {shlex.quote(str(path))}",
            code="B007",
        )
    if not make:
        raise ConfigError(
            f"no cookie: there is no {path}; give the cookie of the node to look into "
            "by GROUP_COOKIE or GROUP_COOKIE_FILE",
            code="B007",
        )
    try:
        _create(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"cannot create cookie file {path}: {reason}", code="B007"
        ) from error


def _raw(cookie: object) -> bytes:
    if isinstance(cookie, str):
        return cookie.encode()
    if isinstance(cookie, bytes):
        return cookie
    kind = type(cookie).__name__
    raise ConfigError(f"cookie must be bytes or str, got {kind}", code="B005")


def _checked(cookie: bytes) -> bytes:
    if len(cookie) < MIN_BYTES:
        raise ConfigError(
            f"cookie must be at least {MIN_BYTES} bytes (got {len(cookie)}); "
            f"create one with {CREATE}",
            code="B005",
        )
    return cookie


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            _check_private(path, os.fstat(file.fileno()))
            return file.read(4096).strip()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"cannot read cookie file {path}: {reason}", code="B006"
        ) from error


def _create(path: Path) -> None:
    """Make the file whole or not at all, also when two nodes start at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_hex(32)}\n")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()


def _check_private(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"cookie file {path} has mode {mode:04o}; run chmod 600", code="B006"
        )
    if found.st_uid != os.getuid():
        raise ConfigError(
            f"cookie file {path} belongs to uid {found.st_uid}, "
            f"this process runs as {os.getuid()}",
            code="B006",
        )
