"""Values that no caller should send, and what every refusal has to look like."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx

from .documented import documented

WRONG_VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, "", " ", "\0", "a\0b", "\ud7ff\u202e", "x" * 300, "💥" * 200),
    *([], {}, [[]], {"a": {"b": {"c": {}}}}, [None], ["x", 1], {"$gt": ""}, {"": ""}, {"__proto__": {"x": 1}}),
    *("{{ payload", "{% for x in (1..1000000000) %}y{% endfor %}", "javascript:alert(1)", "' OR 1=1 --", "*", "{a}"),
]


def mutations(body: Any) -> Iterator[Any]:
    """The body with one value, at any depth, replaced by each wrong one; and with each key left out."""
    yield from WRONG_VALUES
    if isinstance(body, dict):
        for key, value in body.items():
            yield {other: body[other] for other in body if other != key}
            yield from ({**body, key: changed} for changed in mutations(value))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from ([*body[:index], changed, *body[index + 1 :]] for changed in mutations(value))


def check_error(answer: httpx.Response, *statuses: int) -> None:
    """The answer has one of these statuses, which the API's document names, and the usual error shape."""
    told = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
    assert answer.status_code in statuses, told
    named = documented(answer.request.method, answer.request.url.path)
    assert named is None or answer.status_code in named, f"not documented: {told}"
    assert answer.headers["content-type"] == "application/json", told
    body = answer.json()
    assert body["statusCode"] == answer.status_code, told
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None, told
    assert body["path"].startswith("/"), told
    assert isinstance(body["message"], str), told
    assert "Traceback" not in answer.text, told
    for error in body.get("errors", {}).values():
        assert error["messages"], told
        assert all(isinstance(message, str) for message in error["messages"]), told


def check_never_broken(answer: httpx.Response) -> None:
    """Whatever was sent: a success, or a 4xx in the usual shape that does not make an SDK retry for an hour."""
    if answer.status_code >= 400:
        check_error(answer, 400, 401, 402, 403, 404, 405, 413, 415, 422)
