"""The OpenAPI document: valid, complete, and each operation named once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, get_args

import orjson
import pytest
from openapi_spec_validator import validate
from starlette.responses import Response
from starlette.routing import Match

import inbox.routes
from inbox.http import operation as operations
from inbox.http.operation import Operation, OperationRoute
from inbox.openapi import examples
from inbox.openapi.document import build_document, encoded_document
from inbox.openapi.schemas import WORDS
from inbox.openapi.tags import TAGS
from inbox.routes import API_ROUTES, CONSOLE, DEMO, SOCKETS, STATIC, all_routes
from inbox.steps import STEP_TYPES, StepUpsert
from tests.support.openapi import Json, validator

FREE = {
    "FieldErrors.value",
    "InboxBulkItem.condition",
    "InboxWorkflowUpdate.condition",
    "PreferenceRequest.condition",
    "StepV1.filters",
    "UsageLog.payload",
}
"""Properties that take any JSON."""


def described(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield every operation with what it is called by, as in `get /health`."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def schemas_of(part: Any, name: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every schema of a part of the document, with the path of the property that it belongs to."""
    if isinstance(part, list):
        for item in part:
            yield from schemas_of(item, name)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("example", "examples", "default", "mapping"):
                continue
            if key in ("properties", "schemas"):
                for inner, schema in value.items():
                    yield from _schema(schema, f"{name}.{inner}".removeprefix("."))
            elif key in ("schema", "items", "additionalProperties") and isinstance(value, dict):
                yield from _schema(value, name)
            elif key in ("anyOf", "oneOf"):
                for schema in value:
                    yield from _schema(schema, name)
            else:
                yield from schemas_of(value, name)


def _schema(schema: Json, name: str) -> Iterator[tuple[str, Json]]:
    yield name, schema
    yield from schemas_of(schema, name)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(encoded_document())
    return read


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_route_is_described(document: dict[str, Any]) -> None:
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method.lower(), route.path) for route in API_ROUTES}
    described_apart = [*API_ROUTES, *SOCKETS, *STATIC, *DEMO, *CONSOLE]
    assert [route for route in all_routes(with_demo=True, with_console=True) if route not in described_apart] == [], (
        "nobody describes it"
    )


def test_every_module_of_handlers_is_listed() -> None:
    """Else its handlers answer nothing."""
    modules = [import_module(f"inbox.routes.{one.name}") for one in iter_modules(inbox.routes.__path__)]
    handlers = {value for module in modules for value in vars(module).values() if isinstance(value, Operation)}
    assert {route.operation for route in API_ROUTES} == handlers


def test_no_route_hides_a_later_one() -> None:
    for index, route in enumerate(API_ROUTES):
        scope = {"type": "http", "method": route.method, "path": re.sub(r"\{\w+\}", "x", route.path), "root_path": ""}
        earlier = [one.path for one in API_ROUTES[:index] if one.matches(scope)[0] is Match.FULL]
        assert earlier == [], f"{route.method} {route.path} is never reached"


def test_a_family_without_a_description_is_found() -> None:
    @operations.operation("GET /v1/new", "getNew")
    async def get_new() -> Response:
        """Get what is new."""
        return Response()

    with pytest.raises(LookupError, match=r"tags\.py, TAGS: add an entry for 'new'"):
        build_document([OperationRoute(get_new, path) for path in get_new.paths])


def test_a_missing_example_is_found() -> None:
    with pytest.raises(LookupError, match=r"examples\.py, BODIES: add an entry for 'NewBody'"):
        examples.body("NewBody")
    with pytest.raises(LookupError, match=r"examples\.py, PARAMETERS: add an entry for 'newId'"):
        examples.parameter("get", "/v1/new/{newId}", "newId")


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


def test_names_of_operations_are_idiomatic(document: Json) -> None:
    assert [
        one["operationId"]
        for _, one in described(document)
        if not re.fullmatch("[a-z]+([A-Z][a-z0-9]*)+", one["operationId"])
    ] == []


def test_every_operation_has_a_summary_and_a_description(document: Json) -> None:
    for name, operation in described(document):
        assert re.fullmatch(r"[A-Z][^.→`]{5,70}", operation["summary"]), name
        assert operation["description"].startswith(f"{operation['summary']}."), name
        assert all(len(one["description"]) > 3 for one in operation["parameters"]), name


def test_every_family_is_described_and_used(document: Json) -> None:
    assert {tag["name"] for tag in document["tags"]} == {tag for _, one in described(document) for tag in one["tags"]}
    assert TAGS.keys() == {tag["name"] for tag in document["tags"]}


def test_schemas_are_named_once_and_by_their_title(document: Json) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch("[A-Z][A-Za-z0-9]+", name)
        assert schema["title"] == name
    inline = [name for name, schema in schemas_of(document["paths"]) if "title" in schema or "properties" in schema]
    assert inline == [], "an object of an operation is a component, which generators name"


def test_words_that_many_fields_take_are_one_component(document: Json) -> None:
    kept = {name: set(get_args(words)) for name, words in WORDS.items()}
    for name, words in kept.items():
        assert set(document["components"]["schemas"][name]["enum"]) == words
    repeated = [
        name
        for name, schema in schemas_of(document)
        if set(schema.get("enum", ())) in kept.values() and "title" not in schema and "default" not in schema
    ]
    assert repeated == []


def test_arrays_have_items_and_objects_say_what_is_in_them(document: Json) -> None:
    for name, schema in schemas_of(document):
        if schema.get("type") == "array":
            assert "items" in schema, name
        if schema.get("type") == "object":
            assert "properties" in schema or "additionalProperties" in schema, name


def test_what_takes_anything_is_known(document: Json) -> None:
    assert {name for name, schema in schemas_of(document) if not schema} == FREE


def test_no_body_has_a_default(document: Json) -> None:
    """Since openapi-typescript makes a property with a default a required one."""
    assert [name for name, schema in schemas_of(document["components"]) if "default" in schema] == []


def test_unions_that_the_wire_tells_apart_have_a_discriminator(document: Json) -> None:
    steps = document["components"]["schemas"]["WorkflowCreate"]["properties"]["steps"]["items"]
    assert steps["discriminator"] == {
        "propertyName": "type",
        "mapping": {
            kind.__struct_config__.tag: f"#/components/schemas/{kind.__name__}" for kind in get_args(StepUpsert)
        },
    }
    assert set(steps["discriminator"]["mapping"]) == set(STEP_TYPES)
    assert len(steps["oneOf"]) == len(STEP_TYPES)


@pytest.mark.parametrize(
    ("to", "is_valid"),
    [
        ("ada", True),
        ({"subscriberId": "ada", "firstName": "Ada"}, True),
        ({"type": "Topic", "topicKey": "news", "exclude": ["ada"]}, True),
        (["ada", {"subscriberId": "grace"}, {"topicKey": "news"}], True),
        (7, False),
        ({"firstName": "Ada"}, False),
        ([["ada"]], False),
        ({"subscriberId": "ada", "firstName": 1}, False),
    ],
)
def test_who_receives_has_a_schema(document: Json, to: Any, is_valid: bool) -> None:
    schema = {"$ref": "#/components/schemas/TriggerRequest"}
    assert validator(document, schema).is_valid({"name": "welcome", "to": to}) is is_valid


def test_times_have_one_bound(document: Json) -> None:
    bounds = {
        one["schema"]["maximum"]
        for _, operation in described(document)
        for one in operation["parameters"]
        if one["name"] in ("createdGte", "createdLte")
    }
    assert bounds == {2**53}


def test_lists_of_the_query_are_written_as_the_service_reads_them(document: Json) -> None:
    for name, operation in described(document):
        for one in operation["parameters"]:
            if one["schema"].get("type") == "array":
                assert (one["in"], one["style"], one["explode"]) == ("query", "form", True), name


def test_every_body_and_answer_has_an_example_that_fits(document: Json) -> None:
    for name, operation in described(document):
        shown = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in [one["content"]["application/json"] for one in shown if "content" in one]:
            validator(document, content["schema"]).validate(content["example"])
        assert all("example" in one for one in operation["parameters"] if one["in"] == "path"), name
    for answer in document["components"]["responses"].values():
        content = answer["content"]["application/json"]
        validator(document, content["schema"]).validate(content["example"])


def test_every_example_belongs_to_a_body() -> None:
    assert examples.BODIES.keys() == {
        route.operation.body.__name__ for route in API_ROUTES if route.operation.body is not None
    }


def test_a_press_names_its_button_once(document: Json) -> None:
    page = document["paths"]["/v1/inbox/notifications/{notificationId}/complete"]["patch"]
    backend = "/v2/subscribers/{subscriberId}/notifications/{notificationId}/actions/{actionType}/complete"
    assert page["requestBody"]["required"] is True
    assert "requestBody" not in document["paths"][backend]["patch"]


def test_a_body_is_required_when_a_field_of_it_is(document: Json) -> None:
    paths = document["paths"]
    assert paths["/v1/events/trigger"]["post"]["requestBody"]["required"] is True
    assert paths["/v1/inbox/notifications/seen"]["post"]["requestBody"]["required"] is False


@pytest.mark.parametrize("server", ["/", "/inbox", "https://inbox.example.com/api"])
def test_the_server_is_the_callers(server: str) -> None:
    assert build_document(API_ROUTES, server)["servers"] == [{"url": server}]
