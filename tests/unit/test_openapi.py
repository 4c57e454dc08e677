"""The OpenAPI document: valid, complete, and each operation named once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from inbox.openapi.document import build_document, encoded_document, operations
from inbox.openapi.operations import OPERATIONS
from inbox.routes import BROWSER_SIDE, DEMO, HEALTH, SERVER_SIDE, SOCKETS, all_routes

ROUTES = [*SERVER_SIDE, *BROWSER_SIDE, *HEALTH]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(encoded_document())
    return read


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_route_is_described(document: dict[str, Any]) -> None:
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(method, path) for method, path, _ in operations(ROUTES)}
    apart = {id(route) for route in [*ROUTES, *SOCKETS, *DEMO]}
    assert {id(route) for route in all_routes(with_demo=True)} == apart, "a list of routes that nobody describes"


def test_every_description_belongs_to_a_route() -> None:
    assert OPERATIONS.keys() == {handler for *_, handler in operations(ROUTES)}


def test_a_route_without_a_description_is_found() -> None:
    with pytest.raises(KeyError):
        build_document([Route("/v1/new", endpoint=lambda _: None)])


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = Counter(one["operationId"] for methods in document["paths"].values() for one in methods.values())
    assert {name for name, count in names.items() if count > 1} == set()


def test_every_operation_says_who_may_call_it(document: dict[str, Any]) -> None:
    found = [(path, one.get("security")) for path, methods in document["paths"].items() for one in methods.values()]
    sessions = {"/v1/inbox/session", "/v1/widgets/session/initialize"}
    assert {path for path, security in found if security is None} == {"/health", "/ready", *sessions}
    for path, security in found:
        if security is not None:
            is_of_pages = path.startswith(("/v1/inbox/", "/v1/widgets/"))
            assert security == ([{"session": []}] if is_of_pages else [{"apiKey": []}])
