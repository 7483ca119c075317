"""Questions that are open when a node is lost."""

import sys
from typing import Any, cast

import pytest

from tests.collecting import MANY, at_each_collection
from transport import NodeDownError, NodeId
from transport._remote.asks import Asks, Question

LOST, OTHER = NodeId("lost", bytes(8)), NodeId("other", bytes(8))


class Answer:
    """A future that only notes how it has ended."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def set_exception(self, exc_info: tuple[type, BaseException, object]) -> None:
        self.errors.append(exc_info[1])


def question(node_id: NodeId) -> Question:
    return Question(node_id, cast("Any", None), cast("Any", Answer()))


def errors(asked: Question) -> list[BaseException]:
    return cast("Answer", asked.future).errors


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="collects between instructions, not in calls"
)
def test_items_in_a_list_are_not_read_in_one_step() -> None:
    shared = dict.fromkeys(range(MANY))

    def add() -> None:
        shared[len(shared)] = None

    with pytest.raises(RuntimeError), at_each_collection(add):
        list(shared.items())


def test_questions_may_come_while_those_to_a_lost_node_are_ended() -> None:
    asks = Asks()
    open_ones = [question(LOST) for _ in range(MANY)]
    for each in open_ones:
        asks.open(each)

    def ask() -> None:
        asks.open(question(OTHER))

    with at_each_collection(ask):
        asks.fail(LOST, lambda: NodeDownError("lost", "reset"))

    assert [len(errors(each)) for each in open_ones] == [1] * MANY
    assert len(asks) > 0
