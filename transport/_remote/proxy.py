"""The attributes of an actor on another node, without asking it what it has."""

from collections.abc import Generator
from typing import Any

from actors import ProxyCall, ProxyGetAttr
from transport._remote.ref import (
    ActorProxy,
    Answer,
    AnyFuture,
    AnyRef,
    CallableProxy,
    RemoteActorRef,
)

Path = tuple[str, ...]


class RemoteProxy(ActorProxy[Any]):
    """A proxy made of names alone.

    `proxy.name` is a `RemoteAttribute`; `proxy.name = value` sets it over there and
    waits. As with Pykka, names with a leading underscore stay out of reach.
    """

    def __init__(self, *, actor_ref: AnyRef, attr_path: Path = ()) -> None:
        # Not super().__init__(): it introspects the live actor.
        self.actor_ref = actor_ref
        self._attr_path = attr_path

    def __getattr__(self, name: str) -> "RemoteAttribute":
        if name.startswith("_"):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        return RemoteAttribute(actor_ref=self.actor_ref, attr_path=self._join(name))

    def _join(self, name: str) -> Path:
        return (*self._attr_path, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemoteProxy):
            return NotImplemented
        mine, theirs = vars(self), vars(other)
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))

    def __repr__(self) -> str:
        path = ".".join(("", *self._attr_path))
        return f"<proxy of {self.actor_ref}{path}>"

    def __dir__(self) -> list[str]:
        return ["actor_ref"]


class RemoteAttribute(RemoteProxy):
    """One attribute: call it, read it, or go on to an attribute of it.

    `attribute(...)` calls a method and returns a future; `attribute.defer(...)` calls
    it without an answer; `attribute.get(timeout=...)` and `await attribute` read the
    value. So below the first level, methods named `get` and `defer` cannot be reached.
    """

    def __call__(self, *args: Answer, **kwargs: Answer) -> AnyFuture:
        """Call the method; the future gets its answer or its exception."""
        message = ProxyCall(self._attr_path, args, kwargs)
        return self.actor_ref.ask(message, block=False)

    def defer(self, *args: Answer, **kwargs: Answer) -> None:
        """Call the method and go on.

        Raises:
            ActorDeadError: The actor or its node is lost.
        """
        self.actor_ref.tell(ProxyCall(self._attr_path, args, kwargs))

    def _read(self) -> AnyFuture:
        """Return a future of the attribute's value."""
        return self.actor_ref.ask(ProxyGetAttr(self._attr_path), block=False)

    def get(self, *, timeout: float | None = None) -> Answer:
        """Read the attribute's value.

        Args:
            timeout: Seconds to wait.
        """
        return self._read().get(timeout=timeout)

    def __await__(self) -> Generator[Answer, None, Answer]:
        return self._read().__await__()


def path_of(proxy: ActorProxy[Any] | CallableProxy[Any]) -> Path:
    """Return which attribute a proxy stands for; () is the actor itself."""
    path: Path = vars(proxy)["_attr_path"]
    return path


def proxy_of(ref: AnyRef, path: Path, *, calls: bool) -> object:
    """Return the proxy of a path below a ref: Pykka's own where the actor is here.

    Args:
        ref: Of an actor on this node or another, dead or alive.
        path: Names of attributes.
        calls: Whether the path is that of a method.
    """
    if isinstance(ref, RemoteActorRef) or not ref.is_alive():
        kind = RemoteAttribute if path else RemoteProxy
        return kind(actor_ref=ref, attr_path=path)
    kind_here = CallableProxy if calls else ActorProxy
    return kind_here(actor_ref=ref, attr_path=path)
