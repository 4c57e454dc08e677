"""The index of routes: a request finds the route that a search through all of them finds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from inbox.errors import MethodNotAllowed, NotFound
from inbox.http.route_index import RouteIndex
from inbox.routes import all_routes

Found = tuple[Route, dict[str, str]] | set[str] | None
"""A route with the parameters of the path, the methods of a path that has others, or None for no path."""


async def answer(_: Request) -> Response:
    return Response()


def named(route: Route) -> Route:
    """The same route with an endpoint of its own, so that a test can tell them apart."""

    async def endpoint(request: Request) -> Response:
        request.scope["found"] = route
        return Response()

    return Route(route.path, endpoint, methods=list(route.methods or ()))


ROUTES = all_routes(with_demo=True, with_console=True)
INDEX = RouteIndex([named(route) for route in ROUTES])
PATHS = sorted({route.path for route in ROUTES})
WORDS = sorted({word for path in PATHS for word in path.split("/") if "{" not in word})
OVERLAPPING = [
    Route("/a/{x}/c", answer, methods=["GET"]),
    Route("/a/b/{y}", answer, methods=["GET", "PUT"]),
    Route("/a/b/c", answer, methods=["GET", "DELETE"]),
    Route("/{x}/b/c", answer, methods=["POST"]),
    Route("/a/b/{rest:path}", answer, methods=["GET", "PATCH"]),
]
OVERLAPPING_INDEX = RouteIndex([named(route) for route in OVERLAPPING])


def scope_of(path: str, method: str) -> dict[str, Any]:
    return {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}


def search(routes: Sequence[Route], path: str, method: str) -> Found:
    """What the framework's router does."""
    methods: set[str] = set()
    for route in routes:
        match, child_scope = route.matches(scope_of(path, method))
        if match is Match.FULL:
            return route, child_scope["path_params"]
        if match is Match.PARTIAL:
            methods |= route.methods or set()
    return methods or None


async def find(index: RouteIndex, path: str, method: str) -> Found:
    scope = scope_of(path, method)
    try:
        await index.answer(Request(scope))
    except NotFound:
        return None
    except MethodNotAllowed as error:
        return set(error.headers["Allow"].split(", "))
    return scope["found"], scope["path_params"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"])
async def test_every_path_finds_its_route(method: str) -> None:
    for path in PATHS:
        filled = path.replace("{", "").replace("}", "")
        for suffix in ("", "/", "/more", "%2F"):
            assert await find(INDEX, filled + suffix, method) == search(ROUTES, filled + suffix, method)


@given(st.lists(st.sampled_from([*WORDS, "", "any", "%2F"]), max_size=7))
async def test_any_path_finds_the_same_route(words: list[str]) -> None:
    path = "/" + "/".join(words)
    assert await find(INDEX, path, "GET") == search(ROUTES, path, "GET")


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
async def test_of_several_routes_the_first_one_gets_the_request(method: str) -> None:
    for words in (words for length in range(1, 5) for words in product(["a", "b", "c", "d", ""], repeat=length)):
        path = "/" + "/".join(words)
        assert await find(OVERLAPPING_INDEX, path, method) == search(OVERLAPPING, path, method), path


def test_a_path_has_few_routes() -> None:
    assert [place.route.path for place in INDEX.places("/health")] == ["/health"]
    assert len(INDEX.places("/v1/subscribers/ada/notifications/unseen")) == 1
