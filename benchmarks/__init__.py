"""How fast this is, beside what is known to be possible: `python -m benchmarks`.

Every scenario runs its own cases and its references in turns, round after round, so
that whatever else the machine does falls on all of them alike.
"""
