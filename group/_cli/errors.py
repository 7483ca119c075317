"""What ends a command, and the exit status that says whose doing it was."""

FAILED = 1
WRONG_USE = 2
# As a shell says it of a program that SIGINT has ended.
INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot be carried out; its text is all that is said.

    Attributes:
        status: The exit status.
    """

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status
