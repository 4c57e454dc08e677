"""Success envelopes and error bodies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from inbox import errors
from inbox.http import responses
from inbox.models.error_body import error_body


def request(path: str = "/v1/x", query: str = "") -> Request:
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    return Request({**scope, "headers": [], "server": ("localhost", 80), "scheme": "http"})


def body(answer: Response) -> Any:
    assert answer.headers["content-type"] == "application/json"
    return orjson.loads(answer.body)


@pytest.mark.parametrize("value", [{"a": 1}, [], 0, 7, "text", True, None, {"data": 1}])
def test_an_envelope_has_exactly_one_key(value: Any) -> None:
    answer = responses.data(value, 201)
    assert (answer.status_code, body(answer)) == (201, {"data": value})


def test_a_page_is_not_wrapped_again() -> None:
    assert body(responses.bare({"data": [1], "hasMore": False})) == {"data": [1], "hasMore": False}


def test_no_content_has_no_body() -> None:
    answer = responses.no_content()
    assert (answer.status_code, answer.body) == (204, b"")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(("scheme", "status"), [("Bearer", 401), ("ApiKey", 404)])
def test_a_subscriber_that_goes_meanwhile_is_unknown(scheme: str, status: int) -> None:
    asked = Request({**request().scope, "headers": [(b"authorization", f"{scheme} x".encode())]})
    answer = responses.reply_to(asked, errors.SubscriberGone())
    assert (answer.status_code, body(answer)["statusCode"]) == (status, status)


DOMAIN = [
    (errors.BadRequest("m"), 400, "Bad Request"),
    (errors.Unauthorized("m"), 401, "Unauthorized"),
    (errors.NotFound("m"), 404, "Not Found"),
    (errors.MethodNotAllowed("m", ["GET"]), 405, "Method Not Allowed"),
    (errors.Conflict("m"), 409, "Conflict"),
    (errors.UnsupportedMediaType("m"), 415, "Unsupported Media Type"),
]


@pytest.mark.parametrize(("error", "status", "name"), DOMAIN, ids=[name for *_, name in DOMAIN])
def test_an_error_of_the_domain(error: errors.InboxError, status: int, name: str) -> None:
    answer = responses.error_reply(request("/v1/x", "a=b"), error)
    told = body(answer)
    moment = datetime.fromisoformat(told.pop("timestamp"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert answer.status_code == status
    assert told == {
        "statusCode": status,
        "path": "/v1/x?a=b",
        "message": "m",
        "error": name,
        "ctx": {"error": name, "statusCode": status},
    }


def test_an_unprocessable_request_has_the_error_name_and_the_fields_that_sdks_require() -> None:
    told = body(responses.error_reply(request(), errors.UnprocessableEntity("workflow_not_found")))
    assert (told["statusCode"], told["message"]) == (422, "workflow_not_found")
    assert told["error"] == told["ctx"]["error"] == "Unprocessable Entity"
    assert told["errors"] == {"general": {"messages": ["workflow_not_found"], "value": "No Value Recorded"}}


def test_the_context_of_an_error_is_flattened_too() -> None:
    told = body(responses.error_reply(request(), errors.NotFound("m", externalSubscriberId="a")))
    assert told["externalSubscriberId"] == "a"
    assert told["ctx"] == {"error": "Not Found", "statusCode": 404, "externalSubscriberId": "a"}


def test_a_validation_failure_names_fields_and_values() -> None:
    error = errors.ValidationFailed({"email": "email must be an email", "to": ["a", "b"]}, values={"email": "x"})
    told = body(responses.error_reply(request(), error))
    del told["timestamp"]
    assert told == {
        "statusCode": 422,
        "path": "/v1/x",
        "message": "Validation Error",
        "ctx": {},
        "errors": {
            "email": {"messages": ["email must be an email"], "value": "x"},
            "to": {"messages": ["a", "b"], "value": "No Value Recorded"},
        },
    }


def test_an_error_says_its_own_name_when_nothing_else_is_said() -> None:
    assert str(errors.Unauthorized()) == "Unauthorized"
    assert str(errors.invalid("a", "b")) == "Validation Error"


def logged(caplog: pytest.LogCaptureFixture) -> tuple[str, str, str, int, str]:
    """The one line of the failed request."""
    [line] = [vars(record) for record in caplog.records if record.name == responses.__name__]
    return line["levelname"], line["method"], line["path"], line["status"], line["error_id"]


def test_a_store_that_is_away_is_worth_another_try(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    answer = responses.error_reply(request(), errors.StoreUnavailable())
    told = body(answer)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert told["statusCode"] == 503
    assert len(told["errorId"]) == 36
    assert logged(caplog) == ("WARNING", "GET", "/v1/x", 503, told["errorId"])


def test_a_refused_connection_has_no_error_id() -> None:
    """Its line is paced, so most ids would have no line. Refused sockets get the same body."""
    assert "errorId" not in error_body("/v1/x", errors.TooManyConnections())


def test_contention_is_worth_another_try_too() -> None:
    answer = responses.error_reply(request(), errors.Contention())
    told = body(answer)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (told["code"], told["error"]) == ("contention", "Service Unavailable")
    assert told["message"] == "Other requests keep changing the same data; try again shortly."


@pytest.mark.parametrize("query", ["token=secret", "a=b&token=secret"])
def test_a_token_is_not_repeated(query: str) -> None:
    answer = responses.error_reply(request("/ws", query), errors.Unauthorized())
    assert b"secret" not in answer.body
    assert body(answer)["path"] == "/ws"


def test_an_unknown_path_is_named() -> None:
    answer = responses.reply_to(request("/v1/nowhere"), HTTPException(404))
    assert (answer.status_code, body(answer)["message"]) == (404, "Cannot GET /v1/nowhere")


def test_what_should_not_happen_is_logged_but_not_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = responses.reply_to(request(), ValueError("secret detail"))
    told = body(answer)
    assert (answer.status_code, told["statusCode"], told["error"]) == (500, 500, "Internal Server Error")
    assert b"secret detail" not in answer.body
    assert "secret detail" in caplog.text
    assert logged(caplog) == ("ERROR", "GET", "/v1/x", 500, told["errorId"])
    assert told["errorId"]
