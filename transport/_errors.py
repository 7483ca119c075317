"""TransportError and its leaves, as users meet them."""

from actors import ActorDeadError, Timeout
from transport._core.errors import (
    AuthError,
    ProtocolError,
    RejectedError,
    TransportError,
    VersionError,
)

__all__ = [
    "AuthError",
    "ConfigError",
    "EncodeError",
    "ForkError",
    "JoinTimeoutError",
    "ListenError",
    "MessageTooLargeError",
    "NodeDownError",
    "NodeNameInUseError",
    "NotLocalError",
    "ProtocolError",
    "RejectedError",
    "RemoteError",
    "TransportError",
    "VersionError",
]


class ConfigError(TransportError, ValueError):
    """A parameter or a variable of the environment cannot be used."""

    def __init__(self, text: str, *, code: str) -> None:
        super().__init__(text)
        self.code = code


class ListenError(TransportError, OSError):
    """The address to listen on cannot be had."""

    code = "B008"


class NodeNameInUseError(TransportError):
    """A live node of the cluster already has this name."""

    code = "B015"


class JoinTimeoutError(TransportError, Timeout):
    """Fewer peers than required were reached in time."""

    code = "B016"


class ForkError(TransportError):
    """The node was started by another process; this one is its forked child."""

    code = "B014"


class NodeDownError(TransportError, ActorDeadError):
    """The node is not linked, so its actors cannot be reached.

    Attributes:
        node: The name of the lost node.
        cause: What ended it, in words.
    """

    code = "B049"

    def __init__(self, node: str, cause: str) -> None:
        super().__init__(f"node {node} is down: {cause}")
        self.node = node
        self.cause = cause


class NotLocalError(TransportError):
    """The actor belongs to another node."""

    code = "B024"


class EncodeError(TransportError):
    """The message cannot travel; nothing was sent."""

    code = "B044"


class MessageTooLargeError(TransportError):
    """The encoded message is over the limit; nothing was sent."""

    code = "B045"


class RemoteError(TransportError):
    """The peer raised an exception whose class is not to be had here.

    Attributes:
        type: Module and qualified name of the class there.
        message: Its text.
        traceback: The text of its traceback there.
    """

    code = "B048"

    def __init__(self, type: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{type}: {message}")
        self.type = type
        self.message = message
        self.traceback = traceback
