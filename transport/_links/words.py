"""What the log says when two nodes do not come together."""

from transport import _cookie as cookies
from transport._core.errors import AuthError, ProtocolError, WireError

# What to do about two nodes that differ, by the code of the rejection.
_ADVICE = {
    "cluster": ". Give both nodes the same cluster_id=",
    "mode": ". Give both nodes tls=, or neither; both a cookie, or neither",
    "version": ". Update the node that speaks the older one",
}


def cannot_join(
    address: str, code: str, text: str, cookie_from: str, name: str = ""
) -> str:
    """Say why a dial did not lead to a link, and what to do about it.

    Args:
        address: What was dialled.
        code: A word for the reason; "" when there is none.
        text: What the peer or the system said.
        cookie_from: Where our cookie is from.
        name: The dns:// address that led there, if one did.
    """
    start = f"cannot join {address}{f' (found by {name})' if name else ''}: "
    match code:
        case "self":
            return f"{start}that is this node itself, so it is left out"
        case "auth":
            return f"{start}{cookies.differs(cookie_from)}"
        case "refused":
            return (
                f"{start}{text}. Is a node running there? Start one: groupctl start "
                f"--listen {address} (will keep trying)"
            )
        case "":
            return f"{start}{text} (will keep trying)"
        case _:
            return f"{start}REJECT {text}{_ADVICE.get(code, '')}"


def rejected(error: WireError, cookie_from: str) -> str:
    """Say in short what a peer said when it was dialled."""
    if error.reason == "auth":
        return f"{error}: {cookies.differs(cookie_from)}"
    return str(error)


def not_found(name: str, text: str) -> str:
    """Say that a name of the name service leads nowhere now."""
    return f"cannot look up {name}: {text} (will keep trying; links stay as they are)"


def ended(error: WireError) -> str:
    """Say what a peer did that ended its connection."""
    match error:
        case AuthError(reason="auth"):
            return f"{error}: cookie differs, or a replay"
        case AuthError() | ProtocolError():
            return str(error)
        case _:
            return f"REJECT {error}{_ADVICE.get(error.reason, '')}"
