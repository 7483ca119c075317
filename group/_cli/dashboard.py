"""`groupctl dashboard`: a page in the browser, served by a node that hides."""

import signal
from argparse import Namespace
from contextlib import ExitStack
from queue import SimpleQueue
from types import FrameType

from group._cli.look import looking
from group._cli.paper import Paper
from group._cli.service import await_news, token_of
from group._dashboard.page import Dashboard
from group._dashboard.reach import HiddenReach
from transport import NodeOptions


def show_dashboard(options: Namespace, paper: Paper) -> int:
    """Serve the page until SIGINT or SIGTERM; return the exit status.

    Raises:
        CommandError: Nothing answers there, or it does not run the group.
        ConfigError: An address or the token cannot be used.
        ListenError: The page's address cannot be had.
    """
    stopped: SimpleQueue[str] = SimpleQueue()

    def signalled(number: int, _frame: FrameType | None) -> None:
        stopped.put(signal.Signals(number).name)

    http: NodeOptions = {"http": options.http, "http_token": token_of(options)}
    with looking(options, http) as look, ExitStack() as stack:
        group = look.group()
        look.ask("nodes", None, None)
        reach = HiddenReach(look.node, group)
        look.node.pages.add("/", Dashboard(reach).answer)
        look.progress.finish()
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, signalled)
            stack.callback(signal.signal, number, before)
        url = look.node.http_url
        if options.json:
            paper.data({"url": url, "group": group, "node": look.target})
        else:
            paper.line(f"{group} seen from {look.target}: {url}  (Ctrl-C ends it)")
        await_news(stopped)
    return 0
