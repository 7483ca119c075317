"""What actors on two nodes say to each other, and how it is written.

A closed union, as for control frames: every field is typed and bounded. What users
send travels as opaque bytes (`payload`, `reason`), which only its addressee decodes.

    message                         answered by
    Tell TellMany                   -
    Ask                             Reply | ReplyError | ReplyDead
    Stop                            Reply | ReplyDead
    Monitor Demonitor               Down, once
    Link Unlink                     LinkExit, once
    LinkCheck                       nothing, Unlink or LinkExit
    Exit                            -

An addressee is a number of the receiving node, or a name registered there.
"""

from typing import Annotated

import msgspec

from transport._core.errors import ProtocolError
from transport._core.frames import MAX_MESSAGE_BYTES

# What a node reassembles is a header and one payload.
MAX_PAYLOAD_BYTES = MAX_MESSAGE_BYTES - 128 * 1024
# So many addressees leave the rest of the header far below that.
MAX_ADDRESSEES = 8192
# An exit reason is a small value; a traceback is cut to fit.
MAX_REASON_BYTES = 1024 * 1024
# Characters of a traceback, or of an exception's message, that travel.
MAX_TRACEBACK = 64 * 1024
# Characters of a registered name, or of the name of a class.
MAX_NAME = 1024

Id = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
ClassName = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
To = Id | Name
Payload = Annotated[bytes, msgspec.Meta(max_length=MAX_PAYLOAD_BYTES)]
Encoded = Annotated[bytes, msgspec.Meta(max_length=MAX_REASON_BYTES)]


class _Header(
    msgspec.Struct, array_like=True, forbid_unknown_fields=True, tag=0, frozen=True
):
    """Every message is a frozen array with the number of its type in front."""


class Tell(_Header, frozen=True, tag=1):
    """One message without an answer."""

    to: To
    payload: Payload


class TellMany(_Header, frozen=True, tag=2):
    """One message to many actors of the node."""

    ns: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_ADDRESSEES)]
    payload: Payload


class Ask(_Header, frozen=True, tag=3):
    """One message whose answer carries the same id."""

    id: Id
    to: To
    payload: Payload


class Reply(_Header, frozen=True, tag=4):
    """The value that answers an Ask or a Stop."""

    id: Id
    payload: Payload


class ReplyError(_Header, frozen=True, tag=5):
    """The exception that answers an Ask, as text. See `_faults.py`."""

    id: Id
    module: str
    name: str
    message: str
    traceback: str


class ReplyDead(_Header, frozen=True, tag=6):
    """Nobody lives under the asked number or name."""

    id: Id


class Stop(_Header, frozen=True, tag=7):
    """Stop an actor after its backlog; answered when it has ended."""

    id: Id
    to: To


class Monitor(_Header, frozen=True, tag=8):
    """Say with one Down when this actor has ended. Repeated after a lost link."""

    id: Id
    to: To


class Demonitor(_Header, frozen=True, tag=9):
    """No Down for this monitor is wanted any more."""

    id: Id


class Down(_Header, frozen=True, tag=10):
    """The monitored actor has ended."""

    id: Id
    reason: Encoded


class Link(_Header, frozen=True, tag=11):
    """An actor of the sender ties its life to one of the receiver's.

    `again`: the same link as before, asked for again after a lost connection.
    """

    id: Id
    n: Id
    cls: ClassName
    to: To
    again: bool


class Unlink(_Header, frozen=True, tag=12):
    """The link is undone. `mine`: the sender of this had asked for it."""

    id: Id
    mine: bool


class LinkExit(_Header, frozen=True, tag=13):
    """One end of a link has ended. `mine` as in `Unlink`."""

    id: Id
    mine: bool
    reason: Encoded


class LinkCheck(_Header, frozen=True, tag=14):
    """Does the link that your actor `n` asked for under this id still hold?"""

    id: Id
    n: Id


class Exit(_Header, frozen=True, tag=15):
    """An exit signal that somebody sends on purpose; n = 0: not an actor."""

    to: To
    n: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
    cls: ClassName
    reason: Encoded


Header = (
    Tell
    | TellMany
    | Ask
    | Reply
    | ReplyError
    | ReplyDead
    | Stop
    | Monitor
    | Demonitor
    | Down
    | Link
    | Unlink
    | LinkExit
    | LinkCheck
    | Exit
)

_decoder: msgspec.msgpack.Decoder[Header] = msgspec.msgpack.Decoder(Header)
_encode = msgspec.msgpack.Encoder().encode


def write(header: Header) -> bytes:
    """Return the body of a message frame."""
    return _encode(header)


def read(body: bytes) -> Header:
    """Return the message in the body of a message frame.

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
            f"actor message does not decode: {error}", reason="decode"
        ) from error
