"""What nomad supervisors tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from actors import AnyRef, ChildSpec
from group._core.nomads import Limit
from transport import NodeId

LOOKS = 500
"""How often a key is looked at again before a child is given up as running."""


@dataclass(frozen=True, slots=True)
class Travel:
    """A child on its way: what it is, and how long ago it was started again."""

    spec: ChildSpec
    limit: Limit
    ages: tuple[float, ...] = ()

    @property
    def id(self) -> str:
        """The child's name."""
        return str(self.spec.id)


@dataclass(frozen=True, slots=True)
class Adopt:
    """To one supervisor: start this child, which has ended on the node `origin`."""

    travel: Travel
    origin: NodeId
    looks: int = LOOKS


@dataclass(frozen=True, slots=True)
class Carries:
    """To all others: I have this child."""

    supervisor: AnyRef
    travel: Travel


@dataclass(frozen=True, slots=True)
class Dropped:
    """To all others: these children of mine are nobody's business any more."""

    supervisor: AnyRef
    ids: tuple[str, ...]
