"""/alive, /ready and /metrics; the page of a node that has none."""

from http import HTTPStatus

from transport._http.pages import Pages, Probe, Response
from transport._http.prometheus import KIND, MissingLibraryError, text

_LONE = b"""This node runs, and no group on it shows a page.

/alive    200 while the node works
/ready    200 when it has joined and is in sync
/metrics  numbers for Prometheus
"""


class Probes:
    """What every operations server answers. Any thread."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        pages.add("/", lambda asked: None if asked.path else Response(_LONE))

    def answer(self, path: str) -> Response | None:
        """Answer a probe or a scrape; None if it is neither."""
        match path:
            case "/alive":
                return self._probe("alive")
            case "/ready":
                return self._probe("ready")
            case "/metrics":
                return self._metrics()
            case _:
                return None

    def _probe(self, probe: Probe) -> Response:
        failures = self._pages.failures(probe)
        if not failures:
            return Response(f"{probe}\n".encode())
        words = "".join(f"{line}\n" for line in (f"not {probe}", *failures))
        return Response(words.encode(), status=HTTPStatus.SERVICE_UNAVAILABLE)

    def _metrics(self) -> Response:
        try:
            return Response(text(self._pages.metrics()), KIND)
        except MissingLibraryError as error:
            words = f"{error}\n".encode()
            return Response(words, status=HTTPStatus.NOT_IMPLEMENTED)
