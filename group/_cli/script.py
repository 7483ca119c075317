"""What the demo and its nodes say to each other: one JSON line each, over pipes.

A node's pipe for orders is also its life line: when the demo has gone, however it
went, the pipe ends, and so does the node.
"""

import msgspec

GROUP = "demo"
ROOM = "room/lobby"


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to a node: who it is.

    Attributes:
        node: Its name.
        person: The name of the actor that lives there.
        join: The address of a node that runs already; "" for the first one.
        cookie: Of this demo alone.
    """

    node: str
    person: str
    join: str
    cookie: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Each later line to a node: what to do.

    Attributes:
        do: "say", "ask", "claim", "upset" or "look".
        key: Of the actor that is asked, upset, or whose name is claimed.
        text: What is said or asked.
    """

    do: str
    key: str = ""
    text: str = ""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A line from a node: what it did or saw.

    Attributes:
        at: Seconds of the clock that all processes of a machine share.
        node: The node that tells it.
        what: "up", "heard", "said", "answered", "refused", "view", or the type of an
            event.
        key: The key of an event.
        owner: The node of the actor in question.
        text: What was said or answered, or the reason.
        sent: When that was said or asked, on the same clock.
        rows: The node's whole view: lines, sorted.
        pid: The process of a node that is up.
    """

    at: float
    node: str
    what: str
    key: str = ""
    owner: str = ""
    text: str = ""
    sent: float = 0.0
    rows: tuple[str, ...] = ()
    pid: int = 0
