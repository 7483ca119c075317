"""What two nodes say to each other about their link, and how it is written.

A closed union: every type, every field and every bound is known, nothing is decoded
into free-form objects, and whatever else arrives is a ProtocolError.
"""

from typing import Annotated

import msgspec

from transport._core.errors import ProtocolError

U32 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
# msgspec checks bounds as signed 64-bit numbers, so the top bit is never used.
U63 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Millis = Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Address = Annotated[str, msgspec.Meta(max_length=300)]
Words = Annotated[str, msgspec.Meta(max_length=256)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Value = Annotated[str, msgspec.Meta(max_length=1024)] | U63


class _Message(
    msgspec.Struct, array_like=True, forbid_unknown_fields=True, tag=True, frozen=True
):
    """Every control message is a frozen array with its type's name in front."""


class Ready(_Message, frozen=True):
    """The parameters of a link.

    Codec, heartbeat and lease must be equal, the last two not where one end hides.
    """

    codec: U32
    heartbeat_ms: Millis
    lease_ms: Millis
    # The link that the dialler believes dead; 0 is none.
    prev_token: U63
    # host:port where this node can be dialled; "" is nowhere.
    advertise: Address
    wall_ms: U63
    hidden: bool
    pickle: bool
    version: Word


class Reject(_Message, frozen=True):
    """Why this connection will not become a link."""

    code: Word
    text: Words


class Open(_Message, frozen=True):
    """The sender runs this channel; its frames on this link will carry `gid`."""

    gid: U32
    name: Name
    kind: Word
    params: Annotated[tuple[tuple[Word, Value], ...], msgspec.Meta(max_length=32)]


class Accept(_Message, frozen=True):
    """The receiver's channel `gid` fits a channel here."""

    gid: U32


class Refuse(_Message, frozen=True):
    """The receiver's channel `gid` does not fit the one here."""

    gid: U32
    text: Words


class Close(_Message, frozen=True):
    """The sender's channel `gid` has ended."""

    gid: U32


class Beat(_Message, frozen=True):
    """A sign of life, with the sender's wall clock."""

    wall_ms: U63


class Bye(_Message, frozen=True):
    """The sender leaves for good."""

    text: Words


class Peers(_Message, frozen=True):
    """Where other nodes may be dialled: (name, host:port). Hints, never state."""

    hints: Annotated[tuple[tuple[Name, Address], ...], msgspec.Meta(max_length=1024)]


class Ping(_Message, frozen=True):
    """Answer with the same number."""

    id: U63


class Pong(_Message, frozen=True):
    """The answer to a Ping."""

    id: U63


Control = (
    Ready | Reject | Open | Accept | Refuse | Close | Beat | Bye | Peers | Ping | Pong
)

_decoder: msgspec.msgpack.Decoder[Control] = msgspec.msgpack.Decoder(Control)
_encode = msgspec.msgpack.Encoder().encode


def encode(message: Control) -> bytes:
    """Return the body of a control frame."""
    return _encode(message)


def decode(body: bytes) -> Control:
    """Return the message in the body of a control frame.

    Raises:
        ProtocolError: It is not exactly one well-formed message of the union.
    """
    try:
        return _decoder.decode(body)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise ProtocolError(
            f"control frame does not decode: {error}", reason="decode"
        ) from error


def short(text: str, limit: int = 256) -> str:
    """Cut words to what a message may carry."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
