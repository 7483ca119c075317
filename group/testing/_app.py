"""The app of a `proc_cluster`: named by the test, found and started by its nodes."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, TypedDict

from actors import AnyRef, ChildSpec, Supervisor, is_ref
from group._group import Group

Factory: TypeAlias = Callable[[Group], object]


class App(TypedDict):
    """Where the function is that puts a service on the node."""

    module: str
    file: str | None
    name: str


class Apps(Supervisor):
    """What the app of a test has put on a node."""


def where(app: Factory | str) -> App:
    """Say where another process finds a function.

    Raises:
        ValueError: It cannot.
    """
    __tracebackhide__ = True
    if isinstance(app, str):
        module, colon, name = app.partition(":")
        if not (module and colon and name):
            raise ValueError(f"app must be 'module:function', got {app!r}")
        return {"module": module, "file": None, "name": name}
    name = getattr(app, "__qualname__", "<locals>")
    if "<" in name:
        raise ValueError(
            "app must be a function that other processes can import, at the top of a "
            f"module: move {app!r} there"
        )
    file = inspect.getsourcefile(inspect.unwrap(app))
    module = app.__module__
    if module == "__main__" and file is not None:
        module = Path(file).stem
    found = None if file is None else str(Path(file).resolve())
    return {"module": module, "file": found, "name": name}


def find(app: App) -> Callable[[Group], object]:
    """Return the function that an app names.

    Its module is imported by name if that leads to the file that the test has it from,
    else from that file; under the same name in any case, so that its messages are of
    the same classes here and there.
    """
    loaded = sys.modules.get(app["module"])
    if loaded is None:
        loaded = importlib.import_module(app["module"]) if _leads(app) else _load(app)
    found: object = loaded
    for part in app["name"].split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{app['module']}:{app['name']} is no function")
    return found


def _leads(app: App) -> bool:
    try:
        spec = importlib.util.find_spec(app["module"])
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    file, there = app["file"], spec.origin
    return file is None or (there is not None and Path(there) == Path(file))


def _load(app: App) -> ModuleType:
    spec = importlib.util.spec_from_file_location(app["module"], app["file"])
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {app['module']} from {app['file']}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[app["module"]] = module
    spec.loader.exec_module(module)
    return module


def start_app(factory: Callable[[Group], object], group: Group) -> AnyRef | None:
    """Call an app's function, and supervise what it returns.

    Raises:
        TypeError: It returned something else than it may.
    """
    made = factory(group)
    if made is None or is_ref(made):
        return made
    children = [made] if isinstance(made, ChildSpec) else made
    if isinstance(children, Iterable):
        specs = list(children)
        if all(isinstance(each, ChildSpec) for each in specs):
            return Apps.start(children=specs)
    raise TypeError(
        f"app returned {type(made).__name__}; return specs made with "
        "actors.child(...), the ref of an actor, or None"
    )
