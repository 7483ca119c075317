"""What a settled fence has promised: who has it, and who has not."""

import pytest

from tests.search.agreement import Agreement
from tests.search.book import Book, BrokenError, Copy, State
from tests.search.ghosts import Written
from tests.search.scope import Scope
from transport import NodeId

HERE, THERE = NodeId("a", bytes(8)), NodeId("b", bytes(8))
CID, TOKEN, SETTLED = 0, 7, 2
# Hash of the rows at each position of the lane; at 3 there is one row more.
EMPTY, BEFORE, AT_FENCE, LATER = 0, 11, 22, 33
POSITIONS = {(CID, 1): BEFORE, (CID, 2): AT_FENCE, (CID, 3): LATER}


def state(me: NodeId, copies: tuple[Copy, ...] = ()) -> State:
    return State(
        me=me,
        calls=(),
        waiting=False,
        doomed=(),
        inside=True,
        given_up=(),
        copies=copies,
        lanes={CID: 3},
        positions=POSITIONS,
        rows={},
        known=[],
        view=({}, {}),
        problems=(),
        tokens=frozenset({TOKEN}),
        full=(),
        fences=0,
    )


def judge(*copies: Copy) -> None:
    book = Book(Scope())
    book.states += [state(HERE), state(THERE, copies)]
    written = Written(THERE, TOKEN, CID, SETTLED, CID)
    Agreement(book).written((1, 2), 0, written)


@pytest.mark.parametrize(
    ("cursor", "rows"),
    [(2, AT_FENCE), (3, LATER), (None, AT_FENCE), (None, LATER)],
    ids=["there", "further", "restarted there", "restarted further"],
)
def test_a_peer_with_the_settled_rows_has_them(cursor: int | None, rows: int) -> None:
    judge(Copy(HERE, CID, cursor, rows))


@pytest.mark.parametrize(
    ("cursor", "rows"),
    [(1, BEFORE), (None, BEFORE), (None, EMPTY), (None, 44)],
    ids=["behind", "restarted behind", "restarted empty", "rows that never were"],
)
def test_a_peer_without_the_settled_rows_is_found(
    cursor: int | None, rows: int
) -> None:
    with pytest.raises(BrokenError, match="F1"):
        judge(Copy(HERE, CID, cursor, rows))


@pytest.mark.parametrize(
    "copies",
    [(), (Copy(HERE, CID + 1, 2, AT_FENCE),), (Copy(THERE, CID, 2, AT_FENCE),)],
    ids=["none", "of another cluster", "of another node"],
)
def test_a_peer_without_a_copy_is_found(copies: tuple[Copy, ...]) -> None:
    with pytest.raises(BrokenError, match="F1"):
        judge(*copies)
