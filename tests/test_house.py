"""The rules of the house, as checks: who may import what, and how large things grow.

The lists say which files may open which door to the world. A new name in a list
is a decision, to be explained in the commit that adds it.
"""

import ast
import functools
import importlib
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("actors", "transport", "group")

# What else may be imported from outside; for tests, of ours and of users.
DOORS = (*PACKAGES, "transport.testing", "group.testing")

SOCKET_FILES = {
    "transport/_links/io.py",
    # What stands between the nodes of a test.
    *("transport/testing/_flow.py", "transport/testing/_gate.py"),
}
PYKKA_FILES = re.compile(r"actors/(_\w+/)?\w+\.py|transport/_remote/ref\.py")
CLOCK_FILES = {"actors/_clock.py", "transport/_clock.py", "group/_clock.py"}
# Actors, the timer thread, those who wait for plain actors, and those who wait for
# coroutines, which must not be actors: what they call asks who the current one is.
THREAD_FILES = {
    *("actors/_actor.py", "actors/_timers.py", "actors/_adopt.py"),
    "group/_coroutines/helpers.py",
    # The event loop of a test's network.
    "transport/testing/_network.py",
}
UNPICKLE_FILE = "transport/_remote/objects.py"

# What a pure file may not import: each is an input that must be an argument.
IMPURE = {
    *("asyncio", "concurrent", "logging", "multiprocessing", "os"),
    *("pickle", "pykka", "queue", "random", "secrets", "selectors", "signal"),
    *("socket", "ssl", "structlog", "subprocess", "threading", "time", "uuid"),
}
LARGEST_MODULE = 400
LARGEST_NUMBER_OF_WAIVERS = 10


class Import(NamedTuple):
    """One imported name: `from module import name`, or `import module`."""

    file: str
    line: int
    module: str
    name: str | None

    def __str__(self) -> str:
        what = self.module if self.name is None else f"{self.module}.{self.name}"
        return f"{self.file}:{self.line} imports {what}"

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def library() -> list[Path]:
    return [path for package in PACKAGES for path in python_files(ROOT / package)]


def repository() -> list[Path]:
    folders = (*PACKAGES, "tests", "examples", "benchmarks")
    return [path for folder in folders for path in python_files(ROOT / folder)]


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name_of(path))


def imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name_of(path), node.lineno, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = node.module or ""
                yield Import(name_of(path), node.lineno, module, alias.name)


def uses(path: Path, module: str, names: set[str]) -> bool:
    """Tell whether a file says `module.name`, or imports that name from it."""
    said = (
        node
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == module
        and node.attr in names
    )
    imported = (i for i in imports(path) if i.module == module and i.name in names)
    return any(True for _ in said) or any(True for _ in imported)


def files_that_import(module: str) -> set[str]:
    return {i.file for path in library() for i in imports(path) if i.top == module}


def files_that_use(module: str, *names: str) -> set[str]:
    return {name_of(path) for path in library() if uses(path, module, set(names))}


def is_core(file: str) -> bool:
    return "/_core/" in file


def test_packages_meet_at_their_front_doors() -> None:
    outside = [p for p in repository() if not name_of(p).startswith("tests/")]

    intruders = [
        str(found)
        for path in outside
        for found in imports(path)
        if found.top in PACKAGES
        and found.top != name_of(path).partition("/")[0]
        and (found.module not in DOORS or (found.name or "").startswith("_"))
    ]

    assert intruders == []


def test_nobody_reaches_for_an_underscore_through_a_module() -> None:
    reached = [
        f"{name_of(path)}:{node.lineno} uses {node.value.id}.{node.attr}"
        for path in repository()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in packages_at_hand(path)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    ]

    assert reached == []


@functools.cache
def packages_at_hand(path: Path) -> set[str]:
    """Which packages a file has as a module: `group` may also be a variable."""
    return {i.module for i in imports(path) if i.name is None} & set(PACKAGES)


@pytest.mark.parametrize("name", DOORS)
def test_a_front_door_names_all_that_is_public(name: str) -> None:
    door = importlib.import_module(name)
    tree = parse(ROOT / name.replace(".", "/") / "__init__.py")

    brought = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    named = set(door.__all__)
    assert len(named) == len(door.__all__), "a name twice in __all__"
    assert [name for name in named if not hasattr(door, name)] == []
    assert [name for name in named if name.startswith("_")] == []
    assert {name for name in brought if not name.startswith("_")} <= named


def test_only_the_listed_files_know_sockets() -> None:
    assert files_that_import("socket") == SOCKET_FILES


def test_only_actors_and_the_remote_ref_know_pykka() -> None:
    strangers = {f for f in files_that_import("pykka") if not PYKKA_FILES.fullmatch(f)}

    assert strangers == set()


def test_one_file_per_package_reads_the_clock() -> None:
    found = files_that_import("time")

    packages = [file.partition("/")[0] for file in found]
    assert len(packages) == len(set(packages)), f"more than one: {sorted(found)}"
    assert found == CLOCK_FILES


def test_threads_start_in_the_listed_files() -> None:
    starters = {name_of(path) for path in library() if makes_threads(path)}
    pools = files_that_import("concurrent") | files_that_import("_thread")

    assert starters | pools == THREAD_FILES


def makes_threads(path: Path) -> bool:
    """Tell whether a file calls or derives from a thread class; naming it is free."""
    made = [
        expression
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call | ast.ClassDef)
        for expression in ([node.func] if isinstance(node, ast.Call) else node.bases)
    ]
    return any(last_name(expression) in {"Thread", "Timer"} for expression in made)


def last_name(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def test_one_file_turns_bytes_into_objects() -> None:
    loaders = ("load", "loads", "Unpickler")
    found = files_that_use("pickle", *loaders) | files_that_use("cloudpickle", *loaders)

    assert found == {UNPICKLE_FILE}


def test_the_core_imports_neither_shell_nor_world() -> None:
    pure = [path for path in library() if is_core(name_of(path))]

    wrong = [
        str(found)
        for path in pure
        for found in imports(path)
        if found.top in IMPURE or is_shell_of_same_package(found)
    ]

    assert pure, "no pure files found"
    assert wrong == []


def is_shell_of_same_package(found: Import) -> bool:
    package = found.file.partition("/")[0]
    return found.top == package and not found.module.startswith(f"{package}._core")


def test_no_module_outgrows_its_reader() -> None:
    sizes = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in library()
    }

    assert {f: n for f, n in sizes.items() if n > LARGEST_MODULE} == {}


def test_waivers_are_few_and_each_gives_code_and_reason() -> None:
    waivers = [waiver for path in repository() for waiver in waivers_in(path)]

    unexplained = [w for w in waivers if not is_explained(w.partition(" ")[2])]
    assert unexplained == []
    assert len(waivers) <= LARGEST_NUMBER_OF_WAIVERS, "\n".join(waivers)


FILE_NAME = re.compile(
    r"`((?:actors|transport|group|tests|examples|benchmarks|docs)/[\w./]*)`"
)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/internals.md"])
def test_a_page_names_only_what_exists(page: str) -> None:
    named = set(FILE_NAME.findall((ROOT / page).read_text(encoding="utf-8")))

    assert named, "a page that names no file"
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "file",
    [
        "transport/_core/control.py",
        "transport/_remote/headers.py",
        "group/_core/messages.py",
    ],
)
def test_internals_explain_every_message(file: str) -> None:
    page = (ROOT / "docs/internals.md").read_text(encoding="utf-8")
    messages = [
        node.name
        for node in parse(ROOT / file).body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and not node.name.endswith("Error")
    ]

    assert messages
    assert [name for name in messages if f"`{name}`" not in page] == []


WAIVER = re.compile(r"#\s*(?:ruff:\s*)?noqa\b.*|#\s*type:\s*ignore\b.*", re.IGNORECASE)
EXPLAINED = re.compile(
    r"# noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\s+\W*(?P<linter>\w.{7,})"
    r"|# type: ignore\[[a-z, -]+\]\s+#\s*(?P<types>\w.{7,})"
)


def waivers_in(path: Path) -> Iterator[str]:
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                for match in WAIVER.finditer(token.string):
                    yield f"{name_of(path)}:{token.start[0]} {match.group()}"


def is_explained(waiver: str) -> bool:
    return EXPLAINED.match(waiver) is not None


@pytest.mark.parametrize(
    ("waiver", "explained"),
    [
        ("# noqa: S301 - bytes of a peer that proved the cookie", True),
        ("# type: ignore[override]  # Pykka promises less here", True),
        ("# noqa", False),
        ("# noqa: S301", False),
        ("# type: ignore", False),
        ("# type: ignore[override]", False),
        ("# noqa: S301 - ok", False),
    ],
)
def test_a_waiver_without_a_reason_is_seen(waiver: str, *, explained: bool) -> None:
    assert WAIVER.match(waiver)
    assert is_explained(waiver) is explained
