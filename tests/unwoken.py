"""A program whose main thread no signal wakes, as now and then happens to any.

Another of its threads gets the signal, so that the main one sleeps on: as one does that
is just about to fall asleep.
"""

import subprocess
import sys

_SCRIPT = """
import signal, threading, time

NUMBER = signal.{name}
usual = signal.getsignal(NUMBER)

def press():
    global pressed
    while usual is signal.SIG_DFL and signal.getsignal(NUMBER) is usual:
        time.sleep(0.01)
    # Long enough to fall asleep; if it was not, this shows nothing.
    time.sleep(0.5)
    pressed = time.monotonic()
    signal.pthread_kill(threading.get_ident(), NUMBER)
    time.sleep(60)

threading.Thread(target=press, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [NUMBER])
{script}
print(time.monotonic() - pressed)
"""


def seen_after(name: str, script: str) -> tuple[float, list[str]]:
    """Send a script a signal; return the seconds until it had ended, and its output.

    Args:
        name: That of the signal.
        script: Handles it, or makes a handler first; then it sleeps.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(name=name, script=script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    *lines, took = done.stdout.splitlines()
    return float(took), lines
