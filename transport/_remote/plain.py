"""Plain data and refs as msgpack, for nodes that load no pickles.

msgpack has no tuples, no large ints and no refs, so these are extensions. Everything
is checked before it is written: msgspec would quietly turn a dataclass into a dict.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from actors import Crash, NodeDown, ProxyCall, ProxyGetAttr, ProxySetAttr
from transport._remote.ref import ActorRef, AnyRef

MAX_DEPTH = 32

_TUPLE, _REF, _INT, _CALL, _GET, _SET, _CRASH, _NODE_DOWN = range(1, 9)
_SMALL = 1 << 63

# Node name, incarnation, number or registered name, class name.
Address: TypeAlias = tuple[str, bytes, int | str, str]

_encode = msgspec.msgpack.Encoder().encode
_address: msgspec.msgpack.Decoder[Address] = msgspec.msgpack.Decoder(Address)


class NotPlainError(Exception):
    """A value is not plain data.

    Attributes:
        path: Where it is, as in `$.a[3]`.
        what: What it is, in words.
    """

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"at {path}: {what}")
        self.path = path
        self.what = what


class Refs(Protocol):
    """Refs to addresses and back, as seen from one node."""

    def address(self, ref: AnyRef) -> Address:
        """Return the address under which a ref travels."""

    def revive(self, address: Address) -> AnyRef:
        """Return the ref with an address."""


def encode(value: object, refs: Refs) -> bytes:
    """Return a plain value as bytes.

    Raises:
        NotPlainError: It holds something else, is too deep, or refers to itself.
    """
    return _encode(_Flattening(refs).flat(value, "$", 0))


class _Flattening:
    """One walk over one value."""

    def __init__(self, refs: Refs) -> None:
        self._refs = refs

    def flat(self, value: object, path: str, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise NotPlainError(path, f"nested deeper than {MAX_DEPTH}")
        walk = _WALKS.get(type(value))
        if walk is not None:
            return walk(self, value, path, depth)
        if not isinstance(value, ActorRef):
            raise NotPlainError(path, f"{type(value).__qualname__} is not plain data")
        return msgspec.msgpack.Ext(_REF, _encode(self._refs.address(value)))

    def keep(self, value: object, _path: str, _depth: int) -> object:
        return value

    def text(self, value: str, path: str, _depth: int) -> object:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise NotPlainError(path, "text with lone surrogates") from error
        return value

    def number(self, value: int, _path: str, _depth: int) -> object:
        if -_SMALL <= value < _SMALL:
            return value
        length = value.bit_length() // 8 + 1
        raw = value.to_bytes(length, "big", signed=True)
        return msgspec.msgpack.Ext(_INT, raw)

    def items(self, value: list[object], path: str, depth: int) -> object:
        return [
            self.flat(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)
        ]

    def fixed(self, value: tuple[object, ...], path: str, depth: int) -> object:
        return self._ext(_TUPLE, value, path, depth)

    def table(self, value: dict[object, object], path: str, depth: int) -> object:
        flat = {}
        for key, item in value.items():
            if type(key) not in _KEYS:
                name = type(key).__qualname__
                raise NotPlainError(path, f"a key of type {name} is not plain data")
            flat[key] = self.flat(item, f"{path}.{key}", depth + 1)
        return flat

    def call(self, value: ProxyCall, path: str, depth: int) -> object:
        return self._ext(_CALL, value, path, depth)

    def get(self, value: ProxyGetAttr, path: str, depth: int) -> object:
        return self._ext(_GET, value, path, depth)

    def put(self, value: ProxySetAttr, path: str, depth: int) -> object:
        return self._ext(_SET, value, path, depth)

    def crash(self, value: Crash, path: str, depth: int) -> object:
        fields = (value.type, value.message, value.traceback)
        return self._ext(_CRASH, fields, path, depth)

    def node_down(self, value: NodeDown, path: str, depth: int) -> object:
        return self._ext(_NODE_DOWN, (value.node, value.cause), path, depth)

    def _ext(
        self, code: int, value: tuple[object, ...], path: str, depth: int
    ) -> object:
        return msgspec.msgpack.Ext(code, _encode(self.items([*value], path, depth)))


_KEYS = frozenset({str, int, bytes, float, bool})
_WALKS: dict[type, Callable[..., object]] = {
    type(None): _Flattening.keep,
    bool: _Flattening.keep,
    float: _Flattening.keep,
    bytes: _Flattening.keep,
    str: _Flattening.text,
    int: _Flattening.number,
    list: _Flattening.items,
    tuple: _Flattening.fixed,
    dict: _Flattening.table,
    ProxyCall: _Flattening.call,
    ProxyGetAttr: _Flattening.get,
    ProxySetAttr: _Flattening.put,
    Crash: _Flattening.crash,
    NodeDown: _Flattening.node_down,
}


def decode(data: bytes | memoryview, refs: Refs) -> object:
    """Return the value in bytes that `encode` made. Never runs code of a user.

    Raises:
        ValueError, TypeError: The bytes are not such a value.
        RecursionError: They are nested without end.
    """

    def extension(code: int, raw: memoryview) -> object:
        if code == _REF:
            return refs.revive(_address.decode(raw))
        if code == _INT:
            return int.from_bytes(raw, "big", signed=True)
        build = _BUILD.get(code)
        if build is None:
            raise ValueError(f"unknown extension {code}")
        return build(fields.decode(raw))

    fields = msgspec.msgpack.Decoder(list[object], ext_hook=extension)
    return msgspec.msgpack.Decoder(ext_hook=extension).decode(data)


def _call(fields: list[object]) -> object:
    path, args, kwargs = fields
    if not isinstance(args, tuple) or not isinstance(kwargs, dict):
        raise TypeError("a call without arguments")
    return ProxyCall(_path(path), args, kwargs)


def _path(path: object) -> tuple[str, ...]:
    if not isinstance(path, tuple | list):
        raise TypeError("an attribute path is no sequence")
    return tuple(str(part) for part in path)


def _get(fields: list[object]) -> object:
    (path,) = fields
    return ProxyGetAttr(_path(path))


def _set(fields: list[object]) -> object:
    path, value = fields
    return ProxySetAttr(_path(path), value)


def _crash(fields: list[object]) -> object:
    type_name, message, traceback = (str(field) for field in fields)
    return Crash(type_name, message, traceback)


def _node_down(fields: list[object]) -> object:
    node, cause = (str(field) for field in fields)
    return NodeDown(node, cause)


_BUILD: dict[int, Callable[[list[object]], object]] = {
    _TUPLE: tuple,
    _CALL: _call,
    _GET: _get,
    _SET: _set,
    _CRASH: _crash,
    _NODE_DOWN: _node_down,
}
