"""The examples of the OpenAPI document, sent to a service that holds what they name: each is accepted as documented."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from inbox.openapi import examples
from inbox.openapi.document import PAGES, encoded_document
from tests.conftest import RunServer
from tests.support.client import Api, create_session, subscriber_hash
from tests.support.openapi import Json, undocumented, validator
from tests.support.server import Server

CROWD = 101
"""A trigger to more than a hundred is a dispatch, which has a progress."""
BEFORE = {
    "createTenant": ("DELETE", "/v1/tenants/acme", None),
    "createTopicV1": ("DELETE", "/v2/topics/news", None),
    "deleteTopicV1": ("POST", "/v1/topics/news/subscribers/removal", {"subscribers": ["ada"]}),
    "createContext": ("DELETE", "/v2/contexts/app/web", None),
    "createFeed": ("DELETE", "/v1/feeds/{feedId}", None),
    "createWorkflow": ("DELETE", "/v2/workflows/welcome", None),
    "createWorkflowOverride": ("DELETE", "/v1/workflow-overrides/{overrideId}", None),
    "unsnoozeInboxNotification": (
        "PATCH",
        "/v2/subscribers/ada/notifications/{notificationId}/snooze",
        {"snoozeUntil": examples.DATE},
    ),
    "unsnoozeSubscriberNotification": (
        "PATCH",
        "/v2/subscribers/ada/notifications/{notificationId}/snooze",
        {"snoozeUntil": examples.DATE},
    ),
}
"""operationId → what is called first, where the world that every operation meets is not the one that it needs."""


@dataclass
class World:
    """What the examples name, made again before each of them where the last one deleted it."""

    server: Server
    api: Api
    known: dict[str, str] = field(default_factory=dict)
    token: str = ""
    turns: int = 0
    is_full: bool = False

    async def gather_a_crowd(self) -> None:
        crowd = [{"subscriberId": f"one-of-{number}"} for number in range(CROWD)]
        await self._send("POST", "/v1/subscribers/bulk", {"subscribers": crowd})
        await self._send("POST", "/v2/workflows", _workflow("greeting"))
        await self._send("POST", "/v1/events/trigger/broadcast", _trigger("crowd"))

    async def refill(self) -> None:
        """Make what is missing, a new message and a new session."""
        self.turns += 1
        for path, body in (
            ("/v2/subscribers", examples.ADA),
            ("/v2/topics", {"key": "news"}),
            ("/v2/topics/news/subscriptions", {"subscriptions": ["ada"]}),
            ("/v1/tenants", {"identifier": "acme"}),
            ("/v2/contexts", {"type": "app", "id": "web"}),
            ("/v2/workflows", examples.WORKFLOW),
            ("/v2/workflows", _workflow("greeting")),
            ("/v1/events/trigger", {**_trigger(f"turn-{self.turns}"), "to": "ada"}),
        ):
            await self._send("POST", path, body)
        await self._send("PUT", "/v2/webhook", examples.BODIES["WebhookRequest"])
        workflow = await self._send("GET", "/v2/workflows/welcome")
        pair = {"workflowId": workflow["_id"], "tenantId": "acme"}
        message = (await self._send("GET", "/v1/subscribers/ada/notifications/feed"))[0]
        activity = (await self._send("GET", f"/v1/notifications?transactionId=turn-{self.turns}"))[0]
        self.known = {
            "messageId": message["_id"],
            "notificationId": message["_id"],
            "activityId": activity["_id"],
            "workflowOid": workflow["_id"],
            "transactionId": f"turn-{self.turns}",
            "environmentId": (await self._send("GET", "/v1/environments/me"))["_id"],
            "integrationId": (await self._send("GET", "/v1/integrations"))[0]["_id"],
            "feedId": await self._listed("/v1/feeds", {"name": "offers"}),
            "groupId": await self._listed("/v1/notification-groups", {"name": "Marketing"}),
            "overrideId": await self._listed("/v1/workflow-overrides", pair),
            "keyId": await self._stored_key(),
        }
        self.token = (await create_session(self.server, "ada"))["token"]

    async def call(self, method: str, path: str, operation: Json) -> httpx.Response:
        """Send an operation with its examples, as who may call it."""
        name = operation["operationId"]
        if not self.is_full:
            await self.refill()
        self.is_full = name not in BEFORE and not name.startswith(("delete", "erase", "remove", "revoke"))
        if before := BEFORE.get(name):
            await self._send(before[0], before[1].format(**self.known), self._body(before[2]))
        query = {
            parameter["name"]: self.known["activityId"]
            for parameter in operation["parameters"]
            if parameter["in"] == "query" and parameter["required"]
        }
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        token = f"Bearer {self.token}" if path.startswith(PAGES) else f"ApiKey {await self._key_for(name)}"
        return await self.api.client.request(
            method.upper(),
            self._path(path, operation),
            params=query,
            headers={"Authorization": token} if operation.get("security") else {},
            **({"json": self._body(content["example"])} if content else {}),
        )

    async def _key_for(self, name: str) -> str:
        """The key of the service; of a new environment where the one of the settings would be refused."""
        if name != "regenerateApiKeys":
            return self.server.api_key
        key: str = (await self._send("POST", "/v1/environments", {"name": "Regenerated"}))["apiKeys"][0]["key"]
        return key

    async def _stored_key(self) -> str:
        """The id of an API key that may be revoked."""
        path = "/v2/environments/{}/api-keys".format((await self._send("GET", "/v1/environments/me"))["_id"])
        stored = [one["id"] for one in await self._send("GET", path) if one["setting"] is None]
        found: str = stored[0] if stored else (await self._send("POST", path))["id"]
        return found

    def _path(self, path: str, operation: Json) -> str:
        """The path with its examples, of which those that the service makes are replaced by real ones."""
        shown = {one["name"]: one["example"] for one in operation["parameters"] if one["in"] == "path"}
        replaced = {name: self.known.get(name, value) for name, value in shown.items()}
        if operation["operationId"] == "getActivity":
            replaced["notificationId"] = self.known["activityId"]
        if operation["operationId"] == "getTriggerProgress":
            replaced["transactionId"] = "crowd"
        return re.sub(r"\{(\w+)\}", lambda found: replaced[found[1]], path)

    def _body(self, value: Any, name: str = "") -> Any:
        """A body's example, of which what the service makes is replaced likewise."""
        if isinstance(value, dict):
            return {inner: self._body(part, inner) for inner, part in value.items()}
        if isinstance(value, list):
            return [self._body(part, name) for part in value]
        replacements = {
            examples.ID: self.known["workflowOid" if name == "workflowId" else "messageId"],
            examples.APPLICATION: self.server.application_identifier,
            examples.HASH: subscriber_hash(self.server.api_key, "ada"),
            examples.DATE: _in_an_hour(),
        }
        return replacements.get(value, value) if isinstance(value, str) else value

    async def _listed(self, path: str, body: Json) -> str:
        """The `_id` of what a list has with these fields; it is made where the list has none."""
        rows = await self._send("GET", path)
        wanted = body.get("name")
        found = [row["_id"] for row in rows if wanted is None or row["name"] == wanted]
        return found[0] if found else str((await self._send("POST", path, body))["_id"])

    async def _send(self, method: str, path: str, body: Json | None = None) -> Any:
        """What is in the answer's `data`. It may be a refusal: what is there is not made again."""
        answer = await self.api.client.request(method, path, **({"json": body} if body is not None else {}))
        return answer.json().get("data") if answer.content else None


def _workflow(name: str) -> Json:
    controls = {"body": "Hello", "primaryAction": {"label": "Yes"}}
    return {
        "name": name,
        "workflowId": name,
        "steps": [{"name": "Message", "type": "in_app", "controlValues": controls}],
    }


def _trigger(transaction: str) -> Json:
    reference = examples.PARAMETERS["externalReference"][1]
    return {"name": "greeting", "payload": {}, "transactionId": transaction, "externalReference": reference}


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def test_every_example_is_accepted(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    document = orjson.loads(encoded_document())
    problems: dict[str, str] = {}
    async with Api.open(server) as api:
        world = World(server, api)
        await world.gather_a_crowd()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                answer = await world.call(method, path, operation)
                if problem := _problem(document, operation, answer):
                    problems[f"{operation['operationId']}: {method} {path}"] = problem
    assert not problems, "\n".join(f"{name}: {problem}" for name, problem in problems.items())


def _problem(document: Json, operation: Json, answer: httpx.Response) -> str:
    """What an answer has that the operation's success does not say; empty for nothing."""
    successes = [status for status in operation["responses"] if status.startswith("2")]
    if str(answer.status_code) != successes[0]:
        return f"{answer.status_code} {answer.text}"
    content = operation["responses"][successes[0]].get("content")
    if content is None:
        return answer.text
    schema, body = content["application/json"]["schema"], answer.json()
    errors = [f"{error.json_path} {error.message}" for error in validator(document, schema).iter_errors(body)]
    return "; ".join([*errors, *sorted(undocumented(document, schema, body))])
