"""How long, in words."""

import pytest

from group._words import duration, short, uptime


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.0004, "0 s"),
        (0.0042, "0.004 s"),
        (0.42, "0.4 s"),
        (5, "5 s"),
        (5.0, "5 s"),
        (12.9, "12 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7300, "2 h"),
        (86_400 * 5, "5 d"),
    ],
)
def test_a_duration_has_one_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0s"),
        (12.9, "12s"),
        (185, "3m05s"),
        (3600, "1h00m"),
        (7980, "2h13m"),
        (86_399, "23h59m"),
        (86_400 * 5 + 3600 * 4, "5d04h"),
    ],
)
def test_an_uptime_fits_a_column(seconds: float, words: str) -> None:
    assert uptime(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": "x" * 90, "b": 1}, "{'a': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
        ({"a": b"x" * 90}, "{'a': b'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
        ({"a": (0,) * 9, "b": "x" * 30}, "{'a': (0, 0, 0, 0, 0, 0, 0, 0, 0), 'b':…"),
        ("x" * 90, "x" * 39 + "…"),
        ({"a": 2**63, "b": 2**7}, "{'a': 9223372036854775808, 'b': 128}"),
        ("x" * 38 + "…" + "x" * 9, "x" * 38 + "…"),
    ],
)
def test_what_is_cut_is_marked_once(value: object, words: str) -> None:
    assert short(value, 40) == words


def test_long_lists_are_marked_where_they_are_cut() -> None:
    assert short({"a": [0] * 99, "b": 1}, 200) == f"{{'a': [{'0, ' * 32}…], 'b': 1}}"
