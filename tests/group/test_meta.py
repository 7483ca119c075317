"""What meta may be, how it is written, and what comes back of good and bad bytes."""

from __future__ import annotations

import copy
import datetime
import enum
import math
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from group._core.errors import MetaDecodeError
from group._core.meta import EMPTY, EMPTY_BYTES, MAX_BYTES, Meta, decode, encode, same
from group._core.plain import RefAddress
from tests.group.pickled import pickled

INCARNATION = bytes(range(16))


@dataclass(frozen=True)
class Ref:
    """Stands for an actor ref on both sides."""

    node: str
    n: int


def ref_out(value: object) -> RefAddress | None:
    return (value.node, INCARNATION, value.n, "User") if type(value) is Ref else None


def ref_in(address: RefAddress) -> object:
    node, incarnation, n, cls = address
    assert (incarnation, cls) == (INCARNATION, "User")
    return Ref(node, n)


def written(meta: object) -> bytes:
    return encode(meta, ref_out)


def read(encoded: bytes) -> Meta:
    return Meta.of(encoded, ref_in)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.binary(max_size=20)
    | st.builds(Ref, st.sampled_from(["a", "b"]), st.integers(1, 2**62))
)
names = st.text(st.characters(codec="utf-8"), max_size=10)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(names, inner, max_size=4)
    ),
    max_leaves=20,
)
metas = st.dictionaries(names, values, max_size=6)


@given(metas)
def test_meta_comes_back_equal(meta: dict[str, object]) -> None:
    again = read(written(meta))

    assert again == meta
    assert meta == again
    assert list(again) == list(meta)
    assert dict(again) == dict(again.items())
    assert len(again) == len(meta)


@given(metas)
def test_meta_that_was_read_can_be_written_again(meta: dict[str, object]) -> None:
    encoded = written(meta)

    assert written(read(encoded)) == encoded
    assert written({"inner": read(encoded)}) == written({"inner": meta})


@given(metas, metas)
def test_equal_metas_are_those_that_read_equal(
    one: dict[str, object], other: dict[str, object]
) -> None:
    turned = dict(reversed(one.items()))

    assert same(written(one), written(turned))
    assert read(written(one)) == read(written(turned))
    assert hash(read(written(one))) == hash(read(written(turned)))
    if same(written(one), written(other)):
        assert read(written(one)) == read(written(other))


def test_sameness_is_strict_about_types() -> None:
    # Other than Python's ==: a number that changes its type is a change of meta.
    assert not same(written({"a": 1}), written({"a": 1.0}))
    assert not same(written({"a": 1}), written({"a": True}))
    assert not same(written({"a": 1}), written({"a": 2}))
    assert same(written({"a": [1]}), written({"a": (1,)}))
    assert same(written({"a": math.nan}), written({"a": math.nan}))


@pytest.mark.parametrize("meta", [None, {}, EMPTY, Meta.frozen({})])
def test_no_meta_is_the_empty_one(meta: object) -> None:
    assert written(meta) is EMPTY_BYTES
    assert read(bytes([0x80])) is EMPTY
    assert EMPTY == {}


def test_a_change_after_writing_changes_nothing() -> None:
    meta = {"roles": ["member"]}
    encoded = written(meta)

    meta["roles"].append("admin")

    assert read(encoded) == {"roles": ["member"]}


def test_what_is_read_cannot_be_changed() -> None:
    meta = read(written({"a": {"b": [1, [2]]}}))

    inner = meta["a"]
    assert isinstance(inner, Meta)
    assert inner["b"] == (1, (2,))
    for mapping in (meta, inner):
        assert not hasattr(mapping, "__setitem__")
        assert not hasattr(mapping, "pop")
        assert not hasattr(mapping, "update")
        assert not hasattr(mapping, "__dict__")


def test_meta_is_matched_as_a_mapping() -> None:
    match read(written({"role": "admin", "at": {"x": 1}})):
        case {"role": role, "at": {"x": x}}:
            assert (role, x) == ("admin", 1)
        case _:
            pytest.fail("it is a mapping")


def test_meta_looks_like_a_dict() -> None:
    meta = {"a": {"b": 1}, "c": (1, "x")}

    assert repr(read(written(meta))) == repr(meta)


def test_meta_equals_any_mapping_with_equal_items() -> None:
    meta = read(written({"a": [1, {"b": (2,)}]}))

    assert meta == {"a": (1, {"b": [2]})}
    assert meta == MappingProxyType({"a": [1, {"b": [2]}]})
    assert meta != {"a": [1]}
    assert meta != {"a": [1, {"c": [2]}]}
    assert meta != {"b": [1, {"b": [2]}]}
    assert meta != {"a": {"b": 1}}
    assert meta != {}
    assert meta != "a"
    assert (meta == ["a"]) is False


def test_meta_survives_a_journey_and_a_copy() -> None:
    meta = read(written({"a": {"b": [1]}, "c": "x"}))

    again = pickled(meta)

    assert again == meta
    assert again["a"] == {"b": (1,)}
    assert isinstance(again["a"], Meta)
    assert copy.copy(meta) is copy.deepcopy(meta) is meta


def test_nothing_is_decoded_before_it_is_read() -> None:
    resolved: list[RefAddress] = []

    meta = Meta.of(written({"ref": Ref("a", 7)}), resolved.append)

    assert not resolved
    assert meta["ref"] is meta["ref"] is None
    assert resolved == [("a", INCARNATION, 7, "User")]


class Role(enum.StrEnum):
    ADMIN = "admin"


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.Enum):
    RED = "red"


class Amount(float):
    pass


class Blob(bytes):
    pass


class Names(dict[str, object]):
    pass


def test_subclasses_of_plain_types_become_plain() -> None:
    meta = {Role.ADMIN: [Role.ADMIN, Level.HIGH, Amount(1.5), Blob(b"x"), Names(a=1)]}

    again = read(written(meta))

    assert again == {"admin": ["admin", 3, 1.5, b"x", {"a": 1}]}
    (items,) = again.values()
    assert isinstance(items, tuple)
    assert [type(item) for item in items] == [str, int, float, bytes, Meta]
    assert [type(key) for key in again] == [str]


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"a": [1, 2, 3, {4}]}, "at $.a[3]: set is not supported; use list"),
        ({"a b": frozenset()}, "at $['a b']: frozenset is not supported; use list"),
        ({"a": bytearray()}, "at $.a: bytearray is not supported; use bytes"),
        ({"a": Colour.RED}, "at $.a: Colour is not supported; use its value"),
        ({"a": MappingProxyType({})}, "mappingproxy is not supported; use dict"),
        ({"a": range(3)}, "at $.a: range is not supported; use list"),
        ({"a": object()}, "object is not supported; use None, bool, int, float"),
        ({"a": {1: 2}}, "at $.a: key 1 (int) is not supported; use str"),
        ({math.nan: 1}, "at $: key nan (float) is not supported; use str"),
        ({"a": (2**64,)}, "at $.a[0]: int 18446744073709551616 has more than 64 bits"),
        ({"a": -(2**63) - 1}, "at $.a: int -9223372036854775809 has more than 64"),
        ({"a": "\ud800"}, r"at $.a: '\ud800' is not valid UTF-8"),
        ({"\udfff": 1}, r"at $['\udfff']: '\udfff' is not valid UTF-8"),
        ([1], "at $: list is not supported; use dict"),
        ("meta", "at $: str is not supported; use dict"),
        ({"a": "x" * MAX_BYTES}, "at $: 65,544 bytes encoded, more than 65,536"),
    ],
)
def test_meta_that_cannot_be_written_is_refused_with_its_path(
    meta: object, words: str
) -> None:
    with pytest.raises(ValueError, match=r"^at \$") as got:
        written(meta)

    assert words in str(got.value)
    assert getattr(got.value, "code", None) == "B028"
    assert len(str(got.value)) < 250


def nested(depth: int, kind: str) -> dict[str, object]:
    value: object = "leaf"
    for _ in range(depth - 1):
        value = {"d": value} if kind == "dict" else [value]
    return {"a": value}


@pytest.mark.parametrize("kind", ["dict", "list"])
@pytest.mark.parametrize("add", [{}, {"ref": Ref("a", 1)}], ids=["plain", "ref"])
def test_thirty_two_levels_fit_and_one_more_does_not(
    kind: str, add: dict[str, object]
) -> None:
    fits = nested(32, kind) | add
    assert read(written(fits)) == fits

    with pytest.raises(ValueError, match="nested deeper than 32"):
        written(nested(33, kind) | add)


@pytest.mark.parametrize("add", [(), (Ref("a", 1),)], ids=["plain", "ref"])
def test_ten_thousand_values_fit_and_one_more_does_not(add: tuple[object, ...]) -> None:
    fits = {"a": [*add, *[None] * (9_999 - len(add))]}
    assert read(written(fits)) == fits

    with pytest.raises(ValueError, match="more than 10,000 values"):
        written({"a": [*add, *[None] * (10_000 - len(add))]})
    with pytest.raises(ValueError, match="more than 10,000 values"):
        written({"a": [[*add, *[None] * 6_000], [None] * 6_000]})


def test_a_cycle_ends_with_an_error_however_wide_it_is() -> None:
    narrow: dict[str, object] = {}
    narrow["a_long_name_for_a_field"] = narrow
    wide: list[object] = []
    wide.extend([wide] * 50)

    with pytest.raises(ValueError, match="is it in itself") as got:
        written(narrow)
    assert len(str(got.value)) < 140
    with pytest.raises(ValueError, match=r"is it in itself|more than 10,000"):
        written({"a": wide})


wild = st.recursive(
    scalars.filter(lambda value: type(value) is not Ref)
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=40)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(0, 9) | names, inner, max_size=4)
    ),
    max_leaves=20,
)


def survives(encoded: bytes) -> None:
    """Read bytes; they give meta that can be written, or the one error."""
    try:
        meta = decode(encoded, lambda address: None)
    except MetaDecodeError:
        return
    assert isinstance(written(Meta.frozen(meta)), bytes)


@given(st.binary(max_size=200))
def test_hostile_bytes_give_meta_or_one_error(encoded: bytes) -> None:
    survives(encoded)
    survives(b"\x81\xa1a" + encoded)


@given(wild)
def test_wild_structures_give_meta_or_one_error(value: object) -> None:
    survives(msgspec.msgpack.encode(value))
    survives(msgspec.msgpack.encode({"a": value}))


@given(wild, wild)
def test_comparing_hostile_metas_never_raises(one: object, other: object) -> None:
    for this, that in [(one, other), ({"a": one, "b": 1}, {"b": 1, "a": other})]:
        same(msgspec.msgpack.encode(this), msgspec.msgpack.encode(that))


@given(metas, st.data())
def test_a_damaged_byte_gives_meta_or_one_error(
    meta: dict[str, object], data: st.DataObject
) -> None:
    encoded = bytearray(written(meta))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))

    survives(bytes(encoded))
    survives(bytes(encoded[:place]))


ADDRESS = msgspec.msgpack.encode(("a", INCARNATION, 1, "User"))


def extension(code: int, payload: bytes) -> bytes:
    return msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(code, payload)})


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x80\x80",
        b"\x90",
        b"\xc0",
        b"\x81\x01\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a\x81\x01\x01",
        b"\x81\xa1a\x81\x90\x01",
        b"\x81\xa2\xff\xff\x01",
        b"\x81\xa1a\xd6\xff\x00\x00\x00\x00",
        b"\x81\xa1a\xc7\x0c\xff" + bytes(4) + (253_402_300_800).to_bytes(8, "big"),
        b"\x81\xa1a" + b"\x91" * 60_000 + b"\x90",
        b"\x81\xa1a" + b"\x91" * 32 + b"\x90",
        b"\x81\xa1a" + b"\x81\xa1b" * 32 + b"\x01",
        b"\x81\xa1a\xdc\x27\x10" + b"\xc0" * 10_000,
        b"\x81\xa1a\xc6\x00\x01\x00\x00" + bytes(MAX_BYTES),
        extension(2, ADDRESS),
        extension(1, b""),
        extension(1, ADDRESS + b"\x00"),
        extension(1, msgspec.msgpack.encode(("a", INCARNATION, 0, "User"))),
        extension(1, msgspec.msgpack.encode(("a", b"short", 1, "User"))),
        extension(1, msgspec.msgpack.encode(("", INCARNATION, 1, "User"))),
        extension(1, b"\x91" * 5_000),
    ],
)
def test_bad_bytes_are_refused(encoded: bytes) -> None:
    with pytest.raises(MetaDecodeError):
        decode(encoded, ref_in)
    meta = Meta.of(encoded, ref_in)
    for _ in range(2):
        with pytest.raises(MetaDecodeError):
            meta.get("a")
    assert not same(encoded, EMPTY_BYTES)
    assert not same(encoded, bytes(len(encoded) or 1))


def test_the_written_form_never_changes() -> None:
    # Peers read these bytes: to change them is to change the protocol.
    meta = {"role": "admin", "n": [1, None, True, 1.5, b"\x00"], "ref": Ref("a", 7)}

    assert written(meta).hex() == (
        "83a4726f6c65a561646d696ea16e9501c0c3cb3ff8000000000000c40100a3726566c71b01"
        "94a161c410000102030405060708090a0b0c0d0e0f07a455736572"
    )
