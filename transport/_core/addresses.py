"""What a legal address is: host:port, or dns://host:port to join."""

DNS = "dns://"


def split(address: str) -> tuple[str, int]:
    """Return host and port; brackets round an IPv6 host are taken off.

    Raises:
        ValueError: It is not host:port with a port from 0 to 65535.
    """
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare) != (bare != host):
        raise ValueError(f"bad peer address {address[:80]!r}")
    if not port.isascii() or not port.isdigit() or int(port[:6]) > 65535:
        raise ValueError(f"bad peer address {address[:80]!r}")
    if any(letter.isspace() or not letter.isprintable() for letter in bare):
        raise ValueError(f"bad peer address {address[:80]!r}")
    return bare, int(port)


def unite(host: str, port: int) -> str:
    """Return host:port, with brackets round an IPv6 host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def diallable(address: str) -> bool:
    """Tell whether a hint from a peer could be dialled at all."""
    try:
        return split(address)[1] != 0
    except ValueError:
        return False
