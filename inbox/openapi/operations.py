"""What every handler takes and answers: one line each, in the order of the paths."""

from __future__ import annotations

from collections.abc import Callable
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
    tenant,
    topic,
    trigger,
    workflow,
    workflow_override,
    workflow_v1,
)
from inbox.openapi import replies
from inbox.openapi.operation import Operation
from inbox.routes import (
    activity,
    contexts,
    empty,
    environments,
    events,
    feed,
    health,
    inbox,
    inbox_preferences,
    inbox_subscriptions,
    integrations,
    messages,
    named_feeds,
    notifications,
    organizations,
    personal_data,
    preferences,
    subscribers,
    subscriptions,
    tenants,
    topics,
    widgets,
    workflow_overrides,
    workflows,
    workflows_v1,
)

Schema = dict[str, Any]


def whole(low: int, high: int, default: int | None = None) -> Schema:
    """A whole number of the query."""
    schema: Schema = {"type": "integer", "minimum": low, "maximum": high}
    return schema if default is None else {**schema, "default": default}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
OBJECT_ID: Schema = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"}
PAGED = {"page": whole(0, 1_000_000, 0), "limit": whole(1, 100, 10)}
CURSOR = {"limit": whole(1, 100, 10), "after": TEXT, "before": TEXT, "includeCursor": FLAG}
CURSOR |= {"orderDirection": {"type": "string", "enum": ["ASC", "DESC"]}}
SEVERITIES: Schema = {"type": "array", "items": {"enum": ["high", "medium", "low", "none"]}}
NOTIFICATION_FILTER = {
    **dict.fromkeys(("read", "seen", "archived", "snoozed"), FLAG),
    "tags": TEXTS,
    "severity": SEVERITIES,
    "data": TEXT,
    "createdGte": whole(0, 2**48),
    "createdLte": whole(0, 2**48),
}
WIDGET_COUNT = {"limit": whole(1, 100, 100), "feedIdentifier": TEXTS}
ONE_NOTIFICATION = Operation(replies.NotificationReply)
NO_CONTENT = Operation(envelope="none", status=204)
FILTERED = Operation(envelope="none", status=204, body=notifications.BulkFilter)
ACTED = Operation(replies.NotificationReply, errors=[400])

OPERATIONS: dict[Callable[..., Any], Operation] = {
    events.trigger: Operation(replies.TriggerReply, status=201, body=trigger.TriggerRequest),
    events.trigger_bulk: Operation(replies.TriggerReply, "list", 201, trigger.BulkRequest),
    events.broadcast: Operation(replies.TriggerReply, status=201, body=trigger.BroadcastRequest),
    events.progress: Operation(replies.DispatchReply),
    events.cancel: Operation(bool),
    subscribers.list_numbered: Operation(replies.SubscriberReply, "page", query=PAGED),
    subscribers.create: Operation(replies.SubscriberReply, status=201, body=subscribers.CreateSubscriber),
    subscribers.create_many: Operation(replies.BulkSubscribersReply, status=201, body=subscribers.BulkCreate),
    subscribers.get: Operation(replies.SubscriberReply, query={"includeTopics": FLAG}),
    subscribers.update: Operation(replies.SubscriberReply, body=subscriber.Profile),
    subscribers.patch: Operation(replies.SubscriberReply, body=subscriber.Profile),
    subscribers.delete: Operation(replies.Acknowledged),
    subscribers.set_online_status: Operation(replies.SubscriberReply, body=subscribers.OnlineStatus),
    subscribers.set_credentials: Operation(replies.SubscriberReply, body=credentials.Channel),
    subscribers.add_credentials: Operation(replies.SubscriberReply, body=credentials.Channel),
    subscribers.drop_credentials: NO_CONTENT,
    subscribers.search: Operation(
        replies.SubscriberReply,
        "cursor",
        query={**CURSOR, "orderBy": TEXT, "email": TEXT, "phone": TEXT, "name": TEXT, "subscriberId": TEXT},
    ),
    subscribers.create_v2: Operation(
        replies.SubscriberReply,
        status=201,
        body=subscribers.CreateSubscriber,
        query={"failIfExists": FLAG},
        errors=[409],
    ),
    personal_data.export: Operation(replies.SubscriberExport, "bare"),
    personal_data.erase: Operation(replies.ErasedReply),
    preferences.list_v1: Operation(replies.PreferenceRow, "list", query={"includeInactiveChannels": FLAG}),
    preferences.update_v1_global: Operation(replies.PreferenceRow, body=preferences.V1GlobalUpdate),
    preferences.list_level: Operation(replies.PreferenceRow, "list", query={"includeInactiveChannels": FLAG}),
    preferences.update_v1_workflow: Operation(replies.PreferenceRow, body=preferences.V1WorkflowUpdate),
    preferences.get_v2: Operation(replies.PreferencesReply, query={"criticality": TEXT, "contextKeys": TEXTS}),
    preferences.update_v2: Operation(replies.PreferencesReply, body=preferences.V2Update),
    preferences.get_v2_global: Operation(replies.GlobalPreferenceReply),
    preferences.update_v2_bulk: Operation(replies.InboxPreference, "list", body=preferences.V2Bulk),
    inbox_preferences.list_preferences: Operation(
        replies.InboxPreference,
        "list",
        query={"tags": TEXTS, "severity": SEVERITIES, "criticality": TEXT},
    ),
    inbox_preferences.update_global: Operation(replies.InboxPreference, body=inbox_preferences.InboxUpdate),
    inbox_preferences.get_global: Operation(replies.InboxPreference),
    inbox_preferences.update_bulk: Operation(
        replies.InboxPreference, "list", body=inbox_preferences.InboxBulk, errors=[404]
    ),
    inbox_preferences.update_workflow: Operation(replies.InboxPreference, body=inbox_preferences.InboxWorkflowUpdate),
    inbox_preferences.update_subscription: Operation(
        replies.InboxPreference, body=inbox_preferences.InboxWorkflowUpdate
    ),
    feed.get_feed: Operation(
        replies.FeedItem,
        "items",
        query={**PAGED, "seen": FLAG, "read": FLAG, "feedIdentifier": TEXTS, "payload": TEXT},
    ),
    feed.count_unseen: Operation(
        replies.UnseenReply, query={"seen": FLAG, "limit": whole(0, 1_000, 100), "feedId": TEXTS}
    ),
    feed.mark_as: Operation(replies.MarkedMessage, "list", 201, feed.MarkAs),
    feed.mark_as_legacy: Operation(replies.FeedItem, "list", 201, feed.LegacyMarkAs),
    feed.mark_all: Operation(replies.Count, status=201, body=feed.MarkAll),
    feed.act: Operation(replies.ActedMessage, status=201, body=feed.MessageAction),
    subscriptions.list_of_subscriber: Operation(
        replies.ListedSubscription, "cursor", query={**CURSOR, "key": TEXT, "contextKeys": TEXTS}
    ),
    messages.list_messages: Operation(
        replies.MessageReply,
        "page",
        query={
            "page": whole(0, 1_000_000, 0),
            "limit": whole(1, 1_000, 10),
            "channel": {"enum": ["in_app", "email", "sms", "chat", "push"]},
            "subscriberId": TEXT,
            "transactionId": TEXTS,
            "contextKeys": TEXTS,
        },
        errors=[404],
    ),
    messages.delete_transaction: Operation(
        envelope="none", status=204, query={"channel": {"enum": ["in_app", "email", "sms", "chat", "push"]}}
    ),
    messages.delete_message: Operation(replies.Acknowledged),
    activity.list_activities: Operation(
        replies.ActivityReply,
        "page",
        query={
            "page": whole(0, 200, 0),
            "limit": whole(1, 50, 10),
            "channels": {"type": "array", "items": {"enum": list(activity.CHANNELS)}},
            "templates": {"type": "array", "items": OBJECT_ID},
            "emails": TEXTS,
            "subscriberIds": TEXTS,
            "severity": SEVERITIES,
            "search": TEXT,
            "transactionId": TEXTS,
            "contextKeys": TEXTS,
            "after": {"type": "string", "format": "date-time"},
            "before": {"type": "string", "format": "date-time"},
        },
    ),
    activity.get_activity: Operation(replies.ActivityReply),
    activity.list_execution_details: Operation(
        replies.ExecutionDetailReply,
        "list",
        query={"notificationId": {**OBJECT_ID, "required": True}, "subscriberId": TEXT},
        errors=[404],
    ),
    tenants.create: Operation(replies.TenantReply, status=201, body=tenant.TenantCreate, errors=[409]),
    tenants.list_tenants: Operation(replies.TenantReply, "page", query=PAGED),
    tenants.get: Operation(replies.TenantReply),
    tenants.update: Operation(replies.TenantReply, body=tenant.TenantUpdate, errors=[409]),
    tenants.delete: NO_CONTENT,
    topics.create_v1: Operation(replies.TopicCreatedV1, status=201, body=topic.TopicCreateV1, errors=[409]),
    topics.list_v1: Operation(
        replies.TopicReplyV1,
        "items",
        query={"page": whole(0, 1_000_000, 0), "pageSize": whole(1, 10, 10), "key": TEXT, "name": TEXT},
    ),
    topics.get_v1: Operation(replies.TopicReplyV1),
    topics.rename_v1: Operation(replies.TopicReplyV1, body=topic.TopicRename),
    topics.delete_v1: Operation(envelope="none", status=204, errors=[409]),
    topics.add_subscribers: Operation(dict[str, Any], body=topic.Subscribers),
    topics.remove_subscribers: Operation(envelope="none", status=204, body=topic.Subscribers),
    topics.get_member: Operation(replies.TopicMemberReply),
    topics.list_topics: Operation(
        replies.TopicReply, "cursor", query={**CURSOR, "orderBy": TEXT, "key": TEXT, "name": TEXT}
    ),
    topics.upsert: Operation(
        replies.TopicReply, status=201, body=topic.TopicUpsert, query={"failIfExists": FLAG}, errors=[409]
    ),
    topics.get: Operation(replies.TopicReply),
    topics.rename: Operation(replies.TopicReply, body=topic.TopicRename),
    topics.delete: Operation(replies.Acknowledged),
    subscriptions.list_of_topic: Operation(
        replies.ListedSubscription, "cursor", query={**CURSOR, "subscriberId": TEXT, "contextKeys": TEXTS}
    ),
    subscriptions.create: Operation(
        replies.SubscriptionsReply, "bare", 201, topic.SubscriptionsRequest, errors=[400]
    ),
    subscriptions.delete: Operation(replies.SubscriptionsReply, "bare", 200, topic.SubscriptionsRequest),
    subscriptions.get: Operation(replies.SubscriptionDetails, also=204),
    subscriptions.patch: Operation(replies.SubscriptionReply, body=topic.SubscriptionPatch),
    environments.list_environments: Operation(replies.EnvironmentReply, "list"),
    environments.get_mine: Operation(replies.EnvironmentReply),
    environments.list_keys: Operation(replies.ApiKeyReply, "list"),
    environments.list_tags: Operation(replies.TagReply, "list"),
    integrations.list_integrations: Operation(replies.IntegrationReply, "list"),
    integrations.create: Operation(replies.IntegrationReply, status=201, body=integration.IntegrationCreate),
    integrations.list_active: Operation(replies.IntegrationReply, "list"),
    integrations.in_app_status: Operation(replies.ActiveReply),
    integrations.update: Operation(replies.IntegrationReply, body=integration.IntegrationUpdate),
    integrations.set_primary: Operation(replies.IntegrationReply),
    organizations.list_organizations: Operation(replies.OrganizationReply, "list"),
    organizations.rename_organization: Operation(replies.OrganizationReply, body=organization.OrganizationRename),
    organizations.get_organization: Operation(replies.OrganizationReply),
    organizations.list_members: Operation(dict[str, Any], "list"),
    organizations.get_branding: Operation(replies.BrandingReply),
    organizations.set_branding: Operation(replies.BrandingReply, body=organization.Branding),
    organizations.list_groups: Operation(replies.GroupReply, "list"),
    organizations.create_group: Operation(replies.GroupReply, status=201, body=group.GroupRequest),
    organizations.get_group: Operation(replies.GroupReply),
    organizations.rename_group: Operation(replies.GroupReply, body=group.GroupRequest),
    organizations.delete_group: Operation(replies.Acknowledged),
    contexts.create: Operation(replies.ContextReply, status=201, body=context.ContextCreate),
    contexts.list_contexts: Operation(
        replies.ContextReply, "cursor", query={**CURSOR, "orderBy": TEXT, "id": TEXT, "search": TEXT}
    ),
    contexts.get: Operation(replies.ContextReply),
    contexts.update: Operation(replies.ContextReply, body=context.ContextUpdate),
    contexts.delete: NO_CONTENT,
    empty.numbered_page: Operation(dict[str, Any], "items", query=PAGED),
    empty.count: Operation(replies.Count),
    empty.layouts: Operation(replies.LayoutsReply),
    notifications.list_notifications: Operation(
        replies.NotificationPage,
        "bare",
        query={
            "limit": whole(1, 100, 10),
            "offset": whole(0, 1_000_000, 0),
            "after": OBJECT_ID,
            **NOTIFICATION_FILTER,
        },
    ),
    notifications.count_notifications: Operation(
        replies.Counts, "bare", query={"filters": TEXT}
    ),
    notifications.mark_seen: Operation(envelope="none", status=204, body=notifications.Seen),
    notifications.mark_all_read: FILTERED,
    notifications.archive_all: FILTERED,
    notifications.archive_all_read: FILTERED,
    notifications.delete_all: FILTERED,
    notifications.mark_read: ONE_NOTIFICATION,
    notifications.mark_unread: ONE_NOTIFICATION,
    notifications.archive: ONE_NOTIFICATION,
    notifications.unarchive: ONE_NOTIFICATION,
    notifications.snooze: Operation(
        replies.NotificationReply, body=notifications.Snooze, errors=[402]
    ),
    notifications.unsnooze: ONE_NOTIFICATION,
    notifications.complete: ACTED,
    notifications.revert: ACTED,
    notifications.delete: Operation(envelope="none", status=204),
    named_feeds.create_feed: Operation(
        replies.NamedFeedReply, status=201, body=named_feed.NamedFeedRequest, errors=[409]
    ),
    named_feeds.list_feeds: Operation(replies.NamedFeedReply, "list"),
    named_feeds.delete_feed: Operation(replies.NamedFeedReply, "list"),
    workflow_overrides.create_override: Operation(
        replies.OverrideReply, status=201, body=workflow_override.OverrideCreate, errors=[404]
    ),
    workflow_overrides.list_overrides: Operation(
        replies.OverrideReply, "page", query={"page": whole(0, 1_000, 0), "limit": whole(1, 100, 10)}
    ),
    workflow_overrides.get_override: Operation(replies.OverrideReply),
    workflow_overrides.update_override: Operation(replies.OverrideReply, body=workflow_override.OverrideChange),
    workflow_overrides.delete_override: Operation(bool),
    workflows_v1.list_workflows: Operation(
        replies.WorkflowV1Reply, "items", query={"page": whole(0, 1_000, 0), "limit": whole(1, 100, 10)}
    ),
    workflows_v1.create_workflow: Operation(replies.WorkflowV1Reply, status=201, body=workflow_v1.WorkflowV1),
    workflows_v1.get_workflow: Operation(replies.WorkflowV1Reply),
    workflows_v1.update_workflow: Operation(replies.WorkflowV1Reply, body=workflow_v1.WorkflowV1),
    workflows_v1.set_status: Operation(replies.WorkflowV1Reply, body=workflow_v1.WorkflowStatus),
    workflows_v1.delete_workflow: Operation(bool),
    workflows.create_workflow: Operation(replies.WorkflowReply, status=201, body=workflow.WorkflowCreate),
    workflows.list_workflows: Operation(
        replies.WorkflowListReply,
        query={
            "limit": whole(1, 100, 50),
            "offset": whole(0, 1_000_000, 0),
            "orderBy": TEXT,
            "orderDirection": {"enum": ["ASC", "DESC"]},
            "query": TEXT,
            "tags": TEXTS,
            "status": TEXTS,
        },
    ),
    workflows.get_workflow: Operation(replies.WorkflowReply),
    workflows.update_workflow: Operation(replies.WorkflowReply, body=workflow.WorkflowUpdate),
    workflows.patch_workflow: Operation(replies.WorkflowReply, body=workflow.WorkflowPatch),
    workflows.delete_workflow: NO_CONTENT,
    inbox.open_session: Operation(
        replies.SessionReply, status=201, body=session.SessionRequest, is_open=True, errors=[404]
    ),
    inbox_subscriptions.list_own: Operation(replies.SubscriptionDetails, "list"),
    inbox_subscriptions.create_own: Operation(
        replies.SubscriptionDetails, status=201, body=inbox_subscriptions.OwnSubscription, errors=[403]
    ),
    inbox_subscriptions.get_own: Operation(
        replies.SubscriptionDetails, query={"workflowIds": TEXTS, "tags": TEXTS}, also=204
    ),
    inbox_subscriptions.change_own: Operation(
        replies.SubscriptionDetails, body=topic.SubscriptionPatch
    ),
    inbox_subscriptions.delete_own: Operation(replies.Success),
    widgets.open_session: Operation(
        replies.WidgetSessionReply, status=201, body=session.WidgetSessionRequest, is_open=True, errors=[404]
    ),
    widgets.count_unseen: Operation(replies.UnseenReply, query={**WIDGET_COUNT, "seen": FLAG}),
    widgets.count_unread: Operation(replies.UnseenReply, query={**WIDGET_COUNT, "read": FLAG}),
    widgets.count: Operation(replies.UnseenReply, query={**WIDGET_COUNT, "seen": FLAG, "read": FLAG}),
    widgets.mark_all_read: Operation(replies.Count, status=201, body=widgets.InFeeds),
    widgets.mark_all_seen: Operation(replies.Count, status=201, body=widgets.InFeeds),
    widgets.delete_message: Operation(dict[str, Any], "bare"),
    widgets.delete_many: Operation(dict[str, Any], "bare", body=widgets.BulkDelete),
    widgets.delete_all: Operation(envelope="none", status=204, query={"feedId": OBJECT_ID}, errors=[404]),
    widgets.get_organization: Operation(replies.OrganizationReply),
    widgets.log_usage: Operation(replies.Success, status=201, body=widgets.UsageLog),
    health.health: Operation(replies.HealthReply, "bare", is_open=True),
    health.ready: Operation(replies.HealthReply, "bare", is_open=True),
}
