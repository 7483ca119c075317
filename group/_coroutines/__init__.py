"""The verbs that wait, for coroutines: `g.aio`."""
