"""The parts of a subscriber's export (docs/export.md)."""

from __future__ import annotations

from collections.abc import Mapping

from inbox.models import wire
from inbox.models.dates import iso, timestamps
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.message import Message
from inbox.models.message_views import entity
from inbox.models.preference import GLOBAL, Choice, Preferences
from inbox.models.subscriber import Subscriber, subscriber_view
from inbox.models.topic import Subscription, Topic, topic_reference
from inbox.models.workflow import Workflow


def head_view(
    environment: Environment,
    subscriber: Subscriber,
    preferences: Preferences,
    workflows: Mapping[str, Workflow],
    at: str,
) -> wire.ExportHead:
    """Return the head of the document: environment, subscriber and preferences. `workflows` are by `_id`."""
    return {
        "format": "inbox.subscriber/1",
        "exportedAt": at,
        "environment": {"_id": environment.id, "name": environment.name},
        "subscriber": subscriber_view(subscriber, environment),
        "preferences": {
            "global": _choice_view(preferences.global_choice),
            "workflows": [
                {"_workflowId": oid, **_identifier(workflows.get(oid)), **_choice_view(choice)}
                for oid, choice in preferences.choices.items()
                if oid != GLOBAL
            ],
        },
    }


def subscription_of(topic_oid: str, topic: Topic | None, subscription: Subscription) -> JsonObject:
    """Return one subscription; its topic is reduced to the id while that is being deleted."""
    return {
        "_id": subscription.id,
        "identifier": subscription.identifier,
        **({"name": subscription.name} if subscription.name is not None else {}),
        "topic": topic_reference(topic) if topic else {"_id": topic_oid},
        "preferences": [{"_workflowId": one.workflow_id, "enabled": one.enabled} for one in subscription.preferences],
        "contextKeys": subscription.context_keys,
        **timestamps(subscription.created_ms, subscription.updated_ms),
    }


@wire.without_nulls
def message_of(message: Message, environment: Environment) -> wire.ExportedMessage:
    """Return one message: its entity with the external reference."""
    return {**entity(message, environment), "externalReference": message.stored.external_reference}


def outcome_of(ms: int, outcome: str, **details: str) -> JsonObject:
    """Return one row of the activity, without empty details."""
    return {"at": iso(ms), "outcome": outcome, **{name: value for name, value in details.items() if value}}


def _identifier(workflow: Workflow | None) -> JsonObject:
    return {"workflowId": workflow.identifier} if workflow else {}


def _choice_view(choice: Choice) -> JsonObject:
    return {
        "channels": choice.channels,
        **({"schedule": choice.schedule} if choice.schedule else {}),
        **({"updatedAt": iso(choice.updated_ms)} if choice.updated_ms else {}),
    }
