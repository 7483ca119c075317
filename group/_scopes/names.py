"""Via names: what a name of a scope says of the actor that is meant."""

from __future__ import annotations

from typing import NamedTuple, Self

from group._core.choosing import How
from group._core.errors import InvalidArgumentError, shown

_LOCAL, _GLOBAL = "local", "global"


class Via(NamedTuple):
    """What a via name says.

    Attributes:
        group: The group that is meant.
        local: Only actors of this node.
        how: Which one.
        least: How many occurrences there must be.
    """

    group: str
    local: bool
    how: How
    least: int = 0

    @classmethod
    def of(cls, via: object) -> Self:
        """Read a via name; see `Scope.whereis_name`.

        Raises:
            InvalidArgumentError: It is none.
        """
        side, group, wish = _parts(via)
        if side in (_LOCAL, _GLOBAL) and isinstance(group, str):
            local = side == _LOCAL
            match wish:
                case None:
                    return cls(group, local, "random" if local else "oldest")
                case "random" | "oldest":
                    return cls(group, local, wish)
                case int() if wish > 0 and wish is not True:
                    return cls(group, local, "random", wish)
                case _:
                    pass
        raise InvalidArgumentError(
            f"{shown(via)} is no via name; say 'group', ('global', 'group'), "
            "('group', 3), ('global', 'group', 3) or ('local', 'group', 'oldest')",
            "B035",
        )


def _parts(via: object) -> tuple[object, object, object]:
    """Return side, group, and which one or how many; None is whatever is usual."""
    match via:
        case (group, int(least)):
            return _LOCAL, group, least
        case (side, group):
            return side, group, None
        case (side, group, wish) if wish is not None:
            return side, group, wish
        case _:
            return _LOCAL, via, None
