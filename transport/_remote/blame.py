"""Which part of a message cannot be pickled, and its name in words."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass

MAX_DEPTH = 16
MAX_SHOWN = 80


def blame(value: object, dump: Callable[[object], object]) -> str:
    """Say why a value cannot be sent, naming the deepest part that is at fault.

    Args:
        value: What could not be dumped.
        dump: Raises for what cannot be dumped.
    """
    path, culprit = "", value
    for _ in range(MAX_DEPTH):
        found = next((p for p in _parts(culprit) if not _works(p[1], dump)), None)
        if found is None:
            break
        path, culprit = path + found[0], found[1]
    where = f"field {path.lstrip('.')!r} ({_name(culprit)})" if path else _name(culprit)
    return (
        f"cannot send {shown(value)}: {where} cannot be pickled. "
        "Messages must be plain data, or what can be pickled"
    )


def _works(value: object, dump: Callable[[object], object]) -> bool:
    with suppress(Exception):
        dump(value)
        return True
    return False


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield what a value is made of, each with its way of being written."""
    if isinstance(value, dict):
        for key, item in list(value.items()):
            yield f"[{shown(key)}]", item
    elif isinstance(value, list | tuple | set | frozenset):
        names = getattr(value, "_fields", None)
        for i, item in enumerate(value):
            yield (f".{names[i]}" if names else f"[{i}]"), item
    else:
        yield from _attributes(value)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
    else:
        names = list(getattr(value, "__dict__", ()))
    for name in names:
        with suppress(Exception):
            yield f".{name}", getattr(value, name)


def _name(value: object) -> str:
    cls = type(value)
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def shown(value: object) -> str:
    """Return a value as text of at most 80 characters."""
    text = f"<{type(value).__qualname__}>"
    with suppress(Exception):
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
