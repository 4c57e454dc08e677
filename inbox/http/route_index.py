"""All routes in one tree of path segments, in which a request finds its route with a few look-ups.

Starlette tries one route after the other, each with a regular expression; with some 150 routes that was half the CPU of
a `/health`. A path means here what it means in the list: of the routes that match, the first one gets the request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.errors import MethodNotAllowed, NotFound

REST = ":path}"
"""How the path of a route ends that takes any number of segments."""

ROUTE = "inbox.route"
"""A key of the scope: the path of the route of a request, with the names of its parameters."""

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A route, its rank in the list, and the parameters of its path by the index of their segments."""

    rank: int
    route: Route
    endpoint: Endpoint
    names: Sequence[tuple[int, str]]


@dataclass(slots=True)
class _Node:
    """A segment of paths: what may follow it by word, what follows it as a parameter, and the routes that end here."""

    words: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    places: list[_Place] = field(default_factory=list)


class RouteIndex:
    """Routes by method and path. A parameter is as it was sent and never empty."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._prefixes: list[tuple[str, _Place]] = []
        plain: list[str] = []
        for rank, route in enumerate(routes):
            segments = route.path.split("/")
            names = [(index, name[1:-1]) for index, name in enumerate(segments) if name.startswith("{")]
            place = _Place(rank, route, route.endpoint, names)
            if route.path.endswith(REST):
                self._prefixes.append((route.path[: route.path.index("{")], place))
                continue
            self._add(segments, place)
            if not names:
                plain.append(route.path)
        self._plain = {path: self._find(path) for path in plain}

    def answer(self, request: Request) -> Awaitable[Response]:
        """Return what to await for the answer of a request's route.

        Raise NotFound if there is none, MethodNotAllowed for another method.
        """
        scope = request.scope
        path, method = scope["path"], scope["method"]
        for place in self.places(path):
            if method in place.route.methods:  # type: ignore[operator]  # every route here has methods
                scope["path_params"], scope[ROUTE] = _parameters(path, place), place.route.path
                return place.endpoint(request)
        methods = self.methods(path)
        if methods:
            raise MethodNotAllowed(f"{method} is not allowed here", methods)
        raise NotFound(f"Cannot {method} {path}")

    def places(self, path: str) -> Sequence[_Place]:
        """Return the routes of a path, in the order of the list."""
        return self._plain.get(path) or self._find(path)

    def methods(self, path: str) -> set[str]:
        """Return every method of a path."""
        return {method for place in self.places(path) for method in place.route.methods or ()}

    def _add(self, segments: Sequence[str], place: _Place) -> None:
        node = self._root
        for segment in segments:
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.words.setdefault(segment, _Node())
        node.places.append(place)

    def _find(self, path: str) -> Sequence[_Place]:
        nodes = [self._root]
        for segment in path.split("/"):
            following = []
            for node in nodes:
                if (child := node.words.get(segment)) is not None:
                    following.append(child)
                if segment and node.parameter is not None:
                    following.append(node.parameter)
            nodes = following
        of_prefixes = [place for prefix, place in self._prefixes if path.startswith(prefix)]
        if len(nodes) == 1 and not of_prefixes:
            return nodes[0].places
        places = [place for node in nodes for place in node.places]
        return sorted(places + of_prefixes, key=lambda place: place.rank)


def _parameters(path: str, place: _Place) -> dict[str, str]:
    """Return the parameters of a path that a route has."""
    if not place.names:
        return {}
    segments = path.split("/")
    if place.route.path.endswith(REST):
        index, name = place.names[0]
        return {name.removesuffix(":path"): "/".join(segments[index:])}
    return {name: segments[index] for index, name in place.names}
