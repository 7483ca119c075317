"""Payloads: what users send, as bytes that only the addressee turns into objects.

    0 | plain data and refs, as msgpack        always understood
    1 | pickle                                 where both nodes allow it

The first byte is written by the sender, but does not choose the decoder: a node that
does not allow pickle never looks further than that byte.
"""

import pickletools
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from actors import Crash, Reason
from transport._core.errors import TransportError
from transport._core.frames import MAX_MESSAGE_BYTES
from transport._errors import EncodeError, MessageTooLargeError
from transport._remote import plain as _plain
from transport._remote.blame import blame, shown
from transport._remote.headers import MAX_PAYLOAD_BYTES, MAX_REASON_BYTES, MAX_TRACEBACK
from transport._remote.objects import Objects
from transport._remote.plain import Refs

_PLAIN, _PICKLED = b"\x00", b"\x01"
_MIB = 1024 * 1024


class PickleRefusedError(EncodeError):
    """The message needs pickle, and one of the two nodes does not allow it."""

    code = "B046"


class DecodeError(TransportError):
    """A message of another node could not be made into an object here."""

    code = "B047"


class Codec:
    """How one node writes and reads payloads. Any thread."""

    def __init__(self, node: str, refs: Refs, *, allow_pickle: bool) -> None:
        self._node = node
        self._refs = refs
        self._allow_pickle = allow_pickle
        self._objects = Objects(refs)

    def encode(self, value: object, *, to: str, pickled: bool) -> bytes:
        """Return a message as a payload, on the thread of its sender.

        Args:
            value: Any object, or with pickled=False plain data and refs.
            to: The name of the receiving node.
            pickled: Whether that node accepts pickle.

        Raises:
            EncodeError: It cannot travel; the text names the part at fault.
            MessageTooLargeError: It is over 64 MiB.
        """
        use_pickle = pickled and self._allow_pickle
        payload = self._pickle(value) if use_pickle else self._flatten(value, to)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise MessageTooLargeError(
                f"message of {-(-len(payload) // _MIB)} MiB > limit "
                f"{MAX_MESSAGE_BYTES // _MIB} MiB: {shown(type(value))}. Send it in "
                "parts, or a path or URL where it is found"
            )
        return payload

    def _pickle(self, value: object) -> bytes:
        try:
            return self._objects.dumps(value, _PICKLED)
        except Exception as error:
            dump = partial(self._objects.dumps, prefix=b"")
            raise EncodeError(blame(value, dump)) from error

    def _flatten(self, value: object, to: str) -> bytes:
        try:
            return _PLAIN + _plain.encode(value, self._refs)
        except _plain.NotPlainError as error:
            who = f"node {to}" if self._allow_pickle else f"this node, {self._node},"
            raise PickleRefusedError(
                f"{who} does not accept pickled messages; {error}"
            ) from error

    def decode(self, payload: bytes) -> object:
        """Return the message in a payload, in the turn of its addressee.

        Raises:
            DecodeError: It cannot be loaded here, in words for the sender.
        """
        tag = payload[:1]
        if tag == _PICKLED and self._allow_pickle:
            return self._unpickle(payload)
        if tag != _PLAIN:
            raise DecodeError(f"{self._node} does not accept pickled messages")
        try:
            return _plain.decode(memoryview(payload)[1:], self._refs)
        except (ValueError, TypeError, RecursionError) as error:
            raise DecodeError(f"{self._node} could not load: {error}") from error

    def _unpickle(self, payload: bytes) -> object:
        try:
            return self._objects.loads(payload, len(_PICKLED))
        except Exception as error:
            name = _first_unknown(payload[1:])
            text = f"{self._node} could not load {name or 'a message'}: {error}"
            hint = " there. Install the same code on all nodes" if name else ""
            raise DecodeError(text + hint) from error

    def encode_reason(self, reason: Reason, *, to: str, pickled: bool) -> bytes:
        """Return an exit reason as bytes; never fails, if need be it becomes words."""
        if isinstance(reason, Crash):
            reason = Crash(
                reason.type,
                reason.message[-MAX_TRACEBACK:],
                reason.traceback[-MAX_TRACEBACK:],
            )
        with suppress(_plain.NotPlainError):
            return _PLAIN + _plain.encode(reason, self._refs)
        with suppress(EncodeError):
            data = self.encode(reason, to=to, pickled=pickled)
            if len(data) <= MAX_REASON_BYTES:
                return data
        words = Crash(type(reason).__qualname__, shown(reason), "")
        return _PLAIN + _plain.encode(words, self._refs)

    def decode_reason(self, data: bytes) -> Reason:
        """Return an exit reason, on any thread; imports nothing, never fails."""
        tag, rest = data[:1], memoryview(data)[1:]
        with suppress(Exception):
            if tag == _PLAIN:
                return _plain.decode(rest, self._refs)
            if tag == _PICKLED and self._allow_pickle:
                return self._objects.loads_reason(rest)
        return Crash("unknown", "the reason could not be loaded on this node", "")


def _first_unknown(data: bytes) -> str | None:
    """Return the first name in a pickle that does not exist here, as `module.name`."""
    with suppress(Exception):
        for module, name in _globals(data):
            found: object = sys.modules.get(module)
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is None:
                return f"{module}.{name}"
    return None


def _globals(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the (module, name) pairs that a pickle asks for; runs nothing of it."""
    memo: list[str] = []
    pushed = ["", ""]
    for opcode, arg, _ in pickletools.genops(data):
        if opcode.name == "MEMOIZE":
            memo.append(pushed[-1])
        elif opcode.name == "STACK_GLOBAL":
            yield pushed[-2], pushed[-1]
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            pushed.append(memo[int(arg or 0)])
        elif opcode.stack_after:
            pushed.append(arg if isinstance(arg, str) else "")
