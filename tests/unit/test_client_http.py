"""Calls of the Python client: what is repeated, what never is, and what an error says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from inbox.client import ApiError, Backend, Backoff, Trigger, Unreachable, open_session
from inbox.client.http import Http

AT_ONCE = Backoff(0, 0)
Answer = httpx.Response | Exception


class Service:
    """Answers requests in order, and keeps them."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = [*answers]
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self))

    def backend(self, **options: Any) -> Backend:
        return Backend("http://inbox.test/", "key", http=self.client, backoff=AT_ONCE, **options)

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def done(data: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={"data": data})


def failed(status: int, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return httpx.Response(status, json={"statusCode": status, "message": "It failed", **body}, headers=headers)


LOST = httpx.ReadError("reset")


async def test_a_trigger_is_repeated_under_one_transaction() -> None:
    service = Service(LOST, failed(503, {"Retry-After": "0"}), done({"status": "processed"}, 201))
    result = await service.backend().trigger("order-shipped", "alice", {"orderId": 7}, collapse_key="order-7")
    assert result["status"] == "processed"
    first, second, third = service.bodies()
    assert first == second == third
    assert first.pop("transactionId").startswith("txn_")
    assert first == {"name": "order-shipped", "to": "alice", "payload": {"orderId": 7}, "collapseKey": "order-7"}
    assert {request.headers["Authorization"] for request in service.requests} == {"ApiKey key"}
    assert str(service.requests[0].url) == "http://inbox.test/v1/events/trigger"


async def test_every_change_has_one_idempotency_key() -> None:
    service = Service(LOST, done({"subscriberId": "alice"}, 201), done({"_id": "1"}))
    backend = service.backend()
    await backend.subscribers.save("alice", firstName="Alice")
    await backend.workflows.change("order-shipped", active=False)
    keys = [request.headers["Idempotency-Key"] for request in service.requests]
    assert keys[0] == keys[1] != keys[2]


async def test_attempts_are_counted() -> None:
    service = Service(*[LOST] * 3)
    with pytest.raises(Unreachable, match="reset"):
        await service.backend(attempts=3).subscribers.get("alice")
    assert service.answers == []


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422])
async def test_a_final_error_is_not_repeated(status: int) -> None:
    service = Service(failed(status, errors={"name": {"messages": ["name is required"]}}, code="why"))
    with pytest.raises(ApiError) as caught:
        await service.backend().topics.save("news")
    error = caught.value
    assert (error.status, error.message, error.code, error.is_temporary) == (status, "It failed", "why", False)
    assert error.fields == {"name": {"messages": ["name is required"]}}


async def test_a_defect_of_the_service_has_its_error_id() -> None:
    service = Service(*[failed(500, errorId="e1") for _ in range(2)])
    with pytest.raises(ApiError) as caught:
        await service.backend(attempts=2).topics.get("news")
    assert caught.value.error_id == "e1"


async def test_a_service_that_wants_more_time_than_that_is_not_waited_for() -> None:
    service = Service(failed(429, {"Retry-After": "31"}))
    with pytest.raises(ApiError) as caught:
        await service.backend().topics.get("news")
    assert (caught.value.retry_after, caught.value.is_temporary) == (31, True)


async def test_a_deletion_that_was_carried_out_and_not_answered_has_succeeded() -> None:
    await Service(LOST, failed(404)).backend().subscribers.delete("alice")
    with pytest.raises(ApiError):
        await Service(failed(404)).backend().subscribers.delete("alice")
    with pytest.raises(ApiError):
        await Service(failed(429, {"Retry-After": "0"}), failed(404)).backend().subscribers.delete("alice")


async def test_a_cancellation_is_never_repeated() -> None:
    service = Service(LOST, done(False))
    with pytest.raises(Unreachable):
        await service.backend().cancel("txn_1")
    assert await service.backend().cancel("txn_1") is False


async def test_an_answer_of_something_else() -> None:
    service = Service(httpx.Response(200, text="<html>"), httpx.Response(502, text="<html>"), done("there"))
    assert await Http("http://inbox.test", client=service.client, backoff=AT_ONCE).call("GET", "/") == "there"


async def test_many_triggers_go_a_hundred_at_a_time() -> None:
    service = Service(done([{"status": "processed"}] * 100, 201), done([{"status": "error"}] * 20, 201))
    results = await service.backend().trigger_many([Trigger(workflow="w", to=str(n)) for n in range(120)])
    assert [result["status"] for result in results] == ["processed"] * 100 + ["error"] * 20
    events = [event for body in service.bodies() for event in body["events"]]
    assert [event["to"] for event in events] == [str(n) for n in range(120)]
    assert len({event["transactionId"] for event in events}) == 120


async def test_names_in_paths_are_encoded() -> None:
    service = Service(done({}), done({"updated": 1, "unchanged": 0}))
    await service.backend().subscribers.get("a/b ü")
    await service.backend().messages.edit_referenced("a/b", "order/7", {"body": "Later"})
    paths = [request.url.raw_path.decode() for request in service.requests]
    assert paths == ["/v2/subscribers/a%2Fb%20%C3%BC", "/v1/subscribers/a%2Fb/messages/reference/order%2F7"]


async def test_pages_are_read_one_after_another() -> None:
    page: Callable[..., httpx.Response] = lambda rows, cursor: httpx.Response(200, json={"data": rows, "next": cursor})  # noqa: E731
    service = Service(page([1, 2], "c"), page([3], None))
    assert [row async for row in service.backend().subscribers.find(name="Al")] == [1, 2, 3]
    assert [dict(request.url.params) for request in service.requests] == [
        {"limit": "100", "name": "Al"},
        {"limit": "100", "name": "Al", "after": "c"},
    ]


async def test_a_session() -> None:
    service = Service(done({"token": "eyJ"}, 201))
    token = await open_session("http://inbox.test", "app", "alice", subscriber_hash="9a", http=service.client)
    assert token == "eyJ"
    assert service.bodies() == [
        {"applicationIdentifier": "app", "subscriber": {"subscriberId": "alice"}, "subscriberHash": "9a"}
    ]


async def test_the_client_of_the_caller_stays_open() -> None:
    service = Service(done({}))
    client = service.client
    async with Backend("http://inbox.test", "key", http=client):
        pass
    assert not client.is_closed
    await client.aclose()
