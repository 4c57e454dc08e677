"""Examples: of bodies and parameters by hand, of answers from their schemas.

The story is always the same: Ada, a subscriber, gets messages of the workflow `welcome`, also by the topic `news`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from inbox.models import (
    context,
    credentials,
    group,
    integration,
    named_feed,
    organization,
    session,
    subscriber,
    topic,
    workflow,
    workflow_override,
    workflow_v1,
)
from inbox.openapi import requests
from inbox.openapi.schemas import Schema, Schemas
from inbox.routes import feed, inbox_preferences, notifications, preferences, subscribers, widgets

ID = "65f0c1a2b3d4e5f60718293a"
DATE = "2026-01-31T10:00:00.000Z"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
APPLICATION = "app-1a2b3c4d"
MAX_DEPTH = 12

ADA: Schema = {"subscriberId": "ada", "firstName": "Ada", "email": "ada@example.com", "locale": "en"}
TRIGGER: Schema = {
    "name": "welcome",
    "to": [ADA, "grace", {"type": "Topic", "topicKey": "news", "exclude": ["linus"]}],
    "payload": {"product": "inbox"},
    "transactionId": "order-1815",
}
STEP: Schema = {
    "name": "Message",
    "type": "in_app",
    "controlValues": {
        "subject": "Welcome, {{subscriber.firstName}}",
        "body": "Thank you for trying {{payload.product}}.",
        "primaryAction": {"label": "Open", "redirect": {"url": "/start", "target": "_self"}},
        "data": {"product": "{{payload.product}}"},
    },
}
WORKFLOW: Schema = {
    "name": "Welcome",
    "workflowId": "welcome",
    "tags": ["onboarding"],
    "severity": "low",
    "payloadSchema": {"type": "object", "properties": {"product": {"type": "string"}}},
    "validatePayload": True,
    "steps": [{"name": "A minute", "type": "delay", "controlValues": {"amount": 1, "unit": "minutes"}}, STEP],
}

BODIES: Mapping[Any, Schema] = {
    requests.TriggerRequest: TRIGGER,
    requests.BulkRequest: {"events": [{"name": "welcome", "to": "ada", "payload": {"product": "inbox"}}]},
    requests.BroadcastRequest: {"name": "welcome", "payload": {"product": "inbox"}},
    requests.CreateSubscriber: {**ADA, "timezone": "Europe/London", "data": {"plan": "pro"}},
    requests.BulkCreate: {"subscribers": [ADA, {"subscriberId": "grace", "firstName": "Grace"}]},
    subscriber.Profile: {"firstName": "Ada", "avatar": "https://example.com/ada.png", "phone": None},
    subscribers.OnlineStatus: {"isOnline": True},
    credentials.Channel: {"providerId": "fcm", "credentials": {"deviceTokens": ["token-of-a-phone"]}},
    preferences.V1GlobalUpdate: {"preferences": [{"type": "email", "enabled": False}]},
    preferences.V1WorkflowUpdate: {"channel": {"type": "in_app", "enabled": True}},
    preferences.V2Update: {"workflowId": "welcome", "channels": {"in_app": True}},
    preferences.V2Bulk: {"preferences": [{"workflowId": "welcome", "channels": {"in_app": True}}]},
    inbox_preferences.InboxUpdate: {
        "in_app": True,
        "schedule": {
            "isEnabled": True,
            "weeklySchedule": {"monday": {"isEnabled": True, "hours": [{"start": "09:00 AM", "end": "05:00 PM"}]}},
        },
    },
    inbox_preferences.InboxBulk: {"preferences": [{"workflowId": "welcome", "in_app": True}]},
    inbox_preferences.InboxWorkflowUpdate: {"in_app": True},
    feed.MarkAs: {"markAs": "read", "messageId": [ID]},
    feed.LegacyMarkAs: {"messageId": ID, "mark": {"seen": True, "read": True}},
    feed.MarkAll: {"markAs": "read"},
    feed.MessageAction: {"status": "done", "payload": {"answer": "yes"}},
    requests.TenantCreate: {"identifier": "acme", "name": "Acme", "data": {"color": "#0070f3"}},
    requests.TenantUpdate: {"name": "Acme Limited"},
    topic.TopicCreateV1: {"key": "news", "name": "News"},
    topic.TopicUpsert: {"key": "news", "name": "News"},
    topic.TopicRename: {"name": "News of the week"},
    requests.TopicSubscribers: {"subscribers": ["ada"]},
    requests.SubscriptionsRequest: {"subscriptions": [{"subscriberId": "ada", "identifier": "tk_news:si_ada"}]},
    requests.SubscriptionPatch: {"preferences": [{"workflowId": "welcome", "enabled": False}]},
    integration.IntegrationCreate: {"providerId": "novu", "channel": "in_app", "name": "In-app"},
    integration.IntegrationUpdate: {"name": "In-app", "active": True},
    organization.OrganizationRename: {"name": "Acme"},
    organization.Branding: {"logo": "https://example.com/logo.png", "color": "#0070f3", "direction": "ltr"},
    group.GroupRequest: {"name": "Marketing"},
    context.ContextCreate: {"type": "app", "id": "web", "data": {"region": "eu"}},
    context.ContextUpdate: {"data": {"region": "us"}},
    requests.Seen: {"notificationIds": [ID]},
    requests.BulkFilter: {"tags": ["onboarding"], "data": {"product": "inbox"}},
    notifications.Snooze: {"snoozeUntil": DATE},
    notifications.ButtonAction: {"actionType": "primary"},
    named_feed.NamedFeedRequest: {"name": "offers"},
    workflow_override.OverrideCreate: {"workflowId": ID, "tenantId": "acme", "active": False},
    workflow_override.OverrideChange: {"preferenceSettings": {"in_app": True}},
    workflow_v1.WorkflowV1: {
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
    workflow_v1.WorkflowStatus: {"active": True},
    workflow.WorkflowCreate: WORKFLOW,
    workflow.WorkflowUpdate: {**WORKFLOW, "steps": [STEP]},
    workflow.WorkflowPatch: {"active": True, "description": None},
    requests.SessionRequest: {
        "applicationIdentifier": APPLICATION,
        "subscriber": {"subscriberId": "ada", "firstName": "Ada"},
        "subscriberHash": HASH,
    },
    requests.OwnSubscription: {"topic": {"name": "News"}, "preferences": ["welcome"]},
    session.WidgetSessionRequest: {
        "applicationIdentifier": APPLICATION,
        "subscriberId": "ada",
        "hmacHash": HASH,
        "firstName": "Ada",
    },
    widgets.InFeeds: {},
    widgets.BulkDelete: {"messageIds": [ID]},
    widgets.UsageLog: {"name": "opened", "payload": {"place": "header"}},
}

PARAMETERS = {
    "actionType": ("Which button: `primary` or `secondary`", "primary"),
    "actions/type": ("Which button: `primary` or `secondary`", "primary"),
    "environmentId": ("The environment's `_id` or identifier", ID),
    "externalSubscriberId": ("The subscriber's subscriberId", "ada"),
    "feedId": ("The named feed's `_id`", ID),
    "groupId": ("The group's `_id`", ID),
    "id": ("The context's id", "web"),
    "integrationId": ("The integration's `_id`", ID),
    "messageId": ("The message's `_id`", ID),
    "notificationId": ("The notification's `id`", ID),
    "overrideId": ("The override's `_id`", ID),
    "get preferences/parameter": ("The level: `global` or `template`", "global"),
    "patch preferences/parameter": ("The workflow's identifier or `_id`", "welcome"),
    "providerId": ("The provider", "fcm"),
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
"""Name of a path parameter → what it is, and an example. Where a name has several meanings the segment before it
stands in front, and the method where that decides."""

QUERY = {
    "after": "From where to go on: a page's `next`, a message's id or, of activities, an ISO 8601 date",
    "archived": "Only what is archived, or only what is not",
    "before": "Up to where: a page's `previous` or, of activities, an ISO 8601 date",
    "channel": "Only of this channel: messages are of `in_app`",
    "channels": "Only of these channels: activities are of `in_app`",
    "contextKeys": "Only of these contexts, each `type:id`",
    "createdGte": "Created at this time or later, in ms since 1970",
    "createdLte": "Created at this time or before, in ms since 1970",
    "criticality": "Which workflows: those that a person can switch off, the others, or all",
    "data": "The text of a JSON object: what the notification's `data` must hold",
    "dropUnsupportedSteps": "Leave out steps of other channels, which are refused otherwise",
    "email": "Anywhere in the e-mail address",
    "emails": "Only of subscribers with one of these e-mail addresses",
    "failIfExists": "Answer 409 where it exists",
    "feedId": "Only of named feeds",
    "feedIdentifier": "Only of named feeds, by their identifiers",
    "filters": 'The text of a JSON list of filters, such as `[{"read":false,"snoozed":false}]`; 30 at the most',
    "id": "The context's id",
    "includeCursor": "Whether the row of the cursor is in the page",
    "includeInactiveChannels": "Whether channels that no workflow uses are listed",
    "includeTopics": "Whether the keys of the subscriber's topics are listed",
    "key": "The topic's key, or a part of it in v2",
    "limit": "How many, at the most",
    "name": "The name, or a part of it in v2",
    "notificationId": "The activity's `_id`",
    "offset": "How many to leave out at the beginning",
    "orderBy": "What the rows are sorted by",
    "orderDirection": "Ascending or descending",
    "page": "Number of the page, from 0",
    "pageSize": "How many rows a page has",
    "payload": "The text of a JSON object: what the message's payload must hold",
    "phone": "Anywhere in the phone number",
    "query": "Anywhere in the name or the identifier",
    "read": "Only what is read, or only what is not",
    "search": "Anywhere in the text",
    "seen": "Only what is seen, or only what is not",
    "severity": "Only of these severities",
    "snoozed": "Only what is snoozed, or only what is not",
    "status": "Only with one of these states",
    "subscriberId": "Only of this subscriber",
    "subscriberIds": "Only of these subscribers",
    "tags": "One of these tags; groups, of each of which one is wanted, are `tags[0][]=a&tags[1][]=b`",
    "templates": "Only of these workflows, by their `_id`s",
    "transactionId": "Only of these transactions",
    "workflowIds": "Only the preferences of these workflows",
}
"""Name of a query parameter → what it is."""

TEXTS = {
    "applicationIdentifier": APPLICATION,
    "avatar": "https://example.com/ada.png",
    "body": "Thank you for trying inbox.",
    "channel": "in_app",
    "channels": "in_app",
    "code": "SUBSCRIBER_NOT_FOUND",
    "color": "#0070f3",
    "content": "Thank you for trying inbox.",
    "contextKeys": "app:web",
    "description": "The first message",
    "detail": "Message stored in the feed",
    "email": "ada@example.com",
    "end": "05:00 PM",
    "errorId": "5bdfa45e-5d9f-4c5c-9d2c-7a5d3e4f1b60",
    "externalSubscriberId": "ada",
    "firstName": "Ada",
    "id": "web",
    "identifier": "welcome",
    "key": "news",
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
    "stepId": "message",
    "subject": "Welcome, Ada",
    "subscriberId": "ada",
    "subscribers": "ada",
    "subscriptionId": "tk_news:si_ada",
    "succeeded": "ada",
    "tags": "onboarding",
    "templateIdentifier": "welcome",
    "timezone": "Europe/London",
    "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
    "topicKey": "news",
    "topics": "news",
    "transactionId": "order-1815",
    "type": "app",
    "url": "/start",
    "uuid": "message",
    "version": "1.0.0",
    "workflowId": "welcome",
}
"""Name of a text → an example: a name means the same wherever it stands."""


PREFERRED = (
    *("processed", "done", "completed", "Success", "sent", "ACTIVE", "requested"),
    *("in_app", "primary", "fcm", "dev", "global", "subscriber", "none", "system_icon", "_self", "ltr", "event"),
)
"""Words that tell the usual story, where an answer has one of several."""
TRUE = {"acknowledged", "active", "connected", "enabled", "isOnline", "isSeen", "primary", "seen", "success"}
"""Flags that are usually set."""


def parameter(method: str, path: str, name: str) -> tuple[str, str]:
    """Return what a path's parameter is, and an example. Raise KeyError for one that nobody described."""
    placed = f"{path.partition(f'/{{{name}}}')[0].rpartition('/')[2]}/{name}"
    return PARAMETERS.get(f"{method} {placed}") or PARAMETERS.get(placed) or PARAMETERS[name]


def error(status: int) -> Schema:
    """Return an error's body."""
    body = {"statusCode": status, "timestamp": DATE, "path": TEXTS["path"], "message": HTTPStatus(status).phrase}
    wrong = {"errors": {"general": {"messages": ["Object missing required field `name`"]}}} if status == 422 else {}
    return {**body, "ctx": {}, **wrong}


def example_of(schema: Schema, schemas: Schemas, name: str = "", depth: int = 0) -> Any:
    """Return a value of the schema with every required field, and optional ones that `name` texts are known for."""
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


def _object(schema: Schema, schemas: Schemas, depth: int) -> Schema:
    required = schema.get("required", [])
    shown = {name: part for name, part in schema.get("properties", {}).items() if name in required or name in TEXTS}
    return {name: example_of(part, schemas, name, depth + 1) for name, part in shown.items()}
