"""What can go wrong on the wire, told apart by whose doing it was."""


class TransportError(Exception):
    """Root of everything that transport raises.

    Attributes:
        code: The number of the case in the table of bad inputs, such as "B054".
    """

    code: str = ""


class WireError(TransportError):
    """The other end of a connection did something; `reason` is one stable word."""

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason
        # What the other end is told: where both sides are named, "here" is there.
        self.for_peer = text


class ProtocolError(WireError):
    """The peer sent bytes that no peer of ours sends. Its connection is closed."""

    code = "B065"

    def __init__(self, text: str, *, reason: str = "protocol") -> None:
        super().__init__(text, reason=reason)


class AuthError(WireError):
    """The peer could not prove that it knows the cookie, or has a false name."""

    code = "B054"

    def __init__(self, text: str, *, reason: str = "auth") -> None:
        super().__init__(text, reason=reason)


class VersionError(WireError):
    """The two nodes speak no common version of the protocol."""

    code = "B052"

    def __init__(self, text: str, *, reason: str = "version") -> None:
        super().__init__(text, reason=reason)


class RejectedError(WireError):
    """The peer understood us and said no, with a reason and words."""

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text, reason=reason)
        self.code = _REJECTIONS.get(reason, "B055")


_REJECTIONS = {
    "version": "B052",
    "cluster": "B053",
    "auth": "B054",
    "config": "B055",
    "self": "B056",
    "name_in_use": "B057",
    "already_linked": "B058",
    "race": "B058",
    "full": "B059",
    "quarantined": "B082",
}
