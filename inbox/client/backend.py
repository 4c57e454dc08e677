"""The client of a backend: it triggers workflows and manages what they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias
from uuid import uuid4

import httpx

from inbox.client.backoff import Backoff
from inbox.client.http import ATTEMPTS, BACKOFF, Http, parts, present, segment
from inbox.client.resources import Messages, Subscribers, Topics, Workflows
from inbox.client.types import Json, TriggerResult

MAX_EVENTS = 100
RecipientNames: TypeAlias = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """The start of a workflow for recipients.

    `to` is a subscriberId, a subscriber with profile fields, a topic (`{"type": "Topic", "topicKey": …}`), or a list of
    these. Without a `transaction_id` the client makes one, so that a repetition delivers nothing twice.
    """

    workflow: str
    to: RecipientNames | None = None
    payload: Mapping[str, Any] | None = None
    transaction_id: str | None = None
    actor: str | Mapping[str, Any] | None = None
    tenant: str | Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    overrides: Mapping[str, Any] | None = None
    external_reference: str | None = None
    expires_at: str | None = None
    collapse_key: str | None = None
    collapse_mode: Literal["count", "replace"] | None = None

    def body(self) -> Json:
        """Return the body of the request."""
        return present(
            name=self.workflow,
            to=self.to,
            payload=self.payload or {},
            transactionId=self.transaction_id or f"txn_{uuid4().hex}",
            actor=self.actor,
            tenant=self.tenant,
            context=self.context,
            overrides=self.overrides,
            externalReference=self.external_reference,
            expiresAt=self.expires_at,
            collapseKey=self.collapse_key,
            collapseMode=self.collapse_mode,
        )


class Backend:
    """The service as a backend with an API key sees it. Close it, or use it with `async with`.

    Every call raises ApiError for an answer other than success, and Unreachable when no answer came. Calls that failed
    with something temporary are repeated up to `attempts` times in all, without doing anything twice. `http` is an
    httpx client of the caller's own: for proxies, certificates, time-outs.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        http: httpx.AsyncClient | None = None,
        attempts: int = ATTEMPTS,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._http = Http(url, f"ApiKey {api_key}", client=http, attempts=attempts, backoff=backoff)
        self.subscribers = Subscribers(self._http)
        self.topics = Topics(self._http)
        self.workflows = Workflows(self._http)
        self.messages = Messages(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._http.close()

    async def trigger(
        self, workflow: str, to: RecipientNames, payload: Mapping[str, Any] | None = None, **fields: Any
    ) -> TriggerResult:
        """Trigger a workflow, with the fields of `Trigger`. Return once the messages are stored or durably accepted."""
        body = Trigger(workflow=workflow, to=to, payload=payload, **fields).body()
        result: TriggerResult = await self._http.call("POST", "/v1/events/trigger", body)
        return result

    async def trigger_many(self, triggers: Sequence[Trigger]) -> list[TriggerResult]:
        """Trigger many at once, 100 in a request. Return a result for each, in order; each is checked by itself."""
        bodies = [trigger.body() for trigger in triggers]
        results: list[TriggerResult] = []
        for events in parts(bodies, MAX_EVENTS):
            results += await self._http.call("POST", "/v1/events/trigger/bulk", {"events": events})
        return results

    async def broadcast(self, workflow: str, payload: Mapping[str, Any] | None = None, **fields: Any) -> TriggerResult:
        """Trigger a workflow for every subscriber, with the fields of `Trigger` except `to`."""
        body = Trigger(workflow=workflow, payload=payload, **fields).body()
        result: TriggerResult = await self._http.call("POST", "/v1/events/trigger/broadcast", body)
        return result

    async def cancel(self, transaction_id: str) -> bool:
        """Cancel what a trigger has not delivered yet. Return whether something was left to be delivered.

        It is not repeated when its answer is lost: a second answer would be False.
        """
        path = f"/v1/events/trigger/{segment(transaction_id)}"
        return bool(await self._http.call("DELETE", path, is_repeatable=False))

    async def progress(self, transaction_id: str) -> Json:
        """Return how far a trigger to more than 100 people has come: `status` and numbers of recipients."""
        progress: Json = await self._http.call("GET", f"/v1/events/trigger/{segment(transaction_id)}")
        return progress
