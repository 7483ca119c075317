import contextlib
import pickle

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.wires import READY
from transport._core import control
from transport._core.errors import ProtocolError

EVERY = [
    READY,
    control.Reject("auth", "no"),
    control.Open(1, "my_app", "group", (("shards", 8), ("rank", "v1"))),
    control.Accept(1),
    control.Refuse(1, "shards 8 here, 16 at b"),
    control.Close(1),
    control.Beat(5),
    control.Bye("stopped"),
    control.Peers((("a", "127.0.0.1:1"),)),
    control.Ping(3),
    control.Pong(3),
]


@pytest.mark.parametrize("message", EVERY, ids=lambda m: type(m).__name__)
def test_every_control_message_survives_the_wire(message: control.Control) -> None:
    assert control.decode(control.encode(message)) == message


HOSTILE = {
    "nothing": b"",
    "trailing bytes": control.encode(control.Beat(5)) + b"\x00",
    "a type of nobody": msgspec.msgpack.encode(["Exec", "os.system"]),
    "too few fields": msgspec.msgpack.encode(["Beat"]),
    "too many fields": msgspec.msgpack.encode(["Beat", 1, 2]),
    "a wrong type": msgspec.msgpack.encode(["Beat", "soon"]),
    "a negative number": msgspec.msgpack.encode(["Ping", -1]),
    "a number over 63 bits": msgspec.msgpack.encode(["Ping", 2**64 - 1]),
    "a long name": msgspec.msgpack.encode(["Open", 1, "n" * 300, "group", []]),
    "four billion elements": b"\xdd\xff\xff\xff\xff",
    "too many hints": msgspec.msgpack.encode(["Peers", [("n", "a")] * 1025]),
    "a depth bomb": b"\x91" * 100_000,
    "bad text": b"\x92\xa3Bye\xa2\xff\xfe",
    "a map": msgspec.msgpack.encode({"type": "Beat", "wall_ms": 1}),
    "a pickle": pickle.dumps({"a": 1}),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_is_not_a_message_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        control.decode(body)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_rubbish_decodes_to_a_message_or_a_protocol_error(body: bytes) -> None:
    try:
        message = control.decode(body)
    except ProtocolError:
        return
    assert type(message).__name__ in {type(known).__name__ for known in EVERY}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EVERY), st.integers(0, 60), st.integers(0, 255))
def test_a_changed_byte_gives_a_message_or_a_protocol_error(
    message: control.Control, at: int, value: int
) -> None:
    body = bytearray(control.encode(message))
    body[at % len(body)] = value
    with contextlib.suppress(ProtocolError):
        control.decode(bytes(body))
