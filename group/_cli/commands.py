"""`groupctl`: which command does what, and with which exit status it ends.

0: as it should be. 1: it did not work. 2: the command was wrong. 130: Ctrl-C.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

import transport
from actors import ActorDeadError, ActorError, Timeout
from group._cli.completion import complete
from group._cli.dashboard import show_dashboard
from group._cli.demo import demo
from group._cli.errors import FAILED, INTERRUPTED, WRONG_USE, CommandError
from group._cli.inspection import inspect
from group._cli.options import grammar
from group._cli.paper import Paper
from group._cli.player import play
from group._cli.service import serve
from group._errors import ConfigError, GroupError

# Errors are worded for programs; here the same things are said with flags.
_FLAGS = (
    ("allow_plaintext_network=True", "--allow-plaintext-network"),
    ('advertise="HOST:PORT"', "--advertise HOST:PORT"),
    ("another name=", "another --name"),
    ("set tls=…", "set --tls-ca, --tls-cert and --tls-key"),
    ("join= is empty", "--join is not given"),
    ("http_token=", "--http-token-file"),
    ("http=HOST:PORT", "--http HOST:PORT"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: What follows the program's name; None takes it from the interpreter.

    Returns:
        The exit status.

    Raises:
        SystemExit: With status 2, the command cannot be understood; with 0, help.
    """
    _open_closed_streams()
    options = grammar().parser.parse_args(argv)
    try:
        return _run(options)
    except CommandError as error:
        return _say(options, error, error.status)
    except (ConfigError, transport.ConfigError) as error:
        return _say(options, error, WRONG_USE)
    except (
        transport.TransportError,
        GroupError,
        ActorError,
        ActorDeadError,
        Timeout,
    ) as error:
        return _say(options, error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return _unwritten(options, error)


def _open_closed_streams() -> None:
    """Let words go nowhere where whoever started us has closed a stream."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
            setattr(sys, name, nowhere)


def _run(options: Namespace) -> int:
    paper = Paper(sys.stdout, as_json=getattr(options, "json", False))
    match options.command:
        case "start":
            return serve(options, paper)
        case "demo":
            return demo(paper, once=options.once, timeout=options.timeout)
        case "dashboard":
            return show_dashboard(options, paper)
        case "demo-node":
            return play()
        case "completion":
            return complete(options.shell, paper)
        case _:
            return inspect(options, paper)


def _unwritten(options: Namespace, error: OSError) -> int:
    """End without a word if the reader has gone, as `head` does; else say why."""
    # Python must not meet what is left once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return FAILED
    return _say(options, error, FAILED)


def _say(options: Namespace, error: Exception, status: int) -> int:
    text = str(error)
    for word, flag in _FLAGS:
        text = text.replace(word, flag)
    sys.stderr.write(f"groupctl {options.command}: {text}\n")
    return status
