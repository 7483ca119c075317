"""A thousand random trees of real supervisors do what the model of OTP does."""

import pytest

from tests.actors import lab, random_trees

TREES = 1000


@pytest.mark.crashes("Supervisor", always=False)
@pytest.mark.slow
def test_random_trees_under_random_crashes_behave_as_the_model_says(
    seed: int, request: pytest.FixtureRequest
) -> None:
    replayed = request.config.getoption("--seed") is not None
    reached: set[str] = set()

    for each in range(seed, seed + (1 if replayed else TREES)):
        try:
            reached |= random_trees.run(each)
        except lab.DiffersError as error:
            pytest.fail(f"tree of seed {each} (replay: --seed {each})\n{error}")

    assert replayed or reached >= random_trees.SITUATIONS
