"""All routes behind one: a request is matched only against the few that its path can match.

Starlette tries one route after the other, each with a regular expression; with some 150 routes that was half the CPU of
a `/health`. Here a path without parameters is looked up as it is. For others the number of segments and the first two
of them choose a few routes, which are then matched in the order of the list. So a path means the same with the index
and without.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

DEPTH = 2
"""The number of leading segments that choose the routes."""

_Key = tuple[int, tuple[str, ...]]


class RouteIndex(BaseRoute):
    """Routes that are found by the segments of the path. The first one that matches gets the request."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: list[BaseRoute] = list(routes)
        self._fixed: dict[_Key, list[BaseRoute]] = {}
        self._chosen: dict[_Key, Sequence[BaseRoute]] = {}
        for route in self._routes:
            if key := _key_of(route):
                self._fixed.setdefault(key, []).append(route)
        self._others = [route for route in self._routes if _key_of(route) is None]
        self._chosen = {key: self._in_order(routes) for key, routes in self._fixed.items()}
        plain = {route.path for route in self._routes if isinstance(route, Route) and "{" not in route.path}
        self._plain = {path: [one for one in self._candidates(path) if _can_match(one, path)] for path in plain}

    def candidates(self, path: str) -> Sequence[BaseRoute]:
        """Return the routes that can match a path, in the order of the list."""
        return self._plain.get(path) or self._candidates(path)

    def _candidates(self, path: str) -> Sequence[BaseRoute]:
        segments = path.split("/")
        return self._chosen.get((len(segments), tuple(segments[1 : 1 + DEPTH])), self._others)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return how the first matching route matches, and its scope with that route as `route`."""
        partial: tuple[Match, Scope] = Match.NONE, {}
        for route in self.candidates(scope["path"]):
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return match, {**child_scope, "route": route}
            if match is Match.PARTIAL and partial[0] is Match.NONE:
                partial = match, {**child_scope, "route": route}
        return partial

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a request to its route. Raise HTTPException: 404 if there is none, 405 for another method."""
        match, child_scope = self.matches(scope)
        if match is Match.NONE:
            raise HTTPException(404)
        scope.update(child_scope)
        await child_scope["route"].handle(scope, receive, send)

    def _in_order(self, routes: Sequence[BaseRoute]) -> list[BaseRoute]:
        """Return these routes and those without fixed segments, in the order of the list."""
        wanted = {id(route) for route in (*routes, *self._others)}
        return [route for route in self._routes if id(route) in wanted]


def _key_of(route: BaseRoute) -> _Key | None:
    """Return the number of segments of a route's paths and the first ones; None if they are not fixed."""
    if not isinstance(route, Route) or ":path}" in route.path:
        return None
    segments = route.path.split("/")
    first = tuple(segments[1 : 1 + DEPTH])
    return None if any("{" in segment for segment in first) else (len(segments), first)


def _can_match(route: BaseRoute, path: str) -> bool:
    """Return whether a route is for this path, for requests of any method."""
    return route.matches({"type": "http", "path": path, "method": "GET", "root_path": ""})[0] is not Match.NONE
