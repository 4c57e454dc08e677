"""Spans of requests and of calls of the store, as the in-memory exporter gets them."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, cast

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from inbox import otel, tracing
from inbox.errors import NotFound, StartupError
from inbox.http.middleware import Front
from inbox.http.request_log import RequestLog
from inbox.http.responses import POLL, bare, not_modified
from inbox.http.route_index import RouteIndex
from inbox.otel import TracedTopology, Tracing
from inbox.server import open_tracing
from inbox.settings import Settings
from inbox.store.client import Client
from inbox.store.connection.errors import ConnectionLost
from inbox.store.connection.topology import Topology
from inbox.store.connection.wire import Command
from inbox.store.scripts import load

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SCRIPT = load("message_append", list[Any])


class Spans:
    """What is exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(self.provider)
        self.tracer = self.provider.get_tracer("test")

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.ended]


@pytest.fixture
def spans(caplog: pytest.LogCaptureFixture) -> Iterator[Spans]:
    """What a test exports; the library must not complain of anything, e.g. of a span that ends twice."""
    yield Spans()
    complaints = [one for one in caplog.get_records("call") if one.name.startswith("opentelemetry")]
    assert [one.getMessage() for one in complaints] == []


class Echo(Topology):
    """A store that answers each command with itself, or is away."""

    is_away = False
    primaries = ()

    def node_of(self, key: str) -> Any:
        return key

    def begin(self, commands: Sequence[Command]) -> asyncio.Future[Any]:
        return asyncio.ensure_future(self.send_all(commands))

    async def send(self, command: Command) -> Any:
        if self.is_away:
            raise ConnectionLost("away")
        return command

    async def send_all(self, commands: Sequence[Command]) -> list[Any]:
        return [*commands]

    send_unit = send_all

    async def close(self) -> None:
        pass


@pytest.fixture
def client(spans: Spans) -> Client:
    client = Client(Echo())
    spans.tracing.watch(client)
    return client


def app_of(spans: Spans, client: Client | None = None) -> Any:
    """An application whose only route reads from the store and answers with what it hands on."""

    async def read(request: Request) -> Response:
        if request.path_params["name"] == "nobody":
            raise NotFound("nobody")
        if request.path_params["name"] == "fault":
            raise ValueError
        if client:
            await client.execute("HGET", "secret-key", "field")
        return bare({"traceparent": tracing.traceparent.get(), **tracing.log_fields.get()})

    index = RouteIndex([Route("/people/{name}", read, methods=["GET"])])
    return spans.tracing.around(Front(index.answer, log=spans.tracing.request_log(False, 0.0)))


async def no_body() -> Message:
    return {"type": "http.request", "body": b""}


async def get(app: Any, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inbox.example") as browser:
        return await browser.get(path, headers=headers)


async def test_a_collector_that_does_not_answer_does_not_hold_up_the_stop(
    spans: Spans, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otel, "CLOSE_SECONDS", 0.0)
    is_answered = threading.Event()
    monkeypatch.setattr(spans.provider, "shutdown", is_answered.wait)
    await spans.tracing.close()
    assert not is_answered.is_set()
    assert [one.getMessage() for one in caplog.records] == ["the last spans are lost: the collector does not answer"]
    is_answered.set()


async def test_what_waits_is_sent_at_the_stop(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    spans.provider.add_span_processor(BatchSpanProcessor(late := InMemorySpanExporter()))
    spans.tracer.start_span("last").end()
    await spans.tracing.close()
    assert [span.name for span in late.get_finished_spans()] == ["last"]
    assert caplog.records == []


async def test_a_request_has_a_span_and_each_call_of_the_store_one_within_it(spans: Spans, client: Client) -> None:
    answer = await get(app_of(spans, client), "/people/ada?token=hidden")
    assert answer.status_code == 200
    call, request = spans.ended
    assert (call.name, call.kind, request.name, request.kind) == (
        *("HGET", SpanKind.CLIENT),
        *("GET /people/{name}", SpanKind.SERVER),
    )
    assert call.parent is not None
    assert call.parent.span_id == request.context.span_id
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/people/{name}",
        "url.path": "/people/ada",
        "url.scheme": "http",
    }
    assert dict(call.attributes or {}) == {"db.system.name": "redis", "db.operation.name": "HGET"}


@pytest.mark.parametrize("is_traced", [True, False])
async def test_a_poll_that_comes_again_reaches_the_application_and_has_a_span(spans: Spans, is_traced: bool) -> None:
    poll, sent = object(), list[Message]()

    async def still_the_same(_: Request) -> Response:
        return not_modified(poll)

    async def send(message: Message) -> None:
        sent.append(message)

    index = RouteIndex([Route("/feed", still_the_same, methods=["GET"])])
    log = spans.tracing.request_log(False, 0.0) if is_traced else RequestLog()
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/feed", "raw_path": b"/feed"}
    scope |= {"query_string": b"", "headers": []}
    await spans.tracing.around(Front(index.answer, log=log))(scope, no_body, send)
    assert sent[0]["status"] == 304
    assert sent[0][POLL] is (None if is_traced else poll), "only what it carries is answered without the application"


async def test_the_trace_of_the_caller_goes_on(spans: Spans) -> None:
    answer = await get(app_of(spans), "/people/ada", traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="a=b")
    (request,) = spans.ended
    assert request.parent is not None
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert answer.json()["trace_id"] == TRACE
    assert answer.json()["traceparent"] == f"00-{TRACE}-{request.context.span_id:016x}-01"


async def test_a_caller_that_does_not_sample_is_followed(spans: Spans, client: Client) -> None:
    answer = await get(app_of(spans, client), "/people/ada", traceparent=f"00-{TRACE}-{PARENT}-00")
    assert spans.ended == ()
    assert answer.json()["trace_id"] == TRACE


@pytest.mark.parametrize(
    ("path", "status", "name"), [("/people/nobody", 404, "GET /people/{name}"), ("/x", 404, "GET")]
)
async def test_a_refusal_is_no_error(spans: Spans, path: str, status: int, name: str) -> None:
    assert (await get(app_of(spans), path)).status_code == status
    (request,) = spans.ended
    assert (request.name, request.status.status_code) == (name, StatusCode.UNSET)


async def test_a_fault_is_an_error(spans: Spans) -> None:
    assert (await get(app_of(spans), "/people/fault")).status_code == 500
    (request,) = spans.ended
    assert request.status.status_code is StatusCode.ERROR


async def test_a_stream_has_a_span_until_it_begins(spans: Spans) -> None:
    async def stream(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert spans.names == ["GET"]
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    await get(spans.tracing.around(stream), "/")
    assert spans.names == ["GET"]


async def test_each_kind_of_call_has_a_span(spans: Spans, client: Client) -> None:
    with spans.tracer.start_as_current_span("work"):
        await client.execute("EVALSHA", SCRIPT.sha, 0)
        await client.batch([("GET", "a"), ("GET", "b")])
        await client.read([("HGETALL", "a")])
        await client.transaction([("SET", "a", 1)])
        await client.begin([("TTL", "a"), ("TTL", "b")])
        await client.batch([])
    assert spans.names == ["EVALSHA message_append", "GET", "HGETALL", "SET", "TTL", "work"]
    sizes = [(span.attributes or {}).get("db.operation.batch.size") for span in spans.ended]
    assert sizes == [None, 2, None, None, 2, None]


async def test_a_call_that_fails_is_an_error(spans: Spans, client: Client) -> None:
    cast(Echo, cast(TracedTopology, client.topology)._inner).is_away = True
    with spans.tracer.start_as_current_span("work"), pytest.raises(ConnectionLost):
        await client.topology.send(("GET", "a"))
    call, _ = spans.ended
    assert call.status.status_code is StatusCode.ERROR


async def test_without_the_extra_the_service_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inbox.otel", None)
    with pytest.raises(StartupError, match=r"pip install 'inbox-server\[otel\]'"):
        open_tracing(Settings(opentelemetry=True))
    assert open_tracing(Settings()) is None


async def test_work_without_a_request_has_none(spans: Spans, client: Client) -> None:
    await client.execute("GET", "a")
    await client.batch([("GET", "a")])
    await client.begin([("GET", "a"), ("GET", "b")])
    assert spans.ended == ()
