"""Whether a peer's clock differs from ours, judged by beats that may be late."""

from collections import deque

# By how many looks a clock is judged: a beat may be late for other reasons.
LOOKS = 5


class Skew:
    """The last looks at one peer's clock.

    A beat that was long on its way, or waited here, seems to be of an earlier time. So
    the freshest of the last looks counts, and "behind" needs as many as are kept. Beats
    that come closer together than they are sent have waited together, because the
    network or this process stood still: they are one look, as fresh as the freshest.
    """

    def __init__(self) -> None:
        # Seconds by which the peer's clock seemed to be ahead, one for each look.
        self._leads: deque[float] = deque(maxlen=LOOKS)
        self._read_at = 0.0

    def heard(self, lead: float, now: float, heartbeat: float) -> float | None:
        """Take a beat; return by how much the peer's clock is ahead.

        Args:
            lead: Seconds by which the beat's time was ahead of ours when it was read.
            now: When it was read, by a clock that is never set.
            heartbeat: Seconds between two beats of this peer.

        Returns:
            Seconds, negative for a clock behind ours; None while nothing can be said.
        """
        if self._leads and now - self._read_at < heartbeat / 2:
            lead = max(lead, self._leads.pop())
        self._leads.append(lead)
        self._read_at = now
        ahead = max(self._leads)
        return None if ahead < 0 and len(self._leads) < LOOKS else ahead
