"""How long state machines run, and what draws for them.

`--seeds 2000` runs so many examples, of 50 steps, which takes
minutes; `--seed N` replays a run.
"""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

LONG_STEPS = 50


@dataclass(frozen=True)
class Amount:
    """Examples and steps of a short run."""

    examples: int = 25
    steps: int = 30


def live(
    machine: type[RuleBasedStateMachine],
    first: int,
    request: pytest.FixtureRequest,
    amount: Amount | None = None,
) -> None:
    """Run a machine; what it does depends on `first` and on nothing else."""
    short = amount or Amount()
    examples: int | None = request.config.getoption("--seeds")
    seed(first)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=short.examples if examples is None else examples,
            stateful_step_count=short.steps if examples is None else LONG_STEPS,
            deadline=None,
            database=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
