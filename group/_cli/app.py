"""What `--app` names: a function of the user's that puts actors on the node."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from actors import AnyRef, ChildSpec, Supervisor, is_ref
from group._cli.errors import FAILED, WRONG_USE, CommandError
from group._group import Group

_IMPORTING = "<frozen importlib."


class App(Supervisor):
    """What --app named: the root of its tree."""


@dataclass(frozen=True, slots=True)
class Factory:
    """The function that --app names.

    Attributes:
        text: How the user has named it.
        function: The function.
    """

    text: str
    function: Callable[[Group], object]

    def start(self, group: Group) -> AnyRef | None:
        """Call the function, and start what it returns.

        Raises:
            CommandError: It raised, or returned what cannot be started.
            StartError: A child did not come up.
        """
        try:
            made = self.function(group)
            if isinstance(made, Iterable) and not isinstance(made, str | bytes | dict):
                # A generator runs only now.
                made = list(made)
        except Exception as error:
            raise _raised(f"--app {self.text}", error) from error
        if made is None or is_ref(made):
            return made
        children = made if isinstance(made, list) else [made]
        for each in children:
            if not isinstance(each, ChildSpec):
                among = "a list with " if children is made else ""
                raise _wrong(
                    f"the factory of --app returned {among}{_what(each)}; return specs "
                    "made with actors.child(...), a supervisor's ref, or None"
                )
        return App.start(children=children)

    def check(self) -> None:
        """Refuse a function that does not take the group.

        Raises:
            CommandError: It takes nothing, or needs more, or is a coroutine's.
        """
        if inspect.iscoroutinefunction(self.function):
            raise _wrong(f"--app {self.text}: the function must not be async")
        try:
            takes = inspect.signature(self.function)
        except (TypeError, ValueError):
            # Not written in Python: it has to be tried.
            return
        try:
            takes.bind(None)
        except TypeError:
            raise _wrong(
                f"--app {self.text}: the function is called with the group, and takes "
                f"{takes}; write def {getattr(self.function, '__name__', 'f')}(group)"
            ) from None


def factory_of(text: str | None) -> Factory | None:
    """Find the function that --app names; None if there is no app.

    Raises:
        CommandError: There is no such function, or it cannot be called as one.
    """
    if text is None:
        return None
    module_name, colon, name = text.partition(":")
    if not (module_name and colon and name):
        raise _wrong(f"--app must be module:factory, got {text!r}")
    # As `python -m` does, so that an app in the current folder is found.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise _wrong(f"--app {text}: {error}") from error
    except Exception as error:
        raise _raised(f"--app {text}: import", error) from error
    function: object = getattr(module, name, None)
    if not callable(function):
        raise _wrong(f"--app {text}: {module_name} has no function {name!r}")
    factory = Factory(text, function)
    factory.check()
    return factory


def _what(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, not child({value.__name__})"
    return type(value).__name__


def _raised(where: str, error: Exception) -> CommandError:
    """Show the user's own traceback, without the calls that led to their code."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    told = "".join(traceback.format_exception(error.with_traceback(trace))).rstrip()
    return CommandError(f"{where} raised {type(error).__name__}\n{told}", status=FAILED)


def _is_ours(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith(_IMPORTING)


def _wrong(text: str) -> CommandError:
    return CommandError(text, status=WRONG_USE)
