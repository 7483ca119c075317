"""What every test gets: no leaked actors, no crash unseen, a seed to replay."""

import os
import random
import signal
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import pytest

from tests import waiting
from tests.crashes import Faults, judge

T_co = TypeVar("T_co", covariant=True)

# Histories per simulator test when nothing is said: about a second of work.
DEFAULT_SEEDS = 50
# In pytest's cache: what each test drew last.
USED_SEEDS = "pykka-group/seeds"


class Predicate(Protocol[T_co]):
    """A question that can be asked again."""

    def __call__(self) -> T_co: ...


class Eventually(Protocol):
    """The `eventually` fixture, as a type for test signatures."""

    def __call__(
        self,
        predicate: Predicate[T_co],
        timeout: float = 5.0,
        *,
        what: str | None = None,
    ) -> T_co: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    house = parser.getgroup("pykka-group")
    house.addoption("--seed", type=int, help="replay the run that printed this seed")
    house.addoption(
        "--seeds",
        type=int,
        help=f"histories per simulator test (default: {DEFAULT_SEEDS})",
    )
    house.addoption(
        "--campaign-seconds",
        type=float,
        default=15.0,
        help="faults on real processes (default: 15)",
    )


def pytest_configure() -> None:
    # A shell that starts a program in the background lets it ignore Ctrl-C, and so
    # would the programs in which tests press it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cookie, nor hears the user's settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GROUP_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def faults() -> Iterator[Faults]:
    """What goes wrong in actors of ours; see `tests/crashes.py`."""
    seen = Faults()
    with seen.noted():
        yield seen
    left = judge(seen.take(), [])
    if left:
        pytest.fail(f"after the last test: {left}")


@pytest.fixture(autouse=True)
def no_unseen_crashes(faults: Faults, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which an actor of ours crashes that was not to."""
    yield
    wrong = judge(faults.take(), list(request.node.iter_markers("crashes")))
    if wrong:
        pytest.fail(f"see tests/crashes.py: {wrong}")


@pytest.fixture(autouse=True)
def no_leaked_actors(no_unseen_crashes: None, group_no_leaks: None) -> None:
    """Fail a test that leaves a thread or an actor of its own running.

    Looked for before crashes are, for whatever still runs may crash.
    """


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """One random number; printed when the test fails, given back by `--seed`."""
    return _first_seed(request)


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> Sequence[int]:
    """Seeds of a simulator test: `--seeds` of them, or the one of `--seed`."""
    given = request.config.getoption("--seed")
    count = request.config.getoption("--seeds")
    if count is None:
        count = DEFAULT_SEEDS if given is None else 1
    first = _first_seed(request)
    return range(first, first + count)


def _first_seed(request: pytest.FixtureRequest) -> int:
    given: int | None = request.config.getoption("--seed")
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    used: dict[str, int] = {} if cache is None else cache.get(USED_SEEDS, {})
    drawn = f"{request.node.nodeid} {request.fixturename}"
    if given is None and request.config.getoption("--last-failed", default=False):
        # What failed is not passed by better luck.
        given = used.get(drawn)
    first = random.SystemRandom().getrandbits(31) if given is None else given
    if cache is not None:
        cache.set(USED_SEEDS, used | {drawn: first})
    # Captured, so shown only when the test fails.
    print(f"seed={first}  replay: pytest '{request.node.nodeid}' --seed {first}")
    return first


@pytest.fixture
def eventually() -> Eventually:
    """Wait for a fact: `eventually(lambda: node.peers(), timeout=5)`."""
    return waiting.eventually
