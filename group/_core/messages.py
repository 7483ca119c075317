"""Everything the replicas of one group say to each other, and how it is written.

One link carries, per group: the catalogue of the sender's clusters (`Catalogue`, then
`Joined` and `Left`), and for each shard an independent session (`Hello`, then the
rest). A *lane* is the stream of one origin, cluster and shard; `cid` names the cluster
for this incarnation of the sender and is never reused by it.

    Catalogue   all my clusters; replaces what you knew           once per link, first
    Joined/Left clusters opened, closed                           numbered by `change`
    Hello       what I still hold of your lanes                   once per link, shard
    Ops         operations first .. first + len(ops) - 1 of a lane
    Snap*       the exact rows of a lane at position `head`
    Need        go on from `cursor`; None: send a snapshot
    Beat        a digest over all lanes that are sent in full
    HeadsQuery  your digest differs from mine: send `Heads`
    Ask/Ans     is this claim alive and, for you, the winner? / yes
    Fence/d     have you applied all that I sent before this? / yes
"""

from typing import Annotated

import msgspec
from msgspec import Meta

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Shard = Annotated[int, Meta(ge=0, le=1023)]
Number = Annotated[int, Meta(ge=0, le=2**62)]
Position = Annotated[int, Meta(ge=1, le=2**62)]
ActorNumber = Annotated[int, Meta(ge=1, le=2**62)]
Stamp = Annotated[int, Meta(ge=1)]
Digest = Annotated[int, Meta(ge=0)]
Key = Annotated[str, Meta(min_length=1, max_length=1024)]
ClusterName = Annotated[str, Meta(max_length=255)]
ClassName = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(max_length=4096)]
MetaBytes = Annotated[bytes, Meta(max_length=64 * 1024)]

MAX_CLUSTERS = 100_000
OPS_PER_FRAME = 4_000
BYTES_PER_FRAME = 512 * 1024


class _Struct(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):
    """Written as an array, closed, and never part of a reference cycle."""


class Reason(_Struct, frozen=True):
    """Why a row went: a word, or a crash, or a lost node, told without pickle."""

    kind: Annotated[str, Meta(max_length=32)]
    first: Text = ""
    second: Text = ""


class PutReg(_Struct, tag=1, frozen=True):
    """A registration, new or with new meta. A changed meta keeps the stamp."""

    key: Key
    n: ActorNumber
    cls: ClassName
    stamp: Stamp
    meta: MetaBytes


class DelReg(_Struct, tag=2, frozen=True):
    """A registration is gone."""

    key: Key
    reason: Reason


class PutGrp(_Struct, tag=3, frozen=True):
    """A membership, new or with new meta."""

    key: Key
    n: ActorNumber
    cls: ClassName
    stamp: Stamp
    meta: MetaBytes


class DelGrp(_Struct, tag=4, frozen=True):
    """A membership is gone."""

    key: Key
    n: ActorNumber
    reason: Reason


class DelOwner(_Struct, tag=5, frozen=True):
    """An actor ended: all its rows in this lane are gone."""

    n: ActorNumber
    reason: Reason


Put = PutReg | PutGrp
Op = PutReg | DelReg | PutGrp | DelGrp | DelOwner
# For isinstance(): Python makes a union anew each time that it is written there.
PUTS = (PutReg, PutGrp)
Named = tuple[U32, ClusterName]


class Catalogue(_Struct, tag=1, frozen=True):
    """Every cluster the sender is in, at its change number `change`."""

    change: Number
    clusters: Annotated[list[Named], Meta(max_length=MAX_CLUSTERS)]


class Joined(_Struct, tag=2, frozen=True):
    """The sender has opened these clusters."""

    change: Number
    clusters: Annotated[list[Named], Meta(max_length=MAX_CLUSTERS)]


class Left(_Struct, tag=3, frozen=True):
    """The sender has closed these clusters; none of their lanes sends any more."""

    change: Number
    cids: Annotated[list[U32], Meta(max_length=MAX_CLUSTERS)]


class Hello(_Struct, tag=4, frozen=True):
    """The session of one shard begins: what the sender holds of the receiver."""

    shard: Shard
    hlc: Number
    have: list[tuple[U32, Number]]


class Ops(_Struct, tag=5, frozen=True):
    """Consecutive operations of one lane."""

    shard: Shard
    cid: U32
    first: Position
    ops: Annotated[list[Op], Meta(min_length=1)]


class SnapBegin(_Struct, tag=6, frozen=True):
    """The exact rows of a lane follow."""

    shard: Shard
    cid: U32
    head: Position
    count: Number


class SnapRows(_Struct, tag=7, frozen=True):
    """Some of them."""

    shard: Shard
    cid: U32
    rows: list[Put]


class SnapEnd(_Struct, tag=8, frozen=True):
    """That was all, if count and hash agree."""

    shard: Shard
    cid: U32
    head: Position
    count: Number
    hash: Digest


class Need(_Struct, tag=9, frozen=True):
    """Go on after `cursor`, or send a snapshot."""

    shard: Shard
    cid: U32
    cursor: Number | None


class Beat(_Struct, tag=10, frozen=True):
    """Digest of all lanes sent to you in full, having seen `change` of yours."""

    shard: Shard
    hlc: Number
    change: Number
    digest: Digest | None


class HeadsQuery(_Struct, tag=11, frozen=True):
    """The digests differ."""

    shard: Shard


class Heads(_Struct, tag=12, frozen=True):
    """Position and hash of each lane that is sent in full."""

    shard: Shard
    lanes: list[tuple[U32, Number, Digest]]


class Ask(_Struct, tag=13, frozen=True):
    """Is this claim of yours alive and, for you, the winner?"""

    shard: Shard
    cluster: ClusterName
    key: Key
    n: ActorNumber
    stamp: Stamp


class Ans(_Struct, tag=14, frozen=True):
    """Yes. There is no other answer."""

    shard: Shard
    cluster: ClusterName
    key: Key
    n: ActorNumber
    stamp: Stamp


class Fence(_Struct, tag=15, frozen=True):
    """Tell me when all before this is applied."""

    shard: Shard
    id: Number


class Fenced(_Struct, tag=16, frozen=True):
    """It is."""

    shard: Shard
    id: Number


CatalogueMessage = Catalogue | Joined | Left
OF_CATALOGUE = (Catalogue, Joined, Left)
ShardMessage = (
    Hello
    | Ops
    | SnapBegin
    | SnapRows
    | SnapEnd
    | Need
    | Beat
    | HeadsQuery
    | Heads
    | Ask
    | Ans
    | Fence
    | Fenced
)
Message = CatalogueMessage | ShardMessage


class MessageError(ValueError):
    """A peer sent bytes that are none of these messages, or break their rules."""


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Write a message."""
    return _encoder.encode(message)


def decode(body: bytes) -> Message:
    """Read a message; cheap to refuse whatever the bytes are.

    Raises:
        MessageError: Not a message of ours.
    """
    try:
        return _decoder.decode(body)
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        OverflowError,
    ) as error:
        text = f"{type(error).__name__}: {str(error)[:200]}"
        raise MessageError(text) from error
