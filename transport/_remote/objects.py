"""Objects to bytes and back by pickle: the one place where bytes become objects.

Pickle does the work; cloudpickle is asked only where pickle fails, and for what was
defined in the script itself (`__main__`). Three kinds of things travel by name instead
of as they are: refs, proxies of refs, and classes of `__main__`, which on the peer
mean its own class of that name, so that the same script in two terminals understands
itself.
"""

import io
import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import cloudpickle

import actors
from transport._log import log
from transport._remote.lookup import class_in, main_module, script_name
from transport._remote.plain import Refs
from transport._remote.proxy import RemoteAttribute, RemoteProxy, path_of, proxy_of
from transport._remote.ref import (
    ActorProxy,
    ActorRef,
    AnyRef,
    CallableProxy,
    NamedActorRef,
    RemoteActorRef,
)

PROTOCOL = 5
# Multiprocessing's children call their script __mp_main__.
_MAIN_NAMES = ("__main__", "__mp_main__")
_MAIN = b"_main__"
# A class larger than this does not travel by value.
_MAX_CLASS_BYTES = 64 * 1024
_OUR_PACKAGES = ("actors", "transport", "group")

Reduced: TypeAlias = tuple[Callable[..., object], tuple[object, ...]]


class _Here(threading.local):
    """Whose refs the bytes that this thread is loading speak of."""

    refs: Refs | None = None


_here = _Here()


class Objects:
    """Pickles as one node writes and reads them. Any thread."""

    def __init__(self, refs: Refs) -> None:
        self._refs = refs
        self._reducers: dict[type, Callable[[Any], Reduced]] = {
            ActorRef: self._reduce_ref,
            actors.ActorRef: self._reduce_ref,
            RemoteActorRef: self._reduce_ref,
            NamedActorRef: self._reduce_ref,
            ActorProxy: _reduce_proxy,
            CallableProxy: _reduce_proxy,
            RemoteProxy: _reduce_proxy,
            RemoteAttribute: _reduce_proxy,
        }

    def dumps(self, value: object, prefix: bytes) -> bytes:
        """Return the prefix and a pickled value.

        Raises:
            Exception: Whatever the value's own code raises, or pickle's errors.
        """
        with suppress(Exception):
            buffer = io.BytesIO()
            buffer.write(prefix)
            pickler = pickle.Pickler(buffer, PROTOCOL)
            pickler.dispatch_table = self._reducers
            pickler.dump(value)
            data = buffer.getvalue()
            if _MAIN not in data:
                return data
        return self._dumps_carefully(value, prefix)

    def _dumps_carefully(self, value: object, prefix: bytes) -> bytes:
        buffer = io.BytesIO()
        buffer.write(prefix)
        pickler = cloudpickle.Pickler(buffer, PROTOCOL)
        pickler.reducer_override = partial(self._reduce, pickler.reducer_override)
        pickler.dump(value)
        return buffer.getvalue()

    def _reduce(self, otherwise: Callable[[object], object], value: object) -> object:
        reducer = self._reducers.get(type(value))
        if reducer is not None:
            return reducer(value)
        if isinstance(value, type):
            return _reduce_main_class(value) or otherwise(value)
        if isinstance(value, ActorRef):
            return self._reduce_ref(value)
        return otherwise(value)

    def _reduce_ref(self, ref: AnyRef) -> Reduced:
        return (revive_ref, self._refs.address(ref))

    def loads(self, payload: bytes, start: int) -> object:
        """Return the value pickled behind `start`. Runs code of the peer's choice.

        Raises:
            Exception: Whatever that code raises, or pickle's errors.
        """
        data = memoryview(payload)[start:]
        script = script_name(main_module())
        outer, _here.refs = _here.refs, self._refs
        try:
            if script and script not in sys.modules and script.encode() in payload:
                return _ScriptLoader(io.BytesIO(data)).load()
            return pickle.loads(data)  # noqa: S301 - from a peer that proved the cookie
        finally:
            _here.refs = outer

    def loads_reason(self, data: bytes | memoryview) -> object:
        """Return a pickled exit reason; only classes that are loaded here are used.

        Raises:
            Exception: It holds anything else, or pickle's errors.
        """
        outer, _here.refs = _here.refs, self._refs
        try:
            return _ReasonLoader(io.BytesIO(data)).load()
        finally:
            _here.refs = outer


class _ScriptLoader(pickle.Unpickler):
    """Finds in `__main__` what the peer has in a module with our script's name."""

    def find_class(self, module: str, name: str) -> object:
        main = main_module()
        if module == script_name(main):
            found = class_in(main, name)
            if found is not None:
                return found
        return super().find_class(module, name)


class _ReasonLoader(pickle.Unpickler):
    """Loads a small value on the node's own thread: nothing is imported for it."""

    def find_class(self, module: str, name: str) -> object:
        if module == __name__ and name == revive_class.__name__:
            return _revive_main_class
        if module == __name__ or module.partition(".")[0] in _OUR_PACKAGES:
            return super().find_class(module, name)
        found = class_in(sys.modules.get(module), name)
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is not a class loaded here")
        return found


def revive_ref(node: str, incarnation: bytes, to: int | str, cls: str) -> AnyRef:
    """Return the ref with an address, as seen from the node that is loading."""
    if _here.refs is None:
        raise pickle.UnpicklingError("a ref can be loaded only by a node")
    return _here.refs.revive((node, incarnation, to, cls))


def _reduce_proxy(proxy: ActorProxy[Any] | CallableProxy[Any]) -> Reduced:
    calls = isinstance(proxy, CallableProxy)
    return (revive_proxy, (proxy.actor_ref, path_of(proxy), calls))


def revive_proxy(ref: AnyRef, path: tuple[str, ...], calls: object) -> object:
    """Return the proxy of a path below a ref."""
    return proxy_of(ref, path, calls=bool(calls))


def _reduce_main_class(cls: type) -> Reduced | None:
    main = main_module()
    if cls.__module__ not in _MAIN_NAMES or class_in(main, cls.__qualname__) is not cls:
        return None
    return (revive_class, (cls.__qualname__, script_name(main), _by_value(cls)))


_values: WeakKeyDictionary[type, bytes] = WeakKeyDictionary()


def _by_value(cls: type) -> bytes:
    """Return the class itself in bytes, for peers that have none of that name."""
    known = _values.get(cls)
    if known is None:
        known = b""
        # Its methods may speak of globals that cannot travel.
        with suppress(Exception):
            known = cloudpickle.dumps(cls, PROTOCOL)
        _values[cls] = known = known if len(known) <= _MAX_CLASS_BYTES else b""
    return known


def revive_class(qualname: str, script: str, value: bytes) -> type:
    """Return the class that means here what it means in the peer's script."""
    found = _revive_main_class(qualname, script, b"")
    if found is not None:
        return found
    if not value:
        raise AttributeError(
            f"no class {qualname} in __main__ or in a loaded module {script!r}; "
            f"move {qualname} to a module that both nodes import"
        )
    return _class_of(value)


# Classes that came by value, so that equal bytes give the same class.
_made: dict[bytes, type] = {}
_MAX_MADE = 1024


def _class_of(value: bytes) -> type:
    known = _made.get(value)
    if known is not None:
        return known
    made = _ScriptLoader(io.BytesIO(value)).load()
    if not isinstance(made, type):
        raise pickle.UnpicklingError("a class by value is none")
    if len(_made) >= _MAX_MADE:
        _made.clear()
    log.warning(
        "class of the peer's script is not known here: taken by value",
        type=made.__qualname__,
        hint=f"move {made.__qualname__} to a module that both nodes import",
    )
    return _made.setdefault(value, made)


def _revive_main_class(qualname: str, script: str, _value: bytes) -> type | None:
    main = main_module()
    module = sys.modules.get(script)
    if script_name(main) != script and class_in(module, qualname) is not None:
        return class_in(module, qualname)
    return class_in(main, qualname)
