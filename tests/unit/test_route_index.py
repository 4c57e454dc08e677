"""The index of routes: a request finds the route that a search through all of them finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Match, Route

from inbox.http.operation import OperationRoute
from inbox.http.route_index import RouteIndex
from inbox.routes import all_routes

ROUTES = all_routes(with_demo=True)
INDEX = RouteIndex(ROUTES)
PATHS = sorted({route.path for route in ROUTES if isinstance(route, Route)})
WORDS = sorted({word for path in PATHS for word in path.split("/") if "{" not in word})


def scope_of(path: str, method: str) -> dict[str, Any]:
    return {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}


def search(routes: Sequence[BaseRoute], scope: dict[str, Any]) -> tuple[Match, BaseRoute | None]:
    """What the framework's router does."""
    partial = None
    for route in routes:
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return match, route
        if match is Match.PARTIAL and partial is None:
            partial = route
    return (Match.PARTIAL if partial else Match.NONE), partial


def check(scope: dict[str, Any]) -> None:
    match, child_scope = INDEX.matches(dict(scope))
    assert (match, child_scope.get("route")) == search(ROUTES, dict(scope))


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"])
def test_every_path_finds_its_route(method: str) -> None:
    for path in PATHS:
        filled = path.replace("{", "").replace("}", "")
        for suffix in ("", "/", "/more"):
            check(scope_of(filled + suffix, method))


@given(st.lists(st.sampled_from([*WORDS, "", "any", "%2F"]), max_size=7))
def test_any_path_finds_the_same_route(words: list[str]) -> None:
    check(scope_of("/" + "/".join(words), "GET"))


def test_few_routes_are_tried_for_a_path() -> None:
    tried = 0

    class Counted(Route):
        def matches(self, scope: Any) -> Any:
            nonlocal tried
            tried += 1
            return super().matches(scope)

    routes = [Counted(path, lambda _: None, methods=["GET"]) for path in PATHS]
    index = RouteIndex(routes)
    tried = 0
    index.matches(scope_of("/health", "GET"))
    assert tried == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_an_operation_matches_what_its_pattern_does(method: str) -> None:
    operations = [route for route in ROUTES if isinstance(route, OperationRoute)]
    for path in PATHS:
        for filled in (path, path.replace("{", "").replace("}", ""), path + "/", path.replace("}", "}%2F")):
            scope = scope_of(filled, method)
            for route in operations:
                assert route.matches(scope) == Route.matches(route, scope), filled
