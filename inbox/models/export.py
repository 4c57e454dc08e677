"""The document that holds everything of one subscriber (docs/export.md); it is ours, not the original's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.message import Message, entity
from inbox.models.preference import GLOBAL, Choice, Preferences
from inbox.models.subscriber import Subscriber, subscriber_view
from inbox.models.topic import Subscription, Topic, topic_reference
from inbox.models.workflow import Workflow

FORMAT = "inbox.subscriber/1"


def head_view(
    environment: Environment,
    subscriber: Subscriber,
    preferences: Preferences,
    workflows: Mapping[str, Workflow],
    at: str,
) -> dict[str, Any]:
    """What the document begins with: who it is about, and what this person chose. `workflows` are by `_id`."""
    return {
        "format": FORMAT,
        "exportedAt": at,
        "environment": {"_id": environment.id, "name": environment.name},
        "subscriber": subscriber_view(subscriber, environment),
        "preferences": {
            "global": _choice_view(preferences.everywhere),
            "workflows": [
                {"_workflowId": name, **_named(workflows.get(name)), **_choice_view(choice)}
                for name, choice in preferences.choices.items()
                if name != GLOBAL
            ],
        },
    }


def subscription_of(topic_oid: str, topic: Topic | None, subscription: Subscription) -> dict[str, Any]:
    """One subscription; of a topic that is just being deleted only the id is known."""
    return {
        "_id": subscription.id,
        "identifier": subscription.identifier,
        **({"name": subscription.name} if subscription.name is not None else {}),
        "topic": topic_reference(topic) if topic else {"_id": topic_oid},
        "preferences": [{"_workflowId": one.workflow_id, "enabled": one.enabled} for one in subscription.preferences],
        "contextKeys": subscription.context_keys,
        "createdAt": iso(subscription.created_ms),
        "updatedAt": iso(subscription.updated_ms),
    }


def message_of(message: Message, environment: Environment) -> dict[str, Any]:
    """One message as it is now: the entity of the API, with the producer's own name for it."""
    reference = message.stored.external_reference
    return entity(message, environment) | ({"externalReference": reference} if reference is not None else {})


def outcome_of(ms: int, outcome: str, **told: str) -> dict[str, Any]:
    """One row of the activity; `told` is what is known beside its time and outcome, empty texts are left out."""
    return {"at": iso(ms), "outcome": outcome, **{name: value for name, value in told.items() if value}}


def _named(workflow: Workflow | None) -> dict[str, Any]:
    return {"workflowId": workflow.identifier} if workflow else {}


def _choice_view(choice: Choice) -> dict[str, Any]:
    return {
        "channels": choice.channels,
        **({"schedule": choice.schedule} if choice.schedule else {}),
        **({"updatedAt": iso(choice.updated_ms)} if choice.updated_ms else {}),
    }
