"""The client that `openapi-python-client` generates of the document: complete, and its typed calls at a service."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from inbox.openapi.document import encoded_document
from tests.support.client import subscriber_hash
from tests.support.server import Server

PACKAGE = "generated_inbox_client"
RUN_SECONDS = 300


class Generated:
    """The generated package: its operations by operationId, its models by their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def operation(self, tag: str, name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.api.{tag.replace('-', '_')}.{name}")

    def model(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{PACKAGE}.models"), name)

    def client(self, server: Server, token: str, prefix: str) -> Any:
        package = importlib.import_module(PACKAGE)
        return package.AuthenticatedClient(
            base_url=server.url, token=token, prefix=prefix, httpx_args={"trust_env": False}
        )

    def open_client(self, server: Server) -> Any:
        return importlib.import_module(PACKAGE).Client(base_url=server.url, httpx_args={"trust_env": False})


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    """The client, generated without a warning, and importable."""
    home = tmp_path_factory.mktemp("python")
    (home / "openapi.json").write_bytes(encoded_document())
    (home / "config.yml").write_text("post_hooks: []\n")
    options = ["--path", "openapi.json", "--config", "config.yml", "--output-path", PACKAGE, "--meta", "none"]
    ended = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", *options, "--fail-on-warning"],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "warning" not in (ended.stdout + ended.stderr).lower()
    sys.path.insert(0, str(home))
    try:
        yield Generated(home / PACKAGE)
    finally:
        sys.path.remove(str(home))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def snake(name: str) -> str:
    """Return an operationId as the generator names its module."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_every_operation_is_generated_and_every_module_is_imported(generated: Generated) -> None:
    operations = [one for path in orjson.loads(encoded_document())["paths"].values() for one in path.values()]
    for one in operations:
        module = generated.operation(one["tags"][0], snake(one["operationId"]))
        assert callable(module.asyncio_detailed), one["operationId"]
    files = [path for path in (generated.folder / "api").glob("*/*.py") if path.name != "__init__.py"]
    assert len(files) == len(operations)


async def test_a_backend_calls_in_types(generated: Generated, server: Server) -> None:
    client = generated.client(server, server.api_key, "ApiKey")
    model = generated.model
    async with client:
        step = model("InAppStepUpsert")(
            name="Message",
            type_=model("InAppStepUpsertType")("in_app"),
            control_values=model("InAppControlsUpsert")(
                body="Hi {{payload.n}}", primary_action=model("ActionUpsert")(label="Yes")
            ),
        )
        workflow = model("WorkflowCreate")(name="Greeting", workflow_id="greeting", steps=[step])
        created = await generated.operation("workflows", "create_workflow").asyncio(client=client, body=workflow)
        assert isinstance(created, model("CreatedWorkflowResponse"))
        assert (created.data.workflow_id, created.data.steps[0].type_.value) == ("greeting", "in_app")

        ada = model("CreateSubscriber")(subscriber_id="ada", first_name="Ada")
        known = await generated.operation("subscribers", "create_subscriber").asyncio(client=client, body=ada)
        assert isinstance(known.data, model("SubscriberReply"))
        assert (known.data.subscriber_id, known.data.first_name, known.data.is_online) == ("ada", "Ada", False)
        assert (known.data.created_at.tzinfo, known.data.created_at) == (UTC, known.data.updated_at)

        topic = model("TopicUpsert")(key="news", name="News")
        made = await generated.operation("topics", "create_topic").asyncio(client=client, body=topic)
        assert (made.data.key, made.data.name) == ("news", "News")
        members = model("SubscriptionsRequest")(subscriptions=["ada", model("SubscriptionItem")(subscriber_id="grace")])
        joined = await generated.operation("topics", "create_topic_subscriptions").asyncio(
            "news", client=client, body=members
        )
        assert (joined.meta.successful, joined.meta.failed) == (1, 1)
        assert joined.data[0].subscriber.subscriber_id == "ada"

        trigger = model("TriggerRequest")(
            name="greeting",
            to=["ada", model("TopicRecipient")(topic_key="news"), model("SubscriberRecipient")(subscriber_id="grace")],
            payload=model("TriggerRequestPayload").from_dict({"n": 7}),
            transaction_id="first",
        )
        reply = await generated.operation("events", "trigger_event").asyncio(client=client, body=trigger)
        assert isinstance(reply, model("TriggerResponse"))
        assert (reply.data.status.value, reply.data.transaction_id) == ("processed", "first")

        listed = await generated.operation("messages", "list_messages").asyncio(client=client, transaction_id=["first"])
        assert [message.content for message in listed.data] == ["Hi 7", "Hi 7"]
        page = await generated.operation("notifications", "list_activities").asyncio(
            client=client, transaction_id=["first"], subscriber_ids=["ada"]
        )
        assert [(one.to.subscriber_id, one.jobs[0].status.value) for one in page.data] == [("ada", "completed")]
        marked = await generated.operation("subscribers", "mark_subscriber_messages_as").asyncio(
            "ada",
            client=client,
            body=model("MarkAs")(mark_as=model("Mark")("read"), message_id=[m.field_id for m in listed.data]),
        )
        assert [message.read for message in marked.data] == [True]


async def test_a_refusal_is_typed_too(generated: Generated, server: Server) -> None:
    async with generated.client(server, server.api_key, "ApiKey") as client:
        refused = await generated.operation("subscribers", "get_subscriber").asyncio_detailed("nobody", client=client)
    assert refused.status_code == 404
    assert isinstance(refused.parsed, generated.model("ErrorReply"))
    assert (refused.parsed.status_code, refused.parsed.path) == (404, "/v2/subscribers/nobody")


async def test_a_page_calls_in_types(generated: Generated, server: Server) -> None:
    model = generated.model
    async with generated.client(server, server.api_key, "ApiKey") as client:
        step = model("InAppStepUpsert")(
            name="Message",
            type_=model("InAppStepUpsertType")("in_app"),
            control_values=model("InAppControlsUpsert")(body="Hi", primary_action=model("ActionUpsert")(label="Yes")),
        )
        workflow = model("WorkflowCreate")(name="Greeting", workflow_id="greeting", steps=[step], tags=["greetings"])
        await generated.operation("workflows", "create_workflow").asyncio(client=client, body=workflow)
        trigger = model("TriggerRequest")(name="greeting", to="ada")
        await generated.operation("events", "trigger_event").asyncio(client=client, body=trigger)
    async with generated.open_client(server) as anybody:
        request = model("SessionRequest")(
            application_identifier=server.application_identifier,
            subscriber=model("SubscriberRecipient")(subscriber_id="ada"),
            subscriber_hash=subscriber_hash(server.api_key, "ada"),
        )
        session = await generated.operation("inbox", "open_inbox_session").asyncio(client=anybody, body=request)
        assert isinstance(session.data, model("SessionReply"))
        assert session.data.unread_count.total == 1
    async with generated.client(server, session.data.token, "Bearer") as page:
        inbox = await generated.operation("inbox", "list_inbox_notifications").asyncio(
            client=page, tags=["greetings", "others"], read=False
        )
        [notification] = inbox.data
        assert isinstance(notification, model("NotificationReply"))
        assert (notification.body, notification.to.subscriber_id, notification.is_read) == ("Hi", "ada", False)
        counts = await generated.operation("inbox", "count_inbox_notifications").asyncio(
            client=page, filters=orjson.dumps([{"read": False, "snoozed": False}]).decode()
        )
        assert [one.count for one in counts.data] == [1]
        read = await generated.operation("inbox", "mark_inbox_notification_read").asyncio(notification.id, client=page)
        assert read.data.is_read is True
        done = await generated.operation("inbox", "complete_inbox_notification_action").asyncio(
            notification.id,
            client=page,
            body=model("ButtonAction")(action_type=model("ButtonActionActionType")("primary")),
        )
        assert done.data.primary_action.is_completed is True
        archived = await generated.operation("inbox", "archive_inbox_notifications").asyncio_detailed(
            client=page, body=model("BulkFilter")(tags=["greetings"])
        )
        assert archived.status_code == 204
        preferences = await generated.operation("inbox", "list_inbox_preferences").asyncio(client=page)
        assert [one.level.value for one in preferences.data] == ["global", "template"]
