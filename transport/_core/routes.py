"""Which addresses to dial, and when."""

from collections.abc import Callable
from dataclasses import dataclass

from transport._core import backoff

# An address learnt from a peer that never answers is forgotten after this.
FORGET_AFTER = 600.0
MAX_ROUTES = 1024


@dataclass(slots=True)
class Route:
    """One address that may be dialled.

    `name` is who was last proven there; `tried` is whether a dial has ever come to an
    end.
    """

    address: str
    configured: bool
    known_at: float
    due: float
    attempts: int = 0
    dialling: bool = False
    tried: bool = False
    name: str | None = None
    is_self: bool = False


class Routes:
    """All addresses this node may dial. Written by its mesh alone."""

    def __init__(self, own_address: str, jitter: Callable[[], float]) -> None:
        self._own = own_address
        self._jitter = jitter
        self._routes: dict[str, Route] = {}

    def add(self, address: str, now: float, *, configured: bool) -> None:
        """Remember an address and make it due; nothing changes if it is known."""
        if not address or address == self._own:
            return
        route = self._routes.get(address)
        if route is not None:
            route.configured |= configured
            return
        if configured or len(self._routes) < MAX_ROUTES:
            self._routes[address] = Route(address, configured, now, now)

    def learn(self, name: str, address: str, now: float) -> None:
        """Remember where a node says, or is said, to listen."""
        self.add(address, now, configured=False)
        route = self._routes.get(address)
        if route is not None and not route.dialling:
            route.name = name

    def get(self, address: str) -> Route | None:
        """Return what is known of an address."""
        return self._routes.get(address)

    def due(self, now: float) -> list[Route]:
        """Return the routes to dial now."""
        return [
            route
            for route in self._routes.values()
            if route.due <= now and not (route.dialling or route.is_self)
        ]

    def next_due(self, linked: Callable[[Route], bool]) -> float | None:
        """Return when the next dial is due, if any will be."""
        waiting = [
            route.due
            for route in self._routes.values()
            if not route.dialling and not route.is_self and not linked(route)
        ]
        return min(waiting, default=None)

    def dialling(self, name: str, address: str) -> bool:
        """Tell whether a dial to this node is under way."""
        return any(
            route.dialling and (route.name == name or route.address == address)
            for route in self._routes.values()
        )

    def untried(self) -> list[Route]:
        """Return the routes of which it is not known yet where they lead."""
        return [
            route
            for route in self._routes.values()
            if not (route.tried or route.is_self)
        ]

    def failed(self, address: str, now: float, *, tried: bool = True) -> None:
        """Wait longer before the next dial, for ever if the address is our own."""
        route = self._routes.get(address)
        if route is None:
            return
        route.dialling = False
        route.tried |= tried
        route.attempts += 1
        route.due = now + backoff.delay(route.attempts, self._jitter())
        if not route.configured and now - route.known_at > FORGET_AFTER:
            del self._routes[address]

    def retry(self, address: str, due: float) -> None:
        """Dial an address at this moment, if it would be later."""
        route = self._routes.get(address)
        if route is not None:
            route.due = min(route.due, due)

    def ended(self, address: str, now: float) -> None:
        """A dial led to a link; the next one, if that is lost, starts afresh."""
        route = self._routes.get(address)
        if route is not None:
            route.dialling, route.tried, route.attempts = False, True, 0
            route.due = route.known_at = now

    def hurry(self, name: str, address: str, now: float) -> None:
        """Make the routes to a node due now: its link was lost."""
        for route in self._routes.values():
            if not route.dialling and name and route.name == name:
                route.due, route.attempts = now, 0
        route_to = self._routes.get(address)
        if route_to is not None and not route_to.dialling:
            route_to.due, route_to.attempts = now, 0

    def defer(self, name: str, address: str, until: float) -> None:
        """Do not dial a node before a moment."""
        for route in self._routes.values():
            if route.name == name or route.address == address:
                route.due = max(route.due, until)

    def forget(self, name: str, address: str, *, configured: bool) -> None:
        """Drop the routes to a node that left; configured ones only when told to."""
        for route in list(self._routes.values()):
            ours = route.name == name or route.address == address
            if ours and (configured or not route.configured):
                del self._routes[route.address]
