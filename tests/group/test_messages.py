"""What replicas say to each other, and what they refuse to hear."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from group._core import messages as wire
from group._core.messages import MessageError, Reason, decode, encode

EVERY_MESSAGE = [
    wire.Catalogue(1, [(0, ""), (1, "red")]),
    wire.Joined(2, [(2, "blue")]),
    wire.Left(3, [2]),
    wire.Hello(0, 5, [(0, 7)]),
    wire.Ops(
        0,
        0,
        1,
        [
            wire.PutReg("key", 1, "Actor", 9, b"\x80"),
            wire.PutGrp("key", 1, "Actor", 9, b"\x80"),
            wire.DelReg("key", Reason("word", "normal")),
            wire.DelGrp("key", 1, Reason("crash", "Error", "why")),
            wire.DelOwner(1, Reason("nodedown", "there", "lost")),
        ],
    ),
    wire.SnapBegin(0, 0, 3, 1),
    wire.SnapRows(0, 0, [wire.PutReg("key", 1, "Actor", 9, b"\x80")]),
    wire.SnapEnd(0, 0, 3, 1, 2**64 - 1),
    wire.Need(0, 0, None),
    wire.Beat(0, 5, 1, 2**64 - 1),
    wire.HeadsQuery(0),
    wire.Heads(0, [(0, 3, 2**64 - 1)]),
    wire.Ask(0, "red", "key", 1, 9),
    wire.Ans(0, "red", "key", 1, 9),
    wire.Fence(0, 1),
    wire.Fenced(0, 1),
]


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda m: type(m).__name__)
def test_a_message_comes_back_as_it_was(message: wire.Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "wrong",
    [
        [99, 0],
        [10, 1024, 0, 0, None],
        [5, 0, 0, 1, []],
        [5, 0, 0, 0, [[2, "key", ["word", "", ""]]]],
        [13, 0, "", "", 1, 1],
        [13, 0, "", "x" * 1025, 1, 1],
        [13, 0, "x" * 256, "key", 1, 1],
        [15, 0, 1, "more"],
        [15, 0, 2**63],
        {"type": 15},
        "word",
    ],
)
def test_what_is_no_message_is_refused(wrong: object) -> None:
    with pytest.raises(MessageError):
        decode(msgspec.msgpack.encode(wrong))


@pytest.mark.parametrize(
    "wrong",
    [b"", b"\xdd\xff\xff\xff\xff", b"\x91" * 100_000, b"\x92\x0d\xa1\xff", b"\xc1"],
    ids=["nothing", "false length", "too deep", "no UTF-8", "no MessagePack"],
)
def test_bytes_that_are_none_of_ours_are_refused(wrong: bytes) -> None:
    with pytest.raises(MessageError):
        decode(wrong)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_harm_than_a_message_error(body: bytes) -> None:
    with contextlib.suppress(MessageError):
        decode(body)
