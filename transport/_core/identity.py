"""Who a node is: a name that people read and an incarnation that is never reused."""

from typing import NamedTuple

INCARNATION_BYTES = 16
# Names travel in the handshake, whose frames hold 1 KiB.
NAME_MAX_BYTES = 255
_BOOT_MASK = (1 << 48) - 1


class NodeId(NamedTuple):
    """One life of one node. Compared for equality only, never for order.

    Ordering by boot time would lock a node out after its clock stepped back.
    """

    name: str
    incarnation: bytes

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"NodeId({self.name!r}, {self.incarnation.hex()[:12]})"


def new_incarnation(boot_ms: int, entropy: bytes) -> bytes:
    """Return 48 bits of boot time and 80 random bits.

    Args:
        boot_ms: Wall clock in milliseconds; only people read it.
        entropy: At least ten random bytes.
    """
    return (boot_ms & _BOOT_MASK).to_bytes(6, "big") + entropy[:10]


def valid_name(name: object) -> bool:
    """Tell whether a node may be called so: 1 to 255 printable bytes of UTF-8."""
    if not isinstance(name, str) or not name.isprintable():
        return False
    # Lone surrogates, which do not encode, are not printable either.
    return 1 <= len(name.encode()) <= NAME_MAX_BYTES
