"""The exit reason of an actor that has lost its key."""

from collections.abc import Mapping
from dataclasses import dataclass

from actors import AnyRef


@dataclass(frozen=True, slots=True)
class RegistryConflict:
    """Two nodes held one key, and this actor is the one that had to go.

    Attributes:
        key: The contested key.
        winner: The actor that keeps it.
        meta: The winner's meta.
    """

    key: str
    winner: AnyRef
    meta: Mapping[str, object]
