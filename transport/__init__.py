"""Links between nodes, and actors that are reached over them."""

from transport._config import Join
from transport._core.errors import (
    AuthError,
    ProtocolError,
    RejectedError,
    TransportError,
    VersionError,
)
from transport._core.identity import NodeId
from transport._core.mesh import State
from transport._errors import (
    ConfigError,
    EncodeError,
    ForkError,
    JoinTimeoutError,
    ListenError,
    MessageTooLargeError,
    NodeDownError,
    NodeNameInUseError,
    NotLocalError,
    RemoteError,
)
from transport._http.metric import Metric, Sample, bounded
from transport._http.pages import Pages, Request, Response
from transport._http.prometheus import Collector
from transport._links.channels import Channel, ChannelHandler
from transport._links.progress import Peer
from transport._links.tls import TLS
from transport._links.troubles import Trouble
from transport._node import Node
from transport._options import NodeOptions
from transport._remote.codec import DecodeError, PickleRefusedError
from transport._remote.ref import RemoteActorRef
from transport._remote.sender import LinkFullError
from transport._watchers import NodeLost, NodeUp

__all__ = [
    "TLS",
    "AuthError",
    "Channel",
    "ChannelHandler",
    "Collector",
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "ForkError",
    "Join",
    "JoinTimeoutError",
    "LinkFullError",
    "ListenError",
    "MessageTooLargeError",
    "Metric",
    "Node",
    "NodeDownError",
    "NodeId",
    "NodeLost",
    "NodeNameInUseError",
    "NodeOptions",
    "NodeUp",
    "NotLocalError",
    "Pages",
    "Peer",
    "PickleRefusedError",
    "ProtocolError",
    "RejectedError",
    "RemoteActorRef",
    "RemoteError",
    "Request",
    "Response",
    "Sample",
    "State",
    "TransportError",
    "Trouble",
    "VersionError",
    "bounded",
]
