"""How our actors leave Pykka's registry: a list, in which thousands may be."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pykka

from actors import AnyRef, Mailbox, mailbox
from actors._ends.end import NEAR, _whereabouts


class Plain(pykka.ThreadingActor):
    """An actor of Pykka's own."""


@contextmanager
def crowd(ours: int, plain: int) -> Iterator[list[AnyRef]]:
    """Some plain actors among many of ours, in the order in which they started."""
    every = ours // plain
    refs: list[AnyRef] = []
    with ExitStack() as stack:
        for number in range(ours):
            if number % every == 0:
                refs.append(Plain.start())
                stack.callback(refs[-1].stop)
            refs.append(stack.enter_context(mailbox()).ref)
        yield refs


def listed(refs: list[AnyRef]) -> list[AnyRef]:
    """Those of them that Pykka knows, in its order."""
    among = set(refs)
    return [ref for ref in pykka.ActorRegistry.get_all() if ref in among]


def test_whoever_ends_leaves_and_all_others_keep_their_order() -> None:
    with crowd(ours=400, plain=5) as refs:
        left = refs.copy()
        assert listed(refs) == left
        ends = refs.copy()
        random.Random(7).shuffle(ends)
        for number, ref in enumerate(ends):
            ref.stop()
            left.remove(ref)
            if number % 20 == 0:
                assert listed(refs) == left

        assert listed(refs) == []


def test_an_actor_that_was_made_first_and_started_last_leaves_too() -> None:
    early = Mailbox()
    with crowd(ours=200, plain=1) as refs, early:
        assert listed([*refs, early.ref])[-1] is early.ref

        early.ref.stop()

        assert listed([*refs, early.ref]) == refs


def test_a_crowd_of_plain_actors_hides_nobody() -> None:
    with ExitStack() as stack:
        plain = [Plain.start() for _ in range(8 * NEAR)]
        stack.callback(lambda: [ref.stop() for ref in plain])
        me = stack.enter_context(mailbox())
        more = [Plain.start() for _ in range(8 * NEAR)]
        stack.callback(lambda: [ref.stop() for ref in more])

        me.ref.stop()

        assert listed([*plain, me.ref, *more]) == [*plain, *more]


def test_a_few_places_are_searched_and_not_thousands() -> None:
    boxes = [Mailbox().ref for _ in range(5_000)]
    refs: list[AnyRef] = [*boxes]

    for place in (0, 1, 1_700, 2_500, 4_998, 4_999):
        start, stop = _whereabouts(refs, boxes[place].cell.number)
        assert refs[place] in refs[start:stop]
        assert stop - start <= 3 * NEAR
