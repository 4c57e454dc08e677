"""Examples of bodies and parameters, and those of answers, which are made from their schemas.

They tell one story: Ada, a subscriber, gets messages of the workflow `welcome`, also through the topic `news`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from inbox.openapi.schemas import SchemaObject, Schemas

ID = "65f0c1a2b3d4e5f60718293a"
DATE = "2026-01-31T10:00:00.000Z"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
APPLICATION = "app-1a2b3c4d"
MAX_DEPTH = 12

T = TypeVar("T")

ADA: SchemaObject = {"subscriberId": "ada", "firstName": "Ada", "email": "ada@example.com", "locale": "en"}
TRIGGER: SchemaObject = {
    "name": "welcome",
    "to": [ADA, "grace", {"type": "Topic", "topicKey": "news", "exclude": ["linus"]}],
    "payload": {"product": "inbox"},
    "transactionId": "order-1815",
}
STEP: SchemaObject = {
    "name": "Message",
    "type": "in_app",
    "controlValues": {
        "subject": "Welcome, {{subscriber.firstName}}",
        "body": "Thank you for trying {{payload.product}}.",
        "primaryAction": {"label": "Open", "redirect": {"url": "/start", "target": "_self"}},
        "data": {"product": "{{payload.product}}"},
    },
}
WORKFLOW: SchemaObject = {
    "name": "Welcome",
    "workflowId": "welcome",
    "tags": ["onboarding"],
    "severity": "low",
    "payloadSchema": {"type": "object", "properties": {"product": {"type": "string"}}},
    "validatePayload": True,
    "steps": [{"name": "A minute", "type": "delay", "controlValues": {"amount": 1, "unit": "minutes"}}, STEP],
}

BODIES: dict[str, SchemaObject] = {
    "TriggerRequest": TRIGGER,
    "BulkRequest": {"events": [{"name": "welcome", "to": "ada", "payload": {"product": "inbox"}}]},
    "BroadcastRequest": {"name": "welcome", "payload": {"product": "inbox"}},
    "CreateSubscriber": {**ADA, "timezone": "Europe/London", "data": {"plan": "pro"}},
    "BulkCreate": {"subscribers": [ADA, {"subscriberId": "grace", "firstName": "Grace"}]},
    "Profile": {"firstName": "Ada", "avatar": "https://example.com/ada.png", "phone": None},
    "OnlineStatus": {"isOnline": True},
    "ChannelCredentials": {"providerId": "fcm", "credentials": {"deviceTokens": ["token-of-a-phone"]}},
    "V1GlobalUpdate": {"preferences": [{"type": "email", "enabled": False}]},
    "V1WorkflowUpdate": {"channel": {"type": "in_app", "enabled": True}},
    "V2Update": {"workflowId": "welcome", "channels": {"in_app": True}},
    "V2Bulk": {"preferences": [{"workflowId": "welcome", "channels": {"in_app": True}}]},
    "InboxUpdate": {
        "in_app": True,
        "schedule": {
            "isEnabled": True,
            "weeklySchedule": {"monday": {"isEnabled": True, "hours": [{"start": "09:00 AM", "end": "05:00 PM"}]}},
        },
    },
    "InboxBulk": {"preferences": [{"workflowId": "welcome", "in_app": True}]},
    "InboxWorkflowUpdate": {"in_app": True},
    "MarkAs": {"markAs": "read", "messageId": [ID]},
    "LegacyMarkAs": {"messageId": ID, "mark": {"seen": True, "read": True}},
    "MarkAll": {"markAs": "read"},
    "MessageEdit": {"body": "It has left us.", "severity": "low", "expiresAt": "2030-01-31T10:00:00.000Z"},
    "MessageAction": {"status": "done", "payload": {"answer": "yes"}},
    "TenantCreate": {"identifier": "acme", "name": "Acme", "data": {"color": "#0070f3"}},
    "TenantUpdate": {"name": "Acme Limited"},
    "TopicCreateV1": {"key": "news", "name": "News"},
    "TopicUpsert": {"key": "news", "name": "News"},
    "TopicRename": {"name": "News of the week"},
    "TopicSubscribers": {"subscribers": ["ada"]},
    "SubscriptionsRequest": {"subscriptions": [{"subscriberId": "ada", "identifier": "tk_news:si_ada"}]},
    "SubscriptionPatch": {"preferences": [{"workflowId": "welcome", "enabled": False}]},
    "EnvironmentCreate": {"name": "Staging", "color": "#0070f3"},
    "WebhookRequest": {"url": "https://hooks.example/inbox", "events": ["message.actioned"]},
    "ReplayRequest": {"offset": 0},
    "IntegrationCreate": {"providerId": "novu", "channel": "in_app", "name": "In-app"},
    "IntegrationUpdate": {"name": "In-app", "active": True},
    "OrganizationRename": {"name": "Acme"},
    "Branding": {"logo": "https://example.com/logo.png", "color": "#0070f3", "direction": "ltr"},
    "GroupRequest": {"name": "Marketing"},
    "ContextCreate": {"type": "app", "id": "web", "data": {"region": "eu"}},
    "ContextUpdate": {"data": {"region": "us"}},
    "Seen": {"notificationIds": [ID]},
    "BulkFilter": {"tags": ["onboarding"], "data": {"product": "inbox"}},
    "Snooze": {"snoozeUntil": DATE},
    "ButtonAction": {"actionType": "primary"},
    "NamedFeedRequest": {"name": "offers"},
    "OverrideCreate": {"workflowId": ID, "tenantId": "acme", "active": False},
    "OverrideChange": {"preferenceSettings": {"in_app": True}},
    "WorkflowV1": {
        "name": "Welcome",
        "tags": ["onboarding"],
        "active": True,
        "steps": [
            {
                "name": "Message",
                "template": {
                    "type": "in_app",
                    "content": "Thank you for trying {{product}}.",
                    "cta": {"type": "redirect", "data": {"url": "/start"}},
                },
            }
        ],
    },
    "WorkflowStatus": {"active": True},
    "WorkflowCreate": WORKFLOW,
    "WorkflowUpdate": {**WORKFLOW, "steps": [STEP]},
    "WorkflowPatch": {"active": True, "description": None},
    "PreviewRequest": {
        "controlValues": {"body": "Thank you for trying {{payload.product}}."},
        "previewPayload": {"payload": {"product": "inbox"}, "subscriber": {"firstName": "Ada"}},
    },
    "UnsavedPreviewRequest": {
        "workflow": {"name": "Welcome", "steps": [STEP]},
        "step": 0,
        "previewPayload": {"payload": {"product": "inbox"}},
    },
    "SessionRequest": {
        "applicationIdentifier": APPLICATION,
        "subscriber": {"subscriberId": "ada", "firstName": "Ada"},
        "subscriberHash": HASH,
    },
    "OwnSubscription": {"topic": {"name": "News"}, "preferences": ["welcome"]},
    "WidgetSessionRequest": {
        "applicationIdentifier": APPLICATION,
        "subscriberId": "ada",
        "hmacHash": HASH,
        "firstName": "Ada",
    },
    "InFeeds": {},
    "BulkDelete": {"messageIds": [ID]},
    "UsageLog": {"name": "opened", "payload": {"place": "header"}},
}
"""Name of the type of a body → an example."""

PARAMETERS = {
    "actionType": ("Which button: `primary` or `secondary`", "primary"),
    "actions/type": ("Which button: `primary` or `secondary`", "primary"),
    "environmentId": ("The environment's `_id` or identifier", ID),
    "externalReference": ("The producer's own reference of the messages", "order-1815"),
    "externalSubscriberId": ("The subscriber's subscriberId", "ada"),
    "feedId": ("The named feed's `_id`", ID),
    "groupId": ("The group's `_id`", ID),
    "id": ("The context's id", "web"),
    "integrationId": ("The integration's `_id`", ID),
    "keyId": ("The API key's `id`", ID),
    "messageId": ("The message's `_id`", ID),
    "notificationId": ("The notification's `id`", ID),
    "overrideId": ("The override's `_id`", ID),
    "get preferences/parameter": ("The level: `global` or `template`", "global"),
    "patch preferences/parameter": ("The workflow's identifier or `_id`", "welcome"),
    "providerId": ("The provider", "fcm"),
    "stepId": ("The step's stepId or `_id`", "message"),
    "subscriberId": ("The caller's own id of the subscriber", "ada"),
    "subscriptionId": ("The subscription's identifier", "tk_news:si_ada"),
    "subscriptions/identifier": ("The subscription's identifier", "tk_news:si_ada"),
    "tenantId": ("The tenant's `_id` or identifier", "acme"),
    "tenants/identifier": ("The tenant's identifier", "acme"),
    "topicKey": ("The topic's key", "news"),
    "transactionId": ("The trigger's transactionId", "order-1815"),
    "type": ("The context's type", "app"),
    "workflowId": ("The workflow's identifier or `_id`", "welcome"),
}
"""Name of a path parameter → its description and an example. Before an ambiguous name stands the path segment that
precedes it, and the method where that decides."""

TEXTS = {
    "applicationIdentifier": APPLICATION,
    "avatar": "https://example.com/ada.png",
    **dict.fromkeys(("body", "content"), "Thank you for trying inbox."),
    **dict.fromkeys(("channel", "channels"), "in_app"),
    "code": "SUBSCRIBER_NOT_FOUND",
    "color": "#0070f3",
    "contextKeys": "app:web",
    "description": "The first message",
    "detail": "Message stored in the feed",
    "email": "ada@example.com",
    "end": "05:00 PM",
    "errorId": "5bdfa45e-5d9f-4c5c-9d2c-7a5d3e4f1b60",
    **dict.fromkeys(("externalSubscriberId", "subscriberId", "subscribers", "succeeded"), "ada"),
    "firstName": "Ada",
    "id": "web",
    **dict.fromkeys(("identifier", "templateIdentifier", "workflowId"), "welcome"),
    **dict.fromkeys(("key", "topicKey", "topics"), "news"),
    "label": "Open",
    "lastName": "Lovelace",
    "locale": "en",
    "logo": "https://example.com/logo.png",
    "message": "Validation error",
    "name": "Welcome",
    "notFound": "linus",
    "origin": "novu-cloud",
    "path": "/v1/events/trigger",
    "phone": "+441234567890",
    "providerId": "novu",
    "slug": "welcome_wf_1a2b3c4d",
    "source": "Internal",
    "start": "09:00 AM",
    "status": "deleted",
    **dict.fromkeys(("stepId", "uuid"), "message"),
    "subject": "Welcome, Ada",
    "subscriptionId": "tk_news:si_ada",
    "tags": "onboarding",
    "timezone": "Europe/London",
    "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
    "transactionId": "order-1815",
    "type": "app",
    "url": "/start",
    "version": "1.0.0",
}
"""Name of a text → an example: a name means the same everywhere."""

PREFERRED = (
    *("processed", "done", "completed", "Success", "sent", "ACTIVE", "requested"),
    *("in_app", "primary", "fcm", "dev", "global", "subscriber", "none", "system_icon", "_self", "ltr", "event"),
)
"""The value to show of an enumeration that has several."""
TRUE = {"acknowledged", "active", "connected", "enabled", "isOnline", "isSeen", "primary", "seen", "success"}
"""Flags that examples show as set."""


def parameter(method: str, path: str, name: str) -> tuple[str, str]:
    """Return the description and an example of a path parameter. Raise LookupError if it has none."""
    qualified = f"{path.partition(f'/{{{name}}}')[0].rpartition('/')[2]}/{name}"
    known_name = next((key for key in (f"{method} {qualified}", qualified) if key in PARAMETERS), name)
    return entry(PARAMETERS, known_name, "inbox/openapi/examples.py, PARAMETERS")


def body(name: str) -> SchemaObject:
    """Return an example of a type of body. Raise LookupError if it has none."""
    return entry(BODIES, name, "inbox/openapi/examples.py, BODIES")


def entry(table: Mapping[str, T], name: str, location: str) -> T:
    """Return an entry of a table. Raise LookupError that names the table for one that was forgotten."""
    if name not in table:
        raise LookupError(f"{location}: add an entry for {name!r}")
    return table[name]


def error(status: int) -> SchemaObject:
    body = {"statusCode": status, "timestamp": DATE, "path": TEXTS["path"], "message": HTTPStatus(status).phrase}
    errors = {"errors": {"general": {"messages": ["Object missing required field `name`"]}}} if status == 422 else {}
    return {**body, "ctx": {}, **errors}


def example_of(schema: SchemaObject, schemas: Schemas, name: str = "", depth: int = 0) -> Any:
    """Return a value of the schema with all required fields, and the optional ones that TEXTS names."""
    schema = schemas.resolve(schema)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return example_of(options[0], schemas, name, depth)
    if "enum" in schema:
        return next((word for word in PREFERRED if word in schema["enum"]), schema["enum"][0])
    if "examples" in schema:
        return schema["examples"][0]
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, depth)
        case "array":
            return [example_of(schema["items"], schemas, name, depth + 1)] if depth < MAX_DEPTH else []
        case "string":
            return TEXTS.get(name, "text")
        case "boolean":
            return name in TRUE
        case "integer" | "number":
            return schema.get("minimum", 0)
        case _:
            return None


def _object(schema: SchemaObject, schemas: Schemas, depth: int) -> SchemaObject:
    required = schema.get("required", [])
    shown = {name: part for name, part in schema.get("properties", {}).items() if name in required or name in TEXTS}
    return {name: example_of(part, schemas, name, depth + 1) for name, part in shown.items()}
