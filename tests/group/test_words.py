"""How long, in words."""

import pytest

from group._words import duration, uptime


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
