"""Exit reasons cross the wire as words and texts."""

import msgspec
import pytest

from actors import Crash, NodeDown
from group._core.messages import Reason
from group._core.reasons import from_wire, to_wire


@pytest.mark.parametrize("reason", ["normal", "leave", NodeDown("there", "lost")])
def test_a_reason_comes_back_as_it_was(reason: object) -> None:
    assert from_wire(to_wire(reason)) == reason


def test_a_crash_leaves_its_traceback_at_home() -> None:
    crash = Crash("ValueError", "no such thing", "Traceback ...")

    assert from_wire(to_wire(crash)) == Crash("ValueError", "no such thing", "")


def test_a_reason_of_the_program_travels_as_its_repr() -> None:
    assert from_wire(to_wire(("moved", 7))) == "('moved', 7)"


def test_a_long_reason_is_cut() -> None:
    assert len(to_wire("x" * 10_000).first) == 2_000


def test_a_kind_that_is_not_known_is_read_as_a_word() -> None:
    assert from_wire(Reason("novel", "something", "else")) == "something"


class Unshowable:
    """A reason whose repr fails."""

    def __repr__(self) -> str:
        raise RecursionError


@pytest.mark.parametrize(
    ("reason", "read"),
    [
        ("gone: \udcff.txt", "gone: \\udcff.txt"),
        (("moved", "\ud800"), "('moved', '\\ud800')"),
        (Crash("OSError", "\udcff.txt", ""), Crash("OSError", "\\udcff.txt", "")),
        (NodeDown("there", "\udcff"), NodeDown("there", "\\udcff")),
        (Unshowable(), "<Unshowable>"),
    ],
)
def test_a_reason_that_utf8_or_repr_cannot_write_crashes_no_shard(
    reason: object, read: object
) -> None:
    assert from_wire(decode(encode(to_wire(reason)))) == read


def test_a_long_reason_fits_however_it_is_escaped() -> None:
    reason = to_wire("\U0010ffff" * 10_000 + "\ud800")

    assert decode(encode(reason)) == reason
    assert decode(encode(to_wire("\ud800" * 10_000))).kind == "word"


def encode(reason: Reason) -> bytes:
    return msgspec.msgpack.encode(reason)


def decode(body: bytes) -> Reason:
    return msgspec.msgpack.decode(body, type=Reason)
