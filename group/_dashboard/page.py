"""What a browser gets: the page's own files, and answers in JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Self

import msgspec

from actors import is_ref
from group._dashboard.feed import feed
from group._dashboard.reach import (
    HiddenReach,
    LocalReach,
    Reach,
    UnreachableError,
    ask,
    asked,
)
from group._looking.answers import Answer
from group._version import VERSION
from transport import Node, Request, Response

JSON = "application/json"
_SCRIPT = "text/javascript; charset=utf-8"
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "app.css": ("app.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"{name}.js": (f"{name}.js", _SCRIPT)
        for name in ("app", "cluster", "events", "map", "parts", "registry", "tree")
    },
}
_NUMBER = re.compile(r"[0-9]{1,4}")


class Dashboard:
    """The page of one node, or of a command that looks at a cluster. Any thread."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._answers: dict[str, Callable[[Mapping[str, str]], object]] = {
            "groups": self._groups,
            "nodes": self._nodes,
            "status": self._status,
            "actors": self._actors,
            "tree": self._tree,
            "keys": self._keys,
            "key": self._key,
        }

    @classmethod
    def local(cls, node: Node) -> Self:
        """Make the page of a node that runs groups."""
        return cls(LocalReach(node))

    def answer(self, request: Request) -> Response | None:
        """Answer a request; None if there is no such thing."""
        if request.path in _FILES:
            return Response(_file(request.path), _FILES[request.path][1])
        api, _, name = request.path.partition("/")
        if api != "api":
            return None
        try:
            return self._answer(name, request.query)
        except UnreachableError as error:
            return _wrong(str(error), HTTPStatus.BAD_GATEWAY)
        except _WrongError as error:
            return _wrong(str(error), HTTPStatus.BAD_REQUEST)

    def _answer(self, name: str, query: Mapping[str, str]) -> Response | None:
        if name == "events":
            return self._events(query)
        answer = self._answers.get(name)
        if answer is None:
            return None
        return Response(msgspec.json.encode(answer(query)), JSON)

    # Answers

    def _groups(self, _query: Mapping[str, str]) -> object:
        return {
            "groups": self._reach.groups(),
            "node": self._reach.home,
            "version": VERSION,
        }

    def _nodes(self, query: Mapping[str, str]) -> object:
        return self._ask(query, ("nodes", None, None))

    def _status(self, query: Mapping[str, str]) -> object:
        status = self._ask(query, ("status", None, None))
        if isinstance(self._reach, HiddenReach) and isinstance(status, dict):
            self._reach.learn(
                (row["name"], row["address"])
                for row in status["nodes"]
                if row["state"] == "up"
            )
        return status

    def _tree(self, query: Mapping[str, str]) -> object:
        return self._ask(query, ("tree", None, None))

    def _actors(self, query: Mapping[str, str]) -> object:
        """Count the actors of all nodes: these are asked, so it may take its time."""
        surveyor = self._ask(query, ("survey",))
        if not is_ref(surveyor):
            return {}
        status: object = asked(surveyor, ("status",))[2]
        rows = status["nodes"] if isinstance(status, dict) else []
        return {row["name"]: row["actors"] for row in rows}

    def _keys(self, query: Mapping[str, str]) -> object:
        options: dict[str, object] = {
            name: query[name]
            for name in ("start", "cluster", "kind", "after", "before")
            if query.get(name)
        }
        if _NUMBER.fullmatch(query.get("limit", "")):
            options["limit"] = int(query["limit"])
        return self._ask(query, ("look", "page", options))

    def _key(self, query: Mapping[str, str]) -> object:
        key, cluster = query.get("key"), query.get("cluster") or None
        if key is None:
            raise _WrongError("say which: /api/key?key=KEY")
        options = {"key": key, "cluster": cluster}
        return self._ask(query, ("look", "key", options))

    def _events(self, query: Mapping[str, str]) -> Response:
        group, node = self._whom(query)
        pattern, cluster = query.get("pattern") or None, query.get("cluster") or None
        pieces = feed(self._reach, group, node, pattern, cluster)
        return Response(pieces, "text/event-stream; charset=utf-8")

    # Whom to ask

    def _whom(self, query: Mapping[str, str]) -> tuple[str, str]:
        group, node = query.get("group"), query.get("node")
        if not group:
            groups = self._reach.groups()
            if not groups:
                raise UnreachableError("no group runs on this node")
            group = groups[0]
        return group, node or self._reach.home

    def _ask(self, query: Mapping[str, str], question: tuple[object, ...]) -> object:
        answer: Answer = ask(self._reach, *self._whom(query), question)
        kind, words, data = answer
        if kind == "wrong":
            raise _WrongError(words)
        return data


class _WrongError(Exception):
    """The question was wrong; the text says why."""


def _wrong(words: str, status: HTTPStatus) -> Response:
    return Response(msgspec.json.encode({"error": words}), JSON, status)


@cache
def _file(name: str) -> bytes:
    folder = resources.files("group") / "_dashboard" / "static"
    return (folder / _FILES[name][0]).read_bytes()
