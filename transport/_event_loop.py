"""A thread that runs an event loop must not be made to wait."""

import sys

from actors import NoCurrentActorError, current


def refuse_event_loop() -> None:
    """Raise RuntimeError if this thread runs an event loop, unless in an actor."""
    # Not imported for the question: without it there is no loop.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    try:
        current()
    except NoCurrentActorError:
        raise RuntimeError(
            "start() blocks; use await asyncio.to_thread(Node.start, …)"
        ) from None
