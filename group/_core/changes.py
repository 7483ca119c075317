"""What has changed in the view: what events are made of."""

import msgspec

from group._core.rows import Row

REGISTRY = "registry"
GROUPS = "groups"


class Change(msgspec.Struct, frozen=True):
    """A difference of the view."""

    kind: str
    cluster: str
    key: str
    old: Row | None
    new: Row | None
    reason: object
