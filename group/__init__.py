"""A cluster-wide registry and process groups for supervised actors.

`Group` is the door: register one actor per key, join many, watch both, send to all.
"""

from actors import hooks
from group._cluster import Cluster, Clusters
from group._core.config import Batching, Config
from group._core.events import (
    Entry,
    Event,
    Events,
    EventType,
    Found,
    FoundOne,
    Lagged,
    Record,
)
from group._core.keys import ALL
from group._core.meta import Meta
from group._coroutines.aio import Aio
from group._coroutines.cluster import ClusterAio
from group._errors import (
    AlreadyStartedError,
    CondemnedError,
    ConfigError,
    DeadActorError,
    GroupError,
    InvalidArgumentError,
    InvalidClusterError,
    InvalidKeyError,
    InvalidMetaError,
    KeyTakenError,
    NoProcessError,
    NoSuchGroupError,
    NotConnectedError,
    NotJoinedError,
    NotLocalError,
    NotOwnerError,
    NotRegisteredError,
    ShardTimeoutError,
    StoppedError,
    StreamClosedError,
)
from group._events.stream import EventStream
from group._group import Group, get
from group._keeper import child_spec
from group._looking.status import Explanation, Status
from group._nomads.nomad import NomadSupervisor
from group._reasons import RegistryConflict
from group._scopes.calls import CallbackHandle, Handle
from group._scopes.reads import ScopeSnapshot
from group._scopes.scope import Scope

__all__ = [
    "ALL",
    "Aio",
    "AlreadyStartedError",
    "Batching",
    "CallbackHandle",
    "Cluster",
    "ClusterAio",
    "Clusters",
    "CondemnedError",
    "Config",
    "ConfigError",
    "DeadActorError",
    "Entry",
    "Event",
    "EventStream",
    "EventType",
    "Events",
    "Explanation",
    "Found",
    "FoundOne",
    "Group",
    "GroupError",
    "Handle",
    "InvalidArgumentError",
    "InvalidClusterError",
    "InvalidKeyError",
    "InvalidMetaError",
    "KeyTakenError",
    "Lagged",
    "Meta",
    "NoProcessError",
    "NoSuchGroupError",
    "NomadSupervisor",
    "NotConnectedError",
    "NotJoinedError",
    "NotLocalError",
    "NotOwnerError",
    "NotRegisteredError",
    "Record",
    "RegistryConflict",
    "Scope",
    "ScopeSnapshot",
    "ShardTimeoutError",
    "Status",
    "StoppedError",
    "StreamClosedError",
    "child_spec",
    "get",
    "hooks",
]
