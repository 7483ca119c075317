"""Which test provokes which row of the table of bad inputs: `rows.txt` says it."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NUMBERS = [f"B{number:03}" for number in range(1, 91)]


def table() -> Iterator[tuple[str, str]]:
    """Yield a row and the name of a test that provokes it."""
    for line in (HERE / "rows.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            row, _, test = line.partition("  ")
            yield row, test


@functools.cache
def names_in(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_row_is_provoked() -> None:
    numbers = [row for row, _ in table() if row[1:].isdigit()]

    assert sorted(set(numbers)) == NUMBERS
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("file", sorted({t.partition("::")[0] for _, t in table()}))
def test_the_tests_of_the_table_are_there(file: str) -> None:
    named = {test.partition("::")[2] for _, test in table() if test.startswith(file)}

    assert named - names_in(HERE.parent / file) == set()
