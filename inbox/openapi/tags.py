"""Descriptions of the tags: a tag is the first segment of a path after the version."""

from __future__ import annotations

TAGS: dict[str, str] = {
    "events": "Triggers: a workflow gives its recipients messages.",
    "subscribers": "People who receive, with their profiles, preferences, feeds and notifications.",
    "messages": "Messages of all subscribers, for backends.",
    "notifications": "Activity: what triggers did, recipient by recipient and step by step.",
    "execution-details": "What happened when the steps of an activity ran.",
    "tenants": "Customers of the caller, which triggers may name.",
    "topics": "Named groups of subscribers, and their subscriptions.",
    "environments": "Environments, and the keys and tags of the API key's own.",
    "webhook": "Where the events of the environment go, and the events that did not arrive.",
    "integrations": "The in-app integration, the one channel of this service.",
    "organizations": "The organization and its branding.",
    "notification-groups": "Groups that a backend sorts its workflows by.",
    "contexts": "What messages belong to beside their subscribers.",
    "changes": "Kept for clients of the original: always empty.",
    "layouts": "Kept for clients of the original: always empty.",
    "feeds": "Named parts of everybody's feed.",
    "workflow-overrides": "Whether a workflow is active for a tenant.",
    "workflows": "Workflows: kinds of messages, with their steps and templates.",
    "notification-templates": "Workflows by their older name.",
    "inbox": "Pages: the inbox of the subscriber whose session it is.",
    "widgets": "Pages of older clients: the feed of the subscriber whose session it is.",
    "health": "Whether the process is alive.",
    "ready": "Whether the service works with its store.",
}
