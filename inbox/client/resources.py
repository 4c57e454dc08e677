"""What a backend manages: subscribers, topics, workflows, messages. Bodies and answers have the API's field names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.client.filters import query_of
from inbox.client.http import PAGE, Http, parts, present, segment
from inbox.client.types import EditResult, Json, MessageChanges, Notification, NotificationFields

MAX_SUBSCRIBERS = 500
MAX_MEMBERS = 1_000


@dataclass(frozen=True)
class Subscribers:
    """The people who receive."""

    _http: Http

    async def save(self, subscriber_id: str, **profile: Any) -> Json:
        """Create a subscriber, or change the fields that are given of a known one. Return the subscriber."""
        saved: Json = await self._http.call("POST", "/v1/subscribers", {"subscriberId": subscriber_id, **profile})
        return saved

    async def save_many(self, subscribers: Sequence[Mapping[str, Any]]) -> Json:
        """Save many, 500 in a request; each is checked by itself.

        Return the lists `created`, `updated` and `failed`.
        """
        results: Json = {"created": [], "updated": [], "failed": []}
        for part in parts(subscribers, MAX_SUBSCRIBERS):
            answer = await self._http.call("POST", "/v1/subscribers/bulk", {"subscribers": part})
            results = {name: rows + answer[name] for name, rows in results.items()}
        return results

    async def get(self, subscriber_id: str) -> Json:
        """Return a subscriber. An unknown one is an ApiError with the status 404."""
        found: Json = await self._http.call("GET", _subscriber(subscriber_id))
        return found

    async def delete(self, subscriber_id: str) -> None:
        """Delete a subscriber with the feed, the sessions and the sockets."""
        await self._http.call("DELETE", _subscriber(subscriber_id))

    def find(self, **query: str) -> AsyncIterator[Json]:
        """Yield subscribers page by page; `email`, `name`, `phone`, `subscriberId` narrow them."""
        return self._http.cursor_pages("/v2/subscribers", query)

    async def preferences(self, subscriber_id: str) -> Json:
        """Return `global` and `workflows`: which channels deliver."""
        found: Json = await self._http.call("GET", f"{_subscriber(subscriber_id)}/preferences")
        return found

    async def set_preferences(
        self, subscriber_id: str, channels: Mapping[str, bool], workflow_id: str | None = None
    ) -> Json:
        """Switch channels on or off, such as `{"in_app": False}`, everywhere or for one workflow."""
        body = present(channels=channels, workflowId=workflow_id)
        changed: Json = await self._http.call("PATCH", f"{_subscriber(subscriber_id)}/preferences", body)
        return changed

    async def notifications(
        self, subscriber_id: str, filter: NotificationFields | None = None
    ) -> AsyncIterator[Notification]:
        """Yield the notifications of a subscriber in all contexts, newest first, page by page."""
        path, after = f"{_subscriber(subscriber_id)}/notifications", None
        while True:
            query = query_of({**(filter or {}), "limit": PAGE, **present(after=after)})
            page = await self._http.call("GET", path, query=query)
            for notification in page["data"]:
                yield notification
            if not page["hasMore"]:
                return
            after = page["data"][-1]["id"]


@dataclass(frozen=True)
class Topics:
    """Named groups of subscribers."""

    _http: Http

    async def save(self, key: str, name: str | None = None) -> Json:
        """Create a topic, or rename a known one. Return the topic."""
        saved: Json = await self._http.call("POST", "/v2/topics", present(key=key, name=name))
        return saved

    async def get(self, key: str) -> Json:
        """Return a topic. An unknown one is an ApiError with the status 404."""
        found: Json = await self._http.call("GET", _topic(key))
        return found

    async def delete(self, key: str) -> None:
        """Delete a topic and its subscriptions."""
        await self._http.call("DELETE", _topic(key))

    def find(self, **query: str) -> AsyncIterator[Json]:
        """Yield topics page by page; `key` and `name` narrow them."""
        return self._http.cursor_pages("/v2/topics", query)

    async def subscribe(self, key: str, subscriber_ids: Sequence[str]) -> list[str]:
        """Put subscribers into a topic, which is made if it is missing. Return the ids that are unknown."""
        unknown: list[str] = []
        for part in parts(subscriber_ids, MAX_MEMBERS):
            answer = await self._change(key, "", part)
            unknown += answer.get("failed", {}).get("notFound", [])
        return unknown

    async def unsubscribe(self, key: str, subscriber_ids: Sequence[str]) -> None:
        """Take subscribers out of a topic. Those who are not in it are ignored."""
        for part in parts(subscriber_ids, MAX_MEMBERS):
            await self._change(key, "/removal", part)

    def members(self, key: str) -> AsyncIterator[Json]:
        """Yield the subscriptions of a topic page by page."""
        return self._http.cursor_pages(f"{_topic(key)}/subscriptions", {})

    async def _change(self, key: str, change: str, subscriber_ids: Sequence[str]) -> Any:
        path = f"/v1/topics/{segment(key)}/subscribers{change}"
        return await self._http.call("POST", path, {"subscribers": subscriber_ids})


@dataclass(frozen=True)
class Workflows:
    """Kinds of messages, each named by its `workflowId`."""

    _http: Http

    async def create(self, workflow: Mapping[str, Any]) -> Json:
        """Create a workflow from `name`, `workflowId`, `steps` and more. Return the workflow."""
        created: Json = await self._http.call("POST", "/v2/workflows", workflow)
        return created

    async def get(self, workflow_id: str) -> Json:
        """Return a workflow. An unknown one is an ApiError with the status 404."""
        found: Json = await self._http.call("GET", _workflow(workflow_id))
        return found

    async def replace(self, workflow_id: str, workflow: Mapping[str, Any]) -> Json:
        """Replace a workflow. Return it as it is now."""
        replaced: Json = await self._http.call("PUT", _workflow(workflow_id), workflow)
        return replaced

    async def change(self, workflow_id: str, **fields: Any) -> Json:
        """Change fields of a workflow, such as `active`. Return it as it is now."""
        changed: Json = await self._http.call("PATCH", _workflow(workflow_id), fields)
        return changed

    async def delete(self, workflow_id: str) -> None:
        """Delete a workflow."""
        await self._http.call("DELETE", _workflow(workflow_id))

    async def find(self) -> AsyncIterator[Json]:
        """Yield workflows page by page."""
        offset, total = 0, 1
        while offset < total:
            page = await self._http.call("GET", "/v2/workflows", query={"limit": PAGE, "offset": offset})
            for workflow in page["workflows"]:
                yield workflow
            offset, total = offset + PAGE, page["totalCount"]


@dataclass(frozen=True)
class Messages:
    """What was sent: correct it, take it back."""

    _http: Http

    async def find(self, *, subscriber_id: str | None = None, transaction_id: str | None = None) -> AsyncIterator[Json]:
        """Yield messages in the shape of the API's v1, newest first, page by page."""
        query, number, has_more = present(subscriberId=subscriber_id, transactionId=transaction_id), 0, True
        while has_more:
            page = await self._http.call("GET", "/v1/messages", query={**query, "page": number, "limit": PAGE})
            for message in page["data"]:
                yield message
            number, has_more = number + 1, page["hasMore"]

    async def edit(self, message_id: str, changes: MessageChanges) -> Json:
        """Change what a message says; open pages follow. Return the message."""
        edited: Json = await self._http.call("PATCH", f"/v1/messages/{segment(message_id)}", changes)
        return edited

    async def edit_transaction(self, transaction_id: str, changes: MessageChanges) -> EditResult:
        """Change what the messages of a transaction say, for all its recipients."""
        return await self._edit(f"/v1/messages/transaction/{segment(transaction_id)}", changes)

    async def edit_referenced(self, subscriber_id: str, external_reference: str, changes: MessageChanges) -> EditResult:
        """Change what a subscriber's messages with an external reference say."""
        return await self._edit(_referenced(subscriber_id, external_reference), changes)

    async def retract(self, message_id: str) -> None:
        """Take a message back: it is deleted, and open pages drop it."""
        await self._http.call("DELETE", f"/v1/messages/{segment(message_id)}")

    async def retract_transaction(self, transaction_id: str) -> None:
        """Take back the messages of a transaction, for all its recipients."""
        await self._http.call("DELETE", f"/v1/messages/transaction/{segment(transaction_id)}")

    async def retract_referenced(self, subscriber_id: str, external_reference: str) -> None:
        """Take back a subscriber's messages with an external reference."""
        await self._http.call("DELETE", _referenced(subscriber_id, external_reference))

    async def _edit(self, path: str, changes: MessageChanges) -> EditResult:
        result: EditResult = await self._http.call("PATCH", path, changes)
        return result


def _subscriber(subscriber_id: str) -> str:
    return f"/v2/subscribers/{segment(subscriber_id)}"


def _referenced(subscriber_id: str, external_reference: str) -> str:
    return f"/v1/subscribers/{segment(subscriber_id)}/messages/reference/{segment(external_reference)}"


def _topic(key: str) -> str:
    return f"/v2/topics/{segment(key)}"


def _workflow(workflow_id: str) -> str:
    return f"/v2/workflows/{segment(workflow_id)}"
