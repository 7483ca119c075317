"""Something happens whenever the interpreter collects garbage: at any allocation."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# More than the interpreter keeps tuples to give out again: new ones count for the
# collector, those do not.
MANY = 10_000


@contextmanager
def at_each_collection(change: Callable[[], None], times: int = 1000) -> Iterator[None]:
    """Collect garbage as often as can be, so many times, and change something then."""
    usual = gc.get_threshold()
    left = times

    def on_collection(phase: str, _info: dict[str, int]) -> None:
        nonlocal left
        if phase == "start" and left:
            left -= 1
            change()
            if not left:
                gc.set_threshold(*usual)

    gc.callbacks.append(on_collection)
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.remove(on_collection)
