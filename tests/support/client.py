"""Typed clients of the two HTTP faces: `Api` speaks as a producer, `InboxApi` as one subscriber's page.

Each call checks the status that is documented and returns what is inside the `data` envelope.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import quote

import httpx

from .server import Server
from .waiting import until

Json = dict[str, Any]
WORKFLOW = "bench"
PAGE = 100  # the largest page both faces give


def segment(text: str) -> str:
    """One path segment holding any text: everything that is not unreserved is percent-encoded, `/` too."""
    return quote(text, safe="")


def subscriber_hash(api_key: str, subscriber_id: str) -> str:
    """Lower-case hex HMAC-SHA256 of the raw subscriberId under the plain API key."""
    return hmac.new(api_key.encode(), subscriber_id.encode(), hashlib.sha256).hexdigest()


class Caller:
    """An HTTP client of one service with its authorization."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    @classmethod
    @asynccontextmanager
    async def connected(cls, server: Server, authorization: str) -> AsyncIterator[Self]:
        async with httpx.AsyncClient(
            base_url=server.url, headers={"Authorization": authorization}, timeout=20, trust_env=False
        ) as client:
            yield cls(client)

    async def call(self, method: str, path: str, status: int, json: Any = None, **query: Any) -> Any:
        """The whole body, None for an empty one. Raises AssertionError with the answer when the status is another."""
        content = {"json": json} if json is not None else {}
        answer = await self.client.request(method, path, params=query or None, **content)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def data(self, method: str, path: str, status: int, json: Any = None, **query: Any) -> Any:
        """What is inside the envelope `{"data": …}`."""
        body = await self.call(method, path, status, json, **query)
        return body["data"]


class Api(Caller):
    """The producer's side, authorized by API key."""

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server) -> AsyncIterator[Self]:
        async with cls.connected(server, f"ApiKey {server.api_key}") as api:
            yield api

    async def create_workflow(self, workflow_id: str = WORKFLOW, *, tags: list[str] | None = None, **step: Any) -> Json:
        """A workflow of one in-app step; `{{payload.n}}` in its body, a primary and a secondary action."""
        controls = {
            "subject": "Message {{payload.n}}",
            "body": "Body {{payload.n}}",
            "primaryAction": {"label": "Accept", "redirect": {"url": "/accept", "target": "_self"}},
            "secondaryAction": {"label": "Decline"},
            **step,
        }
        steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
        body = {"name": workflow_id, "workflowId": workflow_id, "steps": steps, "tags": tags or []}
        created: Json = await self.data("POST", "/v2/workflows", 201, body)
        return created

    async def create_subscriber(self, subscriber_id: str, **profile: Any) -> Json:
        created: Json = await self.data("POST", "/v2/subscribers", 201, {"subscriberId": subscriber_id, **profile})
        return created

    async def subscriber(self, subscriber_id: str) -> Json:
        found: Json = await self.data("GET", f"/v2/subscribers/{segment(subscriber_id)}", 200)
        return found

    async def trigger(self, to: Any, payload: Json | None = None, *, workflow: str = WORKFLOW, **fields: Any) -> Json:
        """`{acknowledged, status, transactionId}`."""
        body = {"name": workflow, "to": to, "payload": payload or {}, **fields}
        reply: Json = await self.data("POST", "/v1/events/trigger", 201, body)
        return reply

    async def dispatched(self, transaction_id: str) -> Json:
        """What a topic or broadcast trigger came to, once nothing of it is left."""

        found: Json = {}

        async def has_ended() -> bool:
            found.update(await self.data("GET", f"/v1/events/trigger/{segment(transaction_id)}", 200))
            return bool(found["status"] != "running")

        await until(has_ended, 60)
        return found

    def _v1(self, subscriber_id: str, rest: str) -> str:
        return f"/v1/subscribers/{segment(subscriber_id)}/{rest}"

    async def feed_page(self, subscriber_id: str, **query: Any) -> Json:
        """`{data, totalCount, hasMore, pageSize, page}`."""
        page: Json = await self.call("GET", self._v1(subscriber_id, "notifications/feed"), 200, **query)
        return page

    async def feed(self, subscriber_id: str, **query: Any) -> list[Json]:
        """Every message of the feed, newest first, page by page."""
        messages: list[Json] = []
        for number in range(10_000):
            page = await self.feed_page(subscriber_id, page=number, limit=PAGE, **query)
            messages += page["data"]
            if not page["hasMore"]:
                break
        return messages

    async def unseen(self, subscriber_id: str) -> int:
        """The server's own count of unseen messages, up to 1,000."""
        reply = await self.data("GET", self._v1(subscriber_id, "notifications/unseen"), 200, limit=1000)
        return int(reply["count"])

    async def mark_as(self, subscriber_id: str, message_id: str | list[str], mark: str) -> list[Json]:
        """`mark` is read, seen, unread or unseen; the messages after the change."""
        body = {"messageId": message_id, "markAs": mark}
        messages: list[Json] = await self.data("POST", self._v1(subscriber_id, "messages/mark-as"), 201, body)
        return messages

    async def mark_legacy(self, subscriber_id: str, message_id: str | list[str], **mark: bool) -> list[Json]:
        """The older markAs: sets exactly the flags given, `seen` and `read`."""
        body = {"messageId": message_id, "mark": mark}
        messages: list[Json] = await self.data("POST", self._v1(subscriber_id, "messages/markAs"), 201, body)
        return messages

    async def mark_all(self, subscriber_id: str, mark: str) -> int:
        """How many messages changed."""
        changed = await self.data("POST", self._v1(subscriber_id, "messages/mark-all"), 201, {"markAs": mark})
        return int(changed)

    async def act(self, subscriber_id: str, message_id: str, button: str, status: str, **fields: Any) -> Json:
        """Presses a button (`primary` or `secondary`); the message after the change."""
        path = self._v1(subscriber_id, f"messages/{message_id}/actions/{button}")
        message: Json = await self.data("POST", path, 201, {"status": status, **fields})
        return message

    async def set_online(self, subscriber_id: str, online: bool) -> Json:
        path = self._v1(subscriber_id, "online-status")
        changed: Json = await self.data("PATCH", path, 200, {"isOnline": online})
        return changed


async def create_session(server: Server, subscriber_id: str, **fields: Any) -> Json:
    """What `POST /v1/inbox/session` answers, `token` among it; with the subscriberHash that production demands."""
    body = {
        "applicationIdentifier": server.application_identifier,
        "subscriber": {"subscriberId": subscriber_id},
        "subscriberHash": subscriber_hash(server.api_key, subscriber_id),
        **fields,
    }
    async with httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False) as client:
        answer = await client.post("/v1/inbox/session", json=body)
    assert answer.status_code == 201, answer.text
    session: Json = answer.json()["data"]
    return session


class InboxApi(Caller):
    """The subscriber's side, authorized by a session token."""

    token: str

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, subscriber_id: str, token: str | None = None) -> AsyncIterator[Self]:
        """With a session of its own unless a token is given."""
        token = token or (await create_session(server, subscriber_id))["token"]
        async with cls.connected(server, f"Bearer {token}") as inbox:
            inbox.token = token
            yield inbox

    async def page(self, **query: Any) -> Json:
        """`{data, hasMore, filter}`."""
        page: Json = await self.call("GET", "/v1/inbox/notifications", 200, **query)
        return page

    async def notifications(self, **query: Any) -> list[Json]:
        """Every notification, newest first, page by page."""
        notifications: list[Json] = []
        after: Json = {}
        while True:
            page = await self.page(limit=PAGE, **after, **query)
            notifications += page["data"]
            if not page["hasMore"]:
                return notifications
            after = {"after": notifications[-1]["id"]}

    async def count(self, *filters: str) -> list[int]:
        """The server's own counts, each up to 100; a filter is a JSON object as text."""
        query = f"[{','.join(filters)}]"
        counts = await self.data("GET", "/v1/inbox/notifications/count", 200, filters=query)
        return [int(item["count"]) for item in counts]

    async def change(self, message_id: str, verb: str, body: Json | None = None) -> Json:
        """`verb` is read, unread, complete or revert; the notification after the change."""
        changed: Json = await self.data("PATCH", f"/v1/inbox/notifications/{message_id}/{verb}", 200, body)
        return changed

    async def see(self, message_ids: Iterable[str] | None = None) -> None:
        """Marks these as seen; all of them when none are given."""
        body = {} if message_ids is None else {"notificationIds": [*message_ids]}
        await self.call("POST", "/v1/inbox/notifications/seen", 204, body)

    async def read_all(self) -> None:
        await self.call("POST", "/v1/inbox/notifications/read", 204, {})


class WidgetApi(Caller):
    """The subscriber's side as older clients speak it."""

    token: str

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, subscriber_id: str) -> AsyncIterator[Self]:
        """With a session of its own."""
        session = await create_widget_session(server, subscriber_id)
        async with cls.connected(server, f"Bearer {session['token']}") as widget:
            widget.token = session["token"]
            yield widget

    async def feed_page(self, **query: Any) -> Json:
        """`{data, totalCount, hasMore, pageSize, page}`."""
        page: Json = await self.call("GET", "/v1/widgets/notifications/feed", 200, **query)
        return page

    async def feed(self, **query: Any) -> list[Json]:
        """The newest hundred messages."""
        return list((await self.feed_page(limit=PAGE, **query))["data"])

    async def count(self, which: str, **query: Any) -> int:
        """`which` is unseen, unread or count."""
        return int((await self.data("GET", f"/v1/widgets/notifications/{which}", 200, **query))["count"])

    async def post(self, rest: str, **body: Any) -> Any:
        """What a POST under `/v1/widgets/messages/` answers with 201."""
        return await self.data("POST", f"/v1/widgets/messages/{rest}", 201, body)


async def create_widget_session(server: Server, subscriber_id: str, **fields: Any) -> Json:
    """What `POST /v1/widgets/session/initialize` answers: `token` and `profile`."""
    body = {
        "applicationIdentifier": server.application_identifier,
        "subscriberId": subscriber_id,
        "hmacHash": subscriber_hash(server.api_key, subscriber_id),
        **fields,
    }
    async with httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False) as client:
        answer = await client.post("/v1/widgets/session/initialize", json=body)
    assert answer.status_code == 201, answer.text
    session: Json = answer.json()["data"]
    return session
