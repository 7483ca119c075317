"""What the demo shows, act by act. An act that does not come true ends the demo."""

from collections.abc import Callable
from itertools import cycle

from group._cli.paper import Colour, Paper
from group._cli.script import ROOM, News, Order
from group._cli.stage import Stage
from group._clock import monotonic

# Who lives where. The first node is the one that the others are told of.
PEOPLE = {"oslo": "ada", "lima": "ben", "cairo": "cleo"}
FIRST, SECOND, THIRD = PEOPLE
_COLOURS: dict[str, Colour] = {FIRST: "cyan", SECOND: "magenta", THIRD: "yellow"}
_WIDTH = 5

# Seconds between acts: to read what has happened, and to wait for the next thing.
READ, REST = 0.8, 2.5
_SENTENCES = (
    "does anybody hear me?",
    "it is quiet here today",
    "who is next?",
    "I am still here",
)


class BrokenStoryError(Exception):
    """Something that the demo promises has not happened."""


class Story:
    """Plays the acts on a stage and tells what comes of them.

    Every line but the headings reports something that a node has told.
    """

    def __init__(self, stage: Stage, paper: Paper, timeout: float) -> None:
        self._stage = stage
        self._paper = paper
        self._timeout = timeout
        self._began = monotonic()
        self._acts = 0
        self._sentences = cycle(_SENTENCES)
        # Where nodes listen, those that are up.
        self._addresses: dict[str, str] = {}

    def tell_once(self) -> None:
        """Play every act once; after it, all nodes are up and agree."""
        acts: list[Callable[[], None]] = [
            self.meet,
            self.name,
            lambda: self.chat(FIRST, "hello, is anybody there?"),
            self.call,
            lambda: self.crash(SECOND),
            lambda: self.lose(THIRD),
            lambda: self.come_back(THIRD),
        ]
        for act in acts:
            act()
            self.pause(READ)

    def go_on(self) -> None:
        """Chat, crash, kill and come back, until a signal."""
        for victim in cycle((SECOND, THIRD, FIRST)):
            for speaker in PEOPLE:
                self.chat(speaker, next(self._sentences))
                self.pause(REST)
            self.crash(victim)
            self.pause(REST)
            self.lose(victim)
            self.pause(REST)
            self.come_back(victim)
            self.pause(REST)

    # The acts

    def meet(self) -> None:
        """Three processes start and find each other."""
        self._heading("Three processes start. Two of them are told where the first is")
        self._start(FIRST)
        self._start(SECOND)
        self._start(THIRD)

    def name(self) -> None:
        """Each registers a name; all nodes know all names, and whose they are."""
        self._heading(
            "An actor lives in each. It registers a name, and every node knows it"
        )
        self._agree(list(PEOPLE))
        for node, person in PEOPLE.items():
            self._say(node, f"has user/{person}; all three nodes know that")
        mark = self._order(SECOND, "claim", key=f"user/{PEOPLE[FIRST]}")
        refused = self._await(mark, "refused", SECOND, "a taken name was given away")
        self._say(
            SECOND, f"tries to register user/{PEOPLE[FIRST]} too, and is refused:"
        )
        self._say(SECOND, self._dim(refused.text))

    def chat(self, speaker: str, text: str) -> None:
        """One speaks to the room, and the others hear it, on their nodes."""
        self._heading(f"{PEOPLE[speaker]} speaks to everybody in {ROOM}")
        mark = self._order(speaker, "say", text=text)
        self._say(speaker, f"{PEOPLE[speaker]} says: {text}")
        for node in self._others(speaker):
            heard = self._await(mark, "heard", node, f"{node} has heard nothing")
            took = _ms(heard.at - heard.sent)
            self._say(node, f"{PEOPLE[node]} hears it after {took}", at=heard.at)

    def call(self) -> None:
        """An actor's method is called from another process."""
        self._heading("A method call from one process to another")
        key = f"user/{PEOPLE[FIRST]}"
        mark = self._order(THIRD, "ask", key=key, text="good morning")
        answered = self._await(mark, "answered", THIRD, "the call got no answer")
        took = _ms(answered.at - answered.sent)
        self._say(THIRD, f"calls shout('good morning') of {key}, which is on {FIRST}")
        self._say(THIRD, f"gets {answered.text!r} after {took}", at=answered.at)

    def crash(self, node: str) -> None:
        """An actor crashes, and its supervisor starts it again."""
        person = PEOPLE[node]
        teller = self._others(node)[0]
        self._heading(f"{person} crashes; the supervisor on {node} starts it again")
        mark = self._order(teller, "upset", key=f"user/{person}")
        self._say(teller, f"sends {person} a message that nobody survives")
        for watcher in self._others(node):
            gone, back = self._bounce(mark, watcher, f"user/{person}")
            self._say(
                watcher,
                f"sees user/{person} go ({_short(gone.text)}) and, "
                f"{_ms(back.at - gone.at)} later, come back",
                at=back.at,
            )

    def lose(self, node: str) -> None:
        """A process is killed; what it owned goes on the other nodes."""
        person = PEOPLE[node]
        self._heading(f"The process of {node} is killed, by SIGKILL, without a goodbye")
        mark = len(self._stage.news)
        killed = self._stage.kill(node)
        del self._addresses[node]
        self._say(node, self._paper.paint("is dead", "red", "bold"), at=killed)
        for watcher in self._others(node):
            gone = self._await(
                mark,
                "unregistered",
                watcher,
                f"{watcher} has kept user/{person}",
                key=f"user/{person}",
            )
            self._say(
                watcher,
                f"dropped user/{person} {_ms(gone.at - killed)} after the kill: "
                f"{gone.text}",
                at=gone.at,
            )
        self._agree(self._others(node))

    def come_back(self, node: str) -> None:
        """The node starts again and is told what it has missed."""
        person = PEOPLE[node]
        self._heading(f"{node} starts again, under its old name")
        mark = len(self._stage.news)
        up = self._start(node)
        for watcher in self._others(node):
            seen = self._await(
                mark,
                "registered",
                watcher,
                f"{watcher} does not see {node} again",
                key=f"user/{person}",
            )
            self._say(watcher, f"sees user/{person} again", at=seen.at)
        agreed = self._agree(list(PEOPLE))
        self._say(node, f"in sync {_ms(agreed - up)} after it was up: all agree")

    def pause(self, seconds: float) -> None:
        """Let the reader read, and the nodes live."""
        self._stage.until(lambda: False, seconds)

    # What acts are made of

    def _start(self, node: str) -> float:
        mark = len(self._stage.news)
        # Any node that is up will do; it speaks of the others.
        join = next(iter(self._addresses.values()), "")
        self._stage.start(node, PEOPLE[node], join)
        up = self._await(mark, "up", node, f"{node} has not started")
        self._addresses[node] = up.text
        self._say(node, f"is up at {up.text}, process {up.pid}", at=up.at)
        return up.at

    def _order(self, node: str, do: str, *, key: str = "", text: str = "") -> int:
        """Tell a node to do something; return where news of it begin."""
        mark = len(self._stage.news)
        self._stage.order(node, Order(do=do, key=key, text=text))
        return mark

    def _await(
        self, mark: int, what: str, node: str, trouble: str, *, key: str = ""
    ) -> News:
        """Return the first such news after a mark."""

        def found() -> News | None:
            for news in self._stage.news[mark:]:
                if (news.what, news.node) == (what, node) and key in ("", news.key):
                    return news
            return None

        if not self._stage.until(lambda: found() is not None, self._timeout):
            raise BrokenStoryError(f"{trouble} within {self._timeout:g} s")
        news = found()
        assert news is not None
        return news

    def _bounce(self, mark: int, watcher: str, key: str) -> tuple[News, News]:
        gone = self._await(
            mark, "unregistered", watcher, f"{watcher} has not seen {key} go", key=key
        )
        mark = self._stage.news.index(gone, mark)
        back = self._await(
            mark, "registered", watcher, f"{watcher} has not seen {key} again", key=key
        )
        return gone, back

    def _agree(self, nodes: list[str]) -> float:
        """Wait until nodes have the same view, with their people and no one else."""
        wanted = sorted(
            row
            for node in nodes
            for row in (
                f"registered user/{PEOPLE[node]} {node}",
                f"member {ROOM} {node}",
            )
        )
        end = monotonic() + self._timeout
        while True:
            views = [self._view(node) for node in nodes]
            if all(list(view.rows) == wanted for view in views):
                return max(view.at for view in views)
            if monotonic() > end:
                seen = "; ".join(f"{v.node}: {', '.join(v.rows)}" for v in views)
                raise BrokenStoryError(
                    f"{', '.join(nodes)} do not agree within {self._timeout:g} s: "
                    f"{seen}"
                )

    def _view(self, node: str) -> News:
        mark = self._order(node, "look")
        return self._await(mark, "view", node, f"{node} does not answer")

    def _others(self, node: str) -> list[str]:
        return [each for each in PEOPLE if each != node]

    # Words

    def _heading(self, text: str) -> None:
        self._acts += 1
        self._stage.news.clear()
        self._paper.say()
        number = self._dim(f"{self._acts}.")
        self._paper.say(
            f"{number} {self._paper.paint(text, 'bold')}",
            event="act",
            act=self._acts,
            text=text,
        )

    def _say(self, node: str, text: str, at: float | None = None) -> None:
        passed = (monotonic() if at is None else at) - self._began
        who = self._paper.paint(f"{node:<{_WIDTH}}", _COLOURS[node])
        self._paper.say(
            f"   {self._dim(f'{passed:6.2f} s')}  {who}  {text}",
            event="line",
            act=self._acts,
            seconds=round(passed, 3),
            node=node,
            text=text,
        )

    def _dim(self, text: str) -> str:
        return self._paper.paint(text, "dim")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _short(reason: str) -> str:
    return reason.partition("\n")[0]
