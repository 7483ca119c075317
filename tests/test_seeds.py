"""What failed is tried again with the seeds that it drew, and passed by no luck."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

FAILS_AT_FIRST = """
    from pathlib import Path

    def test_drawn(seed, seeds):
        drawn = Path("drawn")
        before = drawn.read_text() if drawn.exists() else ""
        drawn.write_text(before + f"{seed} {seeds[0]}\\n")
        assert before
"""


def test_what_failed_is_replayed_and_what_passed_draws_anew(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    pytester.makepyfile(FAILS_AT_FIRST)
    house = ("-p", "tests.conftest")

    pytester.runpytest_subprocess(*house).assert_outcomes(failed=1)
    pytester.runpytest_subprocess(*house, "--last-failed").assert_outcomes(passed=1)
    pytester.runpytest_subprocess(*house).assert_outcomes(passed=1)

    first, again, later = (pytester.path / "drawn").read_text().splitlines()
    assert first == again
    assert later != first
