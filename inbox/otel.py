"""Spans by OpenTelemetry, with INBOX_OPENTELEMETRY: one for each request, and in it one for each call of the store.

A request's span goes on with the trace of its caller, and its own trace is what log lines and webhooks have. It ends
when the answer is ready, so that a stream of events has no span of hours. Calls of background jobs have none.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, Tracer, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox import __version__
from inbox.http.client_address import ClientAddress
from inbox.http.request_log import RequestLog
from inbox.http.route_index import ROUTE
from inbox.store.client import Client
from inbox.store.connection.node import StoreNode
from inbox.store.connection.topology import Topology
from inbox.store.connection.wire import Command
from inbox.store.scripts import load_all

log = logging.getLogger(__name__)

T = TypeVar("T")

CLOSE_SECONDS = 3.0
TRACE_HEADERS = (b"traceparent", b"tracestate")
SCRIPT_COMMANDS = ("EVALSHA", "EVAL")
_propagator = TraceContextTextMapPropagator()


def open_provider() -> TracerProvider:
    """Return what sends spans by OTLP over HTTP, as the OTEL_* variables say. `shutdown` sends those that wait."""
    name = os.environ.get("OTEL_SERVICE_NAME", "inbox")
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Tracing:
    """The parts of an application that make spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("inbox", __version__)

    def request_log(self, logs_all: bool, slow_seconds: float, clients: ClientAddress | None = None) -> RequestLog:
        """Return the log of an app's requests."""
        return TracedRequestLog(logs_all, slow_seconds, clients)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an app that gives each request a span."""
        return TracedFront(app, self._tracer)

    def watch(self, client: Client) -> None:
        """Give each call of the store a span from now on."""
        client.topology = TracedTopology(client.topology, self._tracer)

    async def close(self) -> None:
        """Send what waits, for CLOSE_SECONDS at most: a collector that does not answer must not hold up the stop."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_SECONDS)
        if ending.is_alive():
            log.warning("the last spans are lost: the collector does not answer", extra={"action": "spans_lost"})


class TracedFront:
    """The ASGI app around another one that gives each request a span."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in TRACE_HEADERS}
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"], "url.scheme": scope["scheme"]}
        parent = _propagator.extract(carrier)
        span = self._tracer.start_span(scope["method"], parent, SpanKind.SERVER, attributes)

        async def end_span(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
                span.end()
            await send(message)

        with use_span(span, end_on_exit=False):
            own: dict[str, str] = {}
            _propagator.inject(own)
            headers = [header for header in scope["headers"] if header[0] not in TRACE_HEADERS]
            headers += [(name.encode(), value.encode()) for name, value in own.items()]
            try:
                await self._app({**scope, "headers": headers}, receive, end_span)
            finally:
                if span.is_recording():  # it has ended if the answer has begun
                    span.end()


@dataclass(frozen=True)
class TracedRequestLog(RequestLog):
    """The log of requests that also names the span of each by its route."""

    @property
    def notes_all(self) -> bool:
        return True

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        if route := scope.get(ROUTE):
            span = get_current_span()
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
        super().note(scope, status, seconds)


class TracedTopology(Topology):
    """A store around another one that gives each call within a span a span of its own."""

    def __init__(self, inner: Topology, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer
        self._scripts = {script.sha: script.name for script in load_all()}
        self.is_cluster = inner.is_cluster

    @property
    def primaries(self) -> Sequence[StoreNode]:
        return self._inner.primaries

    def node_of(self, key: str) -> StoreNode:
        return self._inner.node_of(key)

    def begin(self, commands: Sequence[Command]) -> asyncio.Future[Any]:
        future = self._inner.begin(commands)
        if get_current_span().is_recording():
            span = self._tracer.start_span(self._name(commands), kind=SpanKind.CLIENT, attributes=_attributes(commands))
            future.add_done_callback(lambda _: span.end())
        return future

    def send(self, command: Command) -> Awaitable[Any]:
        return self._traced([command], self._inner.send(command))

    def send_all(self, commands: Sequence[Command]) -> Awaitable[list[Any]]:
        return self._traced(commands, self._inner.send_all(commands))

    def send_reads(self, commands: Sequence[Command]) -> Awaitable[list[Any]]:
        return self._traced(commands, self._inner.send_reads(commands))

    async def send_unit(self, commands: Sequence[Command]) -> list[Any]:
        return await self._traced(commands, self._inner.send_unit(commands))

    async def start(self) -> None:
        await self._inner.start()

    async def refresh(self) -> None:
        await self._inner.refresh()

    def note_error(self, code: str) -> None:
        self._inner.note_error(code)

    async def close(self) -> None:
        await self._inner.close()

    def _traced(self, commands: Sequence[Command], reply: Awaitable[T]) -> Awaitable[T]:
        """Return what to await for a reply; the commands have been sent already."""
        return self._in_span(commands, reply) if commands and get_current_span().is_recording() else reply

    async def _in_span(self, commands: Sequence[Command], reply: Awaitable[T]) -> T:
        name, attributes = self._name(commands), _attributes(commands)
        with self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes):
            return await reply

    def _name(self, commands: Sequence[Command]) -> str:
        """Return the first command, of a script with its name. Keys and values are not shown: they are people's."""
        command = str(commands[0][0])
        script = self._scripts.get(str(commands[0][1])) if command in SCRIPT_COMMANDS else None
        return f"{command} {script}" if script else command


def _attributes(commands: Sequence[Command]) -> dict[str, str | int]:
    size = {"db.operation.batch.size": len(commands)} if len(commands) > 1 else {}
    return {"db.system.name": "redis", "db.operation.name": str(commands[0][0]), **size}
