"""Which events the packages log, read from their code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# What a logger is called, and how it is asked.
LOGGER = re.compile(r"(^|[._])(log|complaints)$")
SAYS = {"debug", "info", "warning", "error", "verbose", "warn"}


def events(folder: Path) -> set[str]:
    """Return the names of all events that are logged somewhere below a folder."""
    trees = (
        ast.parse(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")
    )
    calls = (
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)
    )
    return {name for call in calls for name in _named(call)}


def _named(call: ast.Call) -> Iterator[str]:
    match call:
        case ast.Call(
            func=ast.Attribute(value=logger, attr=how),
            args=[ast.Constant(value=str(name)), *_],
        ) if how in SAYS and LOGGER.search(ast.unparse(logger)):
            yield name
        # The logger's method was chosen before, or what is raised inside is logged.
        case ast.Call(
            func=ast.Name(id="say" | "Contained"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            yield name
        # Of the pure parts, which let others log.
        case ast.Call(
            func=ast.Attribute(attr="report"),
            args=[ast.Constant(), ast.Constant(value=str(name)), *_],
        ):
            yield name
        case _:
            pass
