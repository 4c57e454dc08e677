"""Spans of a real service as a collector gets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.processes import free_port
from tests.support.waiting import until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.port = free_port()
        self.spans: list[Span] = []
        self.services: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].split()[0])
                self.take(await reader.readexactly(length))
                body = ExportTraceServiceResponse().SerializeToString()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n")
                writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def take(self, body: bytes) -> None:
        for part in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {one.value.string_value for one in part.resource.attributes if one.key == "service.name"}
            self.spans += [span for scope in part.scope_spans for span in scope.spans]

    def named(self, name: str) -> Span | None:
        return next((span for span in self.spans if span.name == name), None)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", collector.port)
    yield collector
    server.close()


async def test_a_collector_gets_the_spans_of_a_trigger(
    run_server: RunServer, valkey_url: str, key_prefix: str, collector: Collector
) -> None:
    settings = {
        "INBOX_OPENTELEMETRY": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **settings)
    trace = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    async with Api.open(server) as api:
        await api.create_workflow()
        body = {"name": "bench", "to": "ada", "payload": {}}
        assert (await api.client.post("/v1/events/trigger", json=body, headers=trace)).status_code == 201

    async def have_come() -> bool:
        return bool(collector.named("POST /v1/events/trigger") and collector.named("EVALSHA message_append"))

    await until(have_come, 60)
    request, call = collector.named("POST /v1/events/trigger"), collector.named("EVALSHA message_append")
    assert request is not None
    assert call is not None
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (call.trace_id, call.parent_span_id) == (request.trace_id, request.span_id)
    assert collector.services == {"inbox"}
