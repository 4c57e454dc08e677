"""Write the data of a release, for the releases that come after it.

    python -m tests.releases.write CHECKOUT > tests/releases/VERSION.json

It starts the release of a checkout on an empty Redis 7, does what people and backends do, asks for everything, and
prints all keys with what was answered. Redis 7 writes a form that every later server reads.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.client import subscriber_hash
from tests.support.processes import ChildProcess, free_port
from tests.support.stores import StoreServer, connect, running_store
from tests.support.tools import TOOLS

SECRET_KEY = "release-data-release-data-release-data"
WAITING = "eve"
"""She gets a message a minute after her trigger: by whatever release serves then."""
READINGS = (
    *("/v2/subscribers?limit=100", "/v2/topics?limit=100", "/v2/workflows?limit=100", "/v1/integrations"),
    *("/v2/topics/news/subscriptions", "/v2/subscribers/bob/preferences", "/v2/subscribers/ada%2F1/preferences"),
    *("/v1/tenants/acme", "/v2/contexts", "/v1/environments"),
    *("/v1/subscribers/ada%2F1/notifications/feed?limit=100", "/v1/subscribers/bob/notifications/feed?limit=100"),
    *("/v1/subscribers/ada%2F1/notifications/unseen", "/v1/subscribers/bob/notifications/unseen"),
)
UNREAD = quote('[{"read":false}]')
INBOX_READINGS = (
    *("/v1/inbox/notifications?limit=100", "/v1/inbox/notifications?archived=true"),
    *(f"/v1/inbox/notifications/count?filters={UNREAD}", "/v1/inbox/preferences"),
)


def workflow(identifier: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": identifier.title(), "workflowId": identifier, "active": True, "steps": [*steps], **fields}


MESSAGE = {
    "name": "Message",
    "type": "in_app",
    "controlValues": {
        "subject": "Order {{payload.n}}",
        "body": "Hello {{subscriber.firstName | default: 'you'}}, {{payload.n}} of {{payload.total}}",
        "primaryAction": {"label": "Open", "redirect": {"url": "/orders/{{payload.n}}"}},
        "data": {"n": "{{payload.n}}"},
    },
}
DELAY = {"name": "Wait", "type": "delay", "controlValues": {"type": "regular", "amount": 1, "unit": "minutes"}}
WORKFLOWS = (
    workflow("order", MESSAGE, tags=["orders"]),
    workflow("later", DELAY, MESSAGE),
    workflow("urgent", MESSAGE, severity="high"),
)
ADA, BOB = "ada/1", "bob"


class Backend:
    """Calls a service by its API key, and as the page of a person."""

    def __init__(self, http: httpx.AsyncClient, key: str, identifier: str) -> None:
        self._http = http
        self._key = key
        self._identifier = identifier

    async def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        authorization = f"Bearer {token}" if token else f"ApiKey {self._key}"
        answer = await self._http.request(method, path, json=body, headers={"Authorization": authorization})
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def trigger(self, name: str, to: Any, n: int, **fields: Any) -> None:
        body = {"name": name, "to": to, "payload": {"n": n, "total": 9}, **fields}
        answer = await self.call("POST", "/v1/events/trigger", body)
        assert answer["data"]["status"] == "processed", answer

    async def session(self, subscriber_id: str) -> str:
        """The token of a person's page."""
        body = {
            "applicationIdentifier": self._identifier,
            "subscriber": {"subscriberId": subscriber_id},
            "subscriberHash": subscriber_hash(self._key, subscriber_id),
        }
        token: str = (await self.call("POST", "/v1/inbox/session", body))["data"]["token"]
        return token

    async def readings(self) -> dict[str, Any]:
        """Everything that is asked for, by path; that of pages with the subscriberId before it."""
        answers = {path: await self.call("GET", path) for path in READINGS}
        for person in (ADA, BOB):
            token = await self.session(person)
            answers |= {f"{person} {path}": await self.call("GET", path, token=token) for path in INBOX_READINGS}
        return answers


async def live(backend: Backend) -> None:
    """Do what backends and people do."""
    for body in WORKFLOWS:
        await backend.call("POST", "/v2/workflows", body)
    await backend.call(
        "POST", "/v2/subscribers", {"subscriberId": ADA, "firstName": "Ada", "data": {"plan": "pro"}, "locale": "en_US"}
    )
    for name in (BOB, WAITING):
        await backend.call("POST", "/v2/subscribers", {"subscriberId": name, "email": f"{name}@example.com"})
    await backend.call("POST", "/v2/topics", {"key": "news", "name": "News"})
    await backend.call("POST", "/v2/topics/news/subscriptions", {"subscriberIds": [ADA, BOB]})
    await backend.call("POST", "/v1/tenants", {"identifier": "acme", "name": "Acme"})
    for n in range(1, 7):
        await backend.trigger("order", ADA, n, transactionId=f"order-{n}")
    await backend.trigger("urgent", [{"type": "Topic", "topicKey": "news"}], 7, transactionId="urgent-7")
    await backend.trigger("order", ADA, 8, context={"team": "red"})
    await backend.trigger("later", WAITING, 9, transactionId="later-9")
    ada = await backend.session(ADA)
    listed = (await backend.call("GET", "/v1/inbox/notifications?limit=100", token=ada))["data"]
    ids = {one["subject"]: one["id"] for one in listed}
    changes = (("Order 1", "read"), ("Order 2", "archive"), ("Order 4", "complete"), ("Order 5", "read"))
    for subject, verb in changes:
        body = {"actionType": "primary"} if verb == "complete" else None
        await backend.call("PATCH", f"/v1/inbox/notifications/{ids[subject]}/{verb}", body, token=ada)
    await backend.call("PATCH", f"/v1/inbox/notifications/{ids['Order 5']}/unread", token=ada)
    await backend.call("DELETE", f"/v1/inbox/notifications/{ids['Order 3']}/delete", token=ada)
    await backend.call(
        "PATCH", f"/v2/subscribers/{BOB}/preferences", {"channels": {"in_app": False}, "workflowId": "order"}
    )
    await backend.trigger("order", BOB, 10, transactionId="suppressed-10")


def dump(store: StoreServer) -> dict[str, str]:
    """Every key as text. What expires does not any more: the data is as good as on its day."""
    with connect(store.url) as client:
        keys = sorted(client.keys("*"))
        return {key.decode(): base64.b64encode(client.dump(key)).decode() for key in keys}


async def write(checkout: Path, home: Path) -> dict[str, Any]:
    binary = TOOLS["redis-server"].find()
    assert binary is not None, TOOLS["redis-server"].install
    with running_store(binary) as store:
        port = free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
        settings = {"INBOX_REDIS_URL": store.url, "INBOX_PORT": str(port), "INBOX_SECRET_KEY": SECRET_KEY}
        env = {**inherited, "PYTHONPATH": str(checkout), **settings}
        command = [sys.executable, "-m", "inbox"]
        process = ChildProcess([*command, "serve"], env=env, cwd=checkout, log_path=home / "log")
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as http:
                await _ready(http, process)
                keys = await _keys(command, env, checkout)
                backend = Backend(http, keys["apiKeys"][0], keys["applicationIdentifier"])
                await live(backend)
                version = (await backend.call("GET", "/health"))["version"]
                answers = await backend.readings()
        finally:
            process.terminate()
        return {"version": version, **keys, "answers": answers, "store": dump(store)}


async def _ready(http: httpx.AsyncClient, process: ChildProcess) -> None:
    while True:
        assert process.exit_code is None, process.log()
        try:
            if (await http.get("/ready")).status_code == 200:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)


async def _keys(command: list[str], env: dict[str, str], cwd: Path) -> dict[str, Any]:
    asked = await asyncio.create_subprocess_exec(
        *command, "keys", "--json", env=env, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    told = json.loads((await asked.communicate())[0])
    return {name: told[name] for name in ("apiKeys", "applicationIdentifier")}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        data = asyncio.run(write(Path(sys.argv[1]).resolve(), Path(directory)))
    json.dump(data, sys.stdout, indent=1, sort_keys=True)
    print()
