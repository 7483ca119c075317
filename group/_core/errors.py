"""The errors that the pure part can raise; `group/_errors.py` has the others."""

import reprlib

MAX_SHOWN = 80
"""Characters of an offending value that an error message quotes at most."""

# repr() of a value may be megabytes long, and may itself raise; Repr bounds both.
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = MAX_SHOWN


def shown(value: object) -> str:
    """Quote a value in an error message, in at most 80 characters."""
    text = _repr.repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


class GroupError(Exception):
    """What a group cannot do for its caller; the message says what to do next.

    Attributes:
        code: The number of this situation, "B021". It stays the same when the
            words change.
    """

    code = "B000"

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call the class with the message alone, which is not
        # what the constructors of the leaves take.
        return _restored, (type(self), *self.args), self.__dict__


def _restored(cls: type[GroupError], *args: object) -> GroupError:
    error = cls.__new__(cls, *args)
    error.args = args  # An OSError, and TimeoutError is one, does not keep them.
    return error


class ConfigError(GroupError, ValueError):
    """An option cannot be what the caller gave."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidKeyError(GroupError, ValueError):
    """This cannot be a key, or not where it was used."""

    def __init__(self, message: str, key: object, code: str = "B020") -> None:
        super().__init__(message)
        self.key = key
        self.code = code


class InvalidClusterError(GroupError, ValueError):
    """This cannot be the name of a cluster, or not where it was used."""

    def __init__(self, message: str, cluster: object, code: str = "B030") -> None:
        super().__init__(message)
        self.cluster = cluster
        self.code = code


class InvalidMetaError(GroupError, ValueError):
    """The meta holds something that cannot be stored and sent.

    Attributes:
        path: Where, from the root "$": "$.a[3]".
        problem: What is wrong there.
    """

    code = "B028"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"at {path}: {problem}")
        self.path = path
        self.problem = problem


class InvalidArgumentError(GroupError, ValueError):
    """An argument that is neither key, cluster nor meta cannot be used."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class MetaDecodeError(ValueError):
    """Bytes from a peer that no node writes as meta."""
