"""`groupctl demo`: three nodes, each a process of its own, and their adventures."""

import os
import sys
import tempfile
from typing import IO

from group._cli.errors import FAILED
from group._cli.paper import Paper
from group._cli.stage import InterruptedDemoError, LostNodeError, Stage
from group._cli.story import BrokenStoryError, Story
from group._clock import monotonic


def demo(paper: Paper, *, once: bool, timeout: float) -> int:
    """Play the story, and go on until Ctrl-C unless `once`; return the exit status.

    Args:
        paper: Where it is told.
        once: End after the story.
        timeout: Seconds that each step may take.
    """
    ending = "It ends by itself." if once else "Ctrl-C ends it."
    failed = False
    with tempfile.TemporaryFile() as errors, Stage(errors) as stage:
        # Not before there is a stage, which hears Ctrl-C: it says what that does.
        paper.say(f"Three nodes on this machine, each a process of its own. {ending}")
        story = Story(stage, paper, timeout)
        try:
            story.tell_once()
            if not once:
                story.go_on()
        except InterruptedDemoError:
            failed = once
        except (BrokenStoryError, LostNodeError) as error:
            sys.stderr.write(f"groupctl demo: {error}\n")
            failed = True
            _write_last_words(errors)
        began = monotonic()
    took = monotonic() - began
    paper.say()
    words = f"All processes have ended ({took:.1f} s)."
    paper.say(words, event="end", failed=failed, seconds=round(took, 3))
    if not failed:
        paper.say("Next: groupctl start --help, or examples/quickstart.py")
    return FAILED if failed else 0


def _write_last_words(errors: IO[bytes]) -> None:
    # Read in place: the file's position is where the nodes go on writing.
    written = os.pread(errors.fileno(), 1 << 20, 0).decode(errors="replace")
    if written:
        sys.stderr.write(f"What the nodes wrote to stderr:\n{written}")
