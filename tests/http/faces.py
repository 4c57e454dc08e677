"""A subscriber's notifications through one of both faces: a page's, or a backend's."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import httpx

from tests.support.client import Api, Caller, InboxApi, Json, segment
from tests.support.server import Server

from .hostile import check_error

WORKFLOWS = {"n-orders": ["orders", "all"], "n-news": ["news", "all"], "n-plain": []}
CONTROLS = {
    "body": "B",
    "data": {"kind": "{{payload.kind}}", "fixed": {"one": 1}},
    "primaryAction": {"label": "Go"},
}


@dataclass
class Face:
    """`ids` are the notifications sent so far, the first one first; tests name them by their number."""

    kind: Literal["page", "backend"]
    caller: Caller
    base: str
    subscriber_id: str
    api: Api
    ids: list[str] = field(default_factory=list)

    async def send(self, count: int = 1, *, workflow: str = "n-orders", **fields: Any) -> None:
        for _ in range(count):
            await self.api.trigger(self.subscriber_id, {"kind": "k"}, workflow=workflow, **fields)
            self.ids.append((await self.page(limit=1))["data"][0]["id"])

    async def page(self, query: str = "", **params: Any) -> Json:
        """`{data, hasMore, filter}`; `query` is sent as it is written."""
        written = "&".join(part for part in (query, urlencode(params)) if part)
        body: Json = await self.caller.call("GET", f"{self.base}?{written}" if written else self.base, 200)
        return body

    async def listed(self, query: str = "", **params: Any) -> list[int]:
        """The numbers of what is listed."""
        return [self.ids.index(item["id"]) for item in (await self.page(query, **params))["data"]]

    async def item(self, number: int) -> Json:
        found: list[Json] = (await self.page(limit=100))["data"]
        return next(item for item in found if item["id"] == self.ids[number])

    async def counts(self, *filters: Json) -> list[int]:
        body = await self.caller.call("GET", f"{self.base}/count", 200, filters=json.dumps(filters))
        assert [item["filter"] for item in body["data"]] == list(filters), "echoed as they came"
        return [item["count"] for item in body["data"]]

    async def change(self, number: int, verb: str, body: Json | None = None) -> Json:
        """The notification after the change."""
        path, body = self.path_of(self.ids[number], verb, body)
        reply: Json = await self.caller.data("PATCH", path, 200, body)
        return reply

    def path_of(self, message_id: str, verb: str, body: Json | None = None) -> tuple[str, Json | None]:
        """Where a change of one notification goes, and with what; a backend names the button in the path."""
        if self.kind == "backend" and verb in ("complete", "revert"):
            return f"{self.base}/{message_id}/actions/{(body or {}).get('actionType')}/{verb}", None
        if verb == "delete":
            return f"{self.base}/{message_id}" + ("" if self.kind == "backend" else "/delete"), None
        return f"{self.base}/{message_id}/{verb}", body

    async def delete(self, number: int) -> None:
        await self.caller.call("DELETE", self.path_of(self.ids[number], "delete")[0], 204)

    async def bulk(self, verb: str, **body: Any) -> None:
        await self.caller.call("POST", f"{self.base}/{verb}", 204, body)

    async def refused(self, status: int, method: str, path: str, body: Any = None, **params: Any) -> Json:
        """The error's body, in the shape that Novu's clients expect."""
        answer: httpx.Response = await self.caller.client.request(method, path, json=body, params=params or None)
        check_error(answer, status)
        reply: Json = answer.json()
        return reply


@asynccontextmanager
async def open_face(server: Server, kind: str) -> AsyncIterator[Face]:
    """A face of a new subscriber, with the workflows to send from."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api.open(server))
        for name, tags in WORKFLOWS.items():
            steps = [{"name": "In-app", "type": "in_app", "controlValues": CONTROLS}]
            body = {"name": name, "workflowId": name, "steps": steps, "tags": tags}
            await api.client.post("/v2/workflows", json=body)  # 400 when another test has made it
        subscriber_id = f"s/{secrets.token_hex(5)}"
        await api.create_subscriber(subscriber_id, firstName="Ada")
        if kind == "page":
            inbox = await stack.enter_async_context(InboxApi.open(server, subscriber_id))
            yield Face("page", inbox, "/v1/inbox/notifications", subscriber_id, api)
        else:
            base = f"/v2/subscribers/{segment(subscriber_id)}/notifications"
            yield Face("backend", api, base, subscriber_id, api)
