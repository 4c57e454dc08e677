"""What every handler takes and answers: one line each, in the order of the paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

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
from inbox.models.preference import Criticality
from inbox.models.workflow import CHANNELS, Severity
from inbox.models.workflow_query import SortField
from inbox.openapi import replies, requests
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


def words(*allowed: str, default: str | None = None) -> Schema:
    """One of several words of the query."""
    schema: Schema = {"type": "string", "enum": list(allowed)}
    return schema if default is None else {**schema, "default": default}


def several(*allowed: str) -> Schema:
    """A list of words of the query."""
    return {"type": "array", "items": words(*allowed)}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
DIRECTION = words("ASC", "DESC", default="DESC")
OBJECT_ID: Schema = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"}
PAGED = {"page": whole(0, 1_000_000, 0), "limit": whole(1, 100, 10)}
CURSOR = {"limit": whole(1, 100, 10), "after": TEXT, "before": TEXT, "includeCursor": FLAG}
CURSOR |= {"orderDirection": DIRECTION}
SEVERITIES = several(*get_args(Severity))
NOTIFICATION_FILTER = {
    **dict.fromkeys(("read", "seen", "archived", "snoozed"), FLAG),
    "tags": TEXTS,
    "severity": SEVERITIES,
    "data": TEXT,
    "createdGte": whole(0, notifications.MAX_MS),
    "createdLte": whole(0, notifications.MAX_MS),
}
WIDGET_COUNT = {"limit": whole(1, 100, 100), "feedIdentifier": TEXTS}


def no_content(name: str, summary: str) -> Operation:
    """An operation that answers 204."""
    return Operation(name, summary, envelope="none", status=204)


def one_notification(name: str, summary: str) -> Operation:
    """A change of one notification, which is the answer."""
    return Operation(name, summary, replies.NotificationReply)


def acted(name: str, summary: str) -> Operation:
    """A press of a notification's button; a page names the button in the body, a backend in the path."""
    return Operation(
        name,
        summary,
        replies.NotificationReply,
        body=notifications.ButtonAction,
        body_in_path="actionType",
        errors=[400],
    )


def filtered(name: str, summary: str) -> Operation:
    """A change of all notifications that a filter takes."""
    return Operation(name, summary, envelope="none", status=204, body=requests.BulkFilter)


OPERATIONS: dict[Callable[..., Any], Operation] = {
    events.trigger: Operation(
        "triggerEvent", "Trigger a workflow", replies.TriggerReply, status=201, body=requests.TriggerRequest,
    ),
    events.trigger_bulk: Operation(
        "triggerEventsInBulk", "Trigger up to 100 events at once", replies.TriggerReply, "list", 201,
        requests.BulkRequest,
    ),
    events.broadcast: Operation(
        "broadcastEvent", "Trigger a workflow for every subscriber", replies.TriggerReply, status=201,
        body=requests.BroadcastRequest,
    ),
    events.progress: Operation("getTriggerProgress", "Get how far a trigger to many has come", replies.DispatchReply),
    events.cancel: Operation("cancelTrigger", "Cancel what a trigger has not delivered yet", bool),
    subscribers.list_numbered: Operation(
        "listSubscribers", "List subscribers, page by page", replies.SubscriberReply, "page", query=PAGED,
    ),
    subscribers.create: Operation(
        "upsertSubscriber", "Create a subscriber or change a known one", replies.SubscriberReply, status=201,
        body=requests.CreateSubscriber,
    ),
    subscribers.create_many: Operation(
        "createSubscribersInBulk", "Create or change up to 500 subscribers", replies.BulkSubscribersReply, status=201,
        body=requests.BulkCreate,
    ),
    subscribers.get: Operation("get{}", "Get a subscriber", replies.SubscriberReply, query={"includeTopics": FLAG}),
    subscribers.update: Operation(
        "updateSubscriber", "Change a subscriber's profile", replies.SubscriberReply, body=subscriber.Profile,
    ),
    subscribers.patch: Operation(
        "patchSubscriber", "Change a subscriber's profile", replies.SubscriberReply, body=subscriber.Profile,
    ),
    subscribers.delete: Operation("delete{}", "Delete a subscriber and all its messages", replies.Acknowledged),
    subscribers.set_online_status: Operation(
        "setSubscriberOnlineStatus", "Set whether a subscriber is online", replies.SubscriberReply,
        body=subscribers.OnlineStatus,
    ),
    subscribers.set_credentials: Operation(
        "setSubscriberCredentials", "Set a provider's credentials", replies.SubscriberReply, body=credentials.Channel,
    ),
    subscribers.add_credentials: Operation(
        "addSubscriberCredentials", "Add to a provider's credentials", replies.SubscriberReply,
        body=credentials.Channel,
    ),
    subscribers.drop_credentials: no_content("deleteSubscriberCredentials", "Delete a provider's credentials"),
    subscribers.search: Operation(
        "searchSubscribers", "Search subscribers", replies.SubscriberReply, "cursor",
        query={
            **CURSOR, "orderBy": words("_id", "updatedAt", default="_id"), "email": TEXT, "phone": TEXT, "name": TEXT,
            "subscriberId": TEXT,
        },
    ),
    subscribers.create_v2: Operation(
        "createSubscriber", "Create a subscriber", replies.SubscriberReply, status=201,
        body=requests.CreateSubscriber, query={"failIfExists": FLAG}, errors=[409],
    ),
    personal_data.export: Operation(
        "exportSubscriberData", "Export everything that is kept of a subscriber", replies.SubscriberExport, "bare",
    ),
    personal_data.erase: Operation(
        "eraseSubscriberData", "Erase everything that is kept of a subscriber", replies.ErasedReply,
    ),
    preferences.list_v1: Operation(
        "list{}WorkflowPreferences", "List the preferences of every workflow", replies.PreferenceRow, "list",
        query={"includeInactiveChannels": FLAG},
    ),
    preferences.update_v1_global: Operation(
        "update{}GlobalPreferences", "Change the global preferences", replies.PreferenceRow,
        body=preferences.V1GlobalUpdate,
    ),
    preferences.list_level: Operation(
        "list{}PreferencesByLevel", "List the preferences of a level", replies.PreferenceRow, "list",
        query={"includeInactiveChannels": FLAG},
    ),
    preferences.update_v1_workflow: Operation(
        "update{}WorkflowPreference", "Change the preference of a workflow", replies.PreferenceRow,
        body=preferences.V1WorkflowUpdate,
    ),
    preferences.get_v2: Operation(
        "getSubscriberPreferences", "Get the preferences of a subscriber", replies.PreferencesReply,
        query={"criticality": words(*get_args(Criticality), default="nonCritical"), "contextKeys": TEXTS},
    ),
    preferences.update_v2: Operation(
        "updateSubscriberPreferences", "Change preferences, global or of a workflow", replies.PreferencesReply,
        body=preferences.V2Update,
    ),
    preferences.get_v2_global: Operation(
        "getSubscriberGlobalPreference", "Get the global preference of a subscriber", replies.GlobalPreferenceReply,
    ),
    preferences.update_v2_bulk: Operation(
        "updateSubscriberPreferencesInBulk", "Change the preferences of several workflows", replies.InboxPreference,
        "list", body=preferences.V2Bulk,
    ),
    inbox_preferences.list_preferences: Operation(
        "listInboxPreferences", "List own preferences", replies.InboxPreference, "list",
        query={
            "tags": TEXTS, "severity": SEVERITIES,
            "criticality": words(*get_args(Criticality), default="nonCritical"),
        },
    ),
    inbox_preferences.update_global: Operation(
        "updateInboxGlobalPreference", "Change the own global preference", replies.InboxPreference,
        body=inbox_preferences.InboxUpdate,
    ),
    inbox_preferences.get_global: Operation(
        "getInboxGlobalPreference", "Get the own global preference", replies.InboxPreference,
    ),
    inbox_preferences.update_bulk: Operation(
        "updateInboxPreferencesInBulk", "Change own preferences of several workflows", replies.InboxPreference,
        "list", body=inbox_preferences.InboxBulk, errors=[404],
    ),
    inbox_preferences.update_workflow: Operation(
        "updateInboxWorkflowPreference", "Change the own preference of a workflow", replies.InboxPreference,
        body=inbox_preferences.InboxWorkflowUpdate,
    ),
    inbox_preferences.update_subscription: Operation(
        "updateInboxSubscriptionPreference", "Change the preference of a workflow within an own subscription",
        replies.InboxPreference, body=inbox_preferences.InboxWorkflowUpdate,
    ),
    feed.get_feed: Operation(
        "list{}Messages", "List the messages of a feed, newest first", replies.FeedItem, "items",
        query={**PAGED, "seen": FLAG, "read": FLAG, "feedIdentifier": TEXTS, "payload": TEXT},
    ),
    feed.count_unseen: Operation(
        "countSubscriberUnseenMessages", "Count unseen messages", replies.UnseenReply,
        query={"seen": FLAG, "limit": whole(0, 1_000, 100), "feedId": TEXTS},
    ),
    feed.mark_as: Operation(
        "mark{}MessagesAs", "Mark messages as seen, read, unseen or unread", replies.MarkedMessage, "list", 201,
        feed.MarkAs,
    ),
    feed.mark_as_legacy: Operation(
        "set{}MessageFlags", "Set the flags of messages", replies.FeedItem, "list", 201, feed.LegacyMarkAs,
    ),
    feed.mark_all: Operation(
        "markAllSubscriberMessages", "Mark every message", replies.Count, status=201, body=feed.MarkAll,
    ),
    feed.act: Operation(
        "set{}MessageActionStatus", "Set the status of a message's button", replies.ActedMessage, status=201,
        body=feed.MessageAction,
    ),
    subscriptions.list_of_subscriber: Operation(
        "listSubscriberSubscriptions", "List the subscriptions of a subscriber", replies.ListedSubscription, "cursor",
        query={**CURSOR, "key": TEXT, "contextKeys": TEXTS},
    ),
    messages.list_messages: Operation(
        "listMessages", "List messages, newest first", replies.MessageReply, "page",
        query={
            "page": whole(0, 1_000_000, 0), "limit": whole(1, 1_000, 10), "channel": words(*CHANNELS),
            "subscriberId": TEXT, "transactionId": TEXTS, "contextKeys": TEXTS,
        },
        errors=[404],
    ),
    messages.delete_transaction: Operation(
        "deleteMessagesOfTransaction", "Delete the messages of a transaction", envelope="none", status=204,
        query={"channel": words(*CHANNELS)},
    ),
    messages.delete_message: Operation("deleteMessage", "Delete a message", replies.Acknowledged),
    activity.list_activities: Operation(
        "listActivities", "List what triggers did, newest first", replies.ActivityReply, "page",
        query={
            "page": whole(0, 200, 0), "limit": whole(1, 50, 10), "channels": several(*activity.CHANNELS),
            "templates": {"type": "array", "items": OBJECT_ID}, "emails": TEXTS, "subscriberIds": TEXTS,
            "severity": SEVERITIES, "search": TEXT, "transactionId": TEXTS, "contextKeys": TEXTS,
            "after": {"type": "string", "format": "date-time"}, "before": {"type": "string", "format": "date-time"},
        },
    ),
    activity.get_activity: Operation("getActivity", "Get what a trigger did for one recipient", replies.ActivityReply),
    activity.list_execution_details: Operation(
        "listExecutionDetails", "List what happened when the steps of an activity ran", replies.ExecutionDetailReply,
        "list", query={"notificationId": {**OBJECT_ID, "required": True}, "subscriberId": TEXT}, errors=[404],
    ),
    tenants.create: Operation(
        "createTenant", "Create a tenant", replies.TenantReply, status=201, body=requests.TenantCreate, errors=[409],
    ),
    tenants.list_tenants: Operation("listTenants", "List tenants", replies.TenantReply, "page", query=PAGED),
    tenants.get: Operation("getTenant", "Get a tenant", replies.TenantReply),
    tenants.update: Operation(
        "updateTenant", "Change a tenant", replies.TenantReply, body=requests.TenantUpdate, errors=[409],
    ),
    tenants.delete: no_content("deleteTenant", "Delete a tenant"),
    topics.create_v1: Operation(
        "createTopicV1", "Create a topic", replies.TopicCreatedV1, status=201, body=topic.TopicCreateV1, errors=[409],
    ),
    topics.list_v1: Operation(
        "listTopicsV1", "List topics, page by page", replies.TopicReplyV1, "items",
        query={"page": whole(0, 1_000_000, 0), "pageSize": whole(1, 10, 10), "key": TEXT, "name": TEXT},
    ),
    topics.get_v1: Operation("getTopicV1", "Get a topic and its subscribers", replies.TopicReplyV1),
    topics.rename_v1: Operation("renameTopicV1", "Rename a topic", replies.TopicReplyV1, body=topic.TopicRename),
    topics.delete_v1: Operation(
        "deleteTopicV1", "Delete a topic without subscribers", envelope="none", status=204, errors=[409],
    ),
    topics.add_subscribers: Operation(
        "addTopicSubscribers", "Add subscribers to a topic", replies.TopicSubscribersReply,
        body=requests.TopicSubscribers,
    ),
    topics.remove_subscribers: Operation(
        "removeTopicSubscribers", "Remove subscribers from a topic", envelope="none", status=204,
        body=requests.TopicSubscribers,
    ),
    topics.get_member: Operation(
        "getTopicSubscriber", "Get a subscriber's membership of a topic", replies.TopicMemberReply,
    ),
    topics.list_topics: Operation(
        "listTopics", "List topics", replies.TopicReply, "cursor",
        query={**CURSOR, "orderBy": words("_id", "createdAt", "updatedAt", default="_id"), "key": TEXT, "name": TEXT},
    ),
    topics.upsert: Operation(
        "createTopic", "Create a topic or rename a known one", replies.TopicReply, status=201, body=topic.TopicUpsert,
        query={"failIfExists": FLAG}, errors=[409],
    ),
    topics.get: Operation("getTopic", "Get a topic", replies.TopicReply),
    topics.rename: Operation("renameTopic", "Rename a topic", replies.TopicReply, body=topic.TopicRename),
    topics.delete: Operation("deleteTopic", "Delete a topic and its subscriptions", replies.Acknowledged),
    subscriptions.list_of_topic: Operation(
        "listTopicSubscriptions", "List the subscriptions of a topic", replies.ListedSubscription, "cursor",
        query={**CURSOR, "subscriberId": TEXT, "contextKeys": TEXTS},
    ),
    subscriptions.create: Operation(
        "createTopicSubscriptions", "Subscribe subscribers to a topic", replies.SubscriptionsReply, "bare", 201,
        requests.SubscriptionsRequest, errors=[400],
    ),
    subscriptions.delete: Operation(
        "deleteTopicSubscriptions", "Delete subscriptions of a topic", replies.SubscriptionsReply, "bare", 200,
        requests.SubscriptionsRequest,
    ),
    subscriptions.get: Operation(
        "getTopicSubscription", "Get a subscription of a topic", replies.SubscriptionDetails, also=204,
    ),
    subscriptions.patch: Operation(
        "updateTopicSubscription", "Change a subscription of a topic", replies.SubscriptionReply,
        body=requests.SubscriptionPatch,
    ),
    environments.list_environments: Operation(
        "listEnvironments", "List the environments of the API key", replies.EnvironmentReply, "list",
    ),
    environments.get_mine: Operation("getEnvironment", "Get the environment of the API key", replies.EnvironmentReply),
    environments.list_keys: Operation(
        "listApiKeys", "List the API keys of the environment", replies.ApiKeyReply, "list",
    ),
    environments.list_tags: Operation(
        "listEnvironmentTags", "List the tags of the environment's workflows", replies.TagReply, "list",
    ),
    integrations.list_integrations: Operation(
        "listIntegrations", "List integrations", replies.IntegrationReply, "list",
    ),
    integrations.create: Operation(
        "createIntegration", "Configure the in-app integration", replies.IntegrationReply, status=201,
        body=integration.IntegrationCreate,
    ),
    integrations.list_active: Operation(
        "listActiveIntegrations", "List active integrations", replies.IntegrationReply, "list",
    ),
    integrations.in_app_status: Operation("getInAppStatus", "Get whether any page has connected", replies.ActiveReply),
    integrations.update: Operation(
        "updateIntegration", "Change the in-app integration", replies.IntegrationReply,
        body=integration.IntegrationUpdate,
    ),
    integrations.set_primary: Operation(
        "setPrimaryIntegration", "Make an integration the primary one", replies.IntegrationReply,
    ),
    organizations.list_organizations: Operation(
        "listOrganizations", "List organizations", replies.OrganizationReply, "list",
    ),
    organizations.rename_organization: Operation(
        "renameOrganization", "Rename the organization", replies.OrganizationReply,
        body=organization.OrganizationRename,
    ),
    organizations.get_organization: Operation("getOrganization", "Get the organization", replies.OrganizationReply),
    organizations.list_members: Operation(
        "listOrganizationMembers", "List the members of the organization", replies.Empty, "list",
    ),
    organizations.get_branding: Operation("getBranding", "Get the branding of the organization", replies.BrandingReply),
    organizations.set_branding: Operation(
        "setBranding", "Set the branding of the organization", replies.BrandingReply, body=organization.Branding,
    ),
    organizations.list_groups: Operation(
        "listNotificationGroups", "List notification groups", replies.GroupReply, "list",
    ),
    organizations.create_group: Operation(
        "createNotificationGroup", "Create a notification group", replies.GroupReply, status=201,
        body=group.GroupRequest,
    ),
    organizations.get_group: Operation("getNotificationGroup", "Get a notification group", replies.GroupReply),
    organizations.rename_group: Operation(
        "renameNotificationGroup", "Rename a notification group", replies.GroupReply, body=group.GroupRequest,
    ),
    organizations.delete_group: Operation(
        "deleteNotificationGroup", "Delete a notification group", replies.Acknowledged,
    ),
    contexts.create: Operation(
        "createContext", "Create a context", replies.ContextReply, status=201, body=context.ContextCreate,
    ),
    contexts.list_contexts: Operation(
        "listContexts", "List contexts", replies.ContextReply, "cursor",
        query={**CURSOR, "orderBy": words("createdAt", "_id", default="createdAt"), "id": TEXT, "search": TEXT},
    ),
    contexts.get: Operation("getContext", "Get a context", replies.ContextReply),
    contexts.update: Operation(
        "updateContext", "Replace the data of a context", replies.ContextReply, body=context.ContextUpdate,
    ),
    contexts.delete: no_content("deleteContext", "Delete a context"),
    empty.numbered_page: Operation(
        "list{}", "List what this service does not have", replies.Empty, "items", query=PAGED,
    ),
    empty.count: Operation("countChanges", "Count what this service does not have", replies.Count),
    empty.layouts: Operation("listLayouts", "List what this service does not have", replies.LayoutsReply),
    notifications.list_notifications: Operation(
        "list{}Notifications", "List notifications, newest first", replies.NotificationPage, "bare",
        query={
            "limit": whole(1, 100, 10), "offset": whole(0, 1_000_000, 0), "after": OBJECT_ID, **NOTIFICATION_FILTER,
        },
    ),
    notifications.count_notifications: Operation(
        "count{}Notifications", "Count notifications, for several filters at once", replies.Counts, "bare",
        query={"filters": TEXT},
    ),
    notifications.mark_seen: Operation(
        "mark{}NotificationsSeen", "Mark notifications as seen", envelope="none", status=204, body=requests.Seen,
    ),
    notifications.mark_all_read: filtered("mark{}NotificationsRead", "Mark all filtered notifications as read"),
    notifications.archive_all: filtered("archive{}Notifications", "Archive all filtered notifications"),
    notifications.archive_all_read: filtered(
        "archive{}ReadNotifications", "Archive the filtered notifications that are read",
    ),
    notifications.delete_all: filtered("delete{}Notifications", "Delete all filtered notifications"),
    notifications.mark_read: one_notification("mark{}NotificationRead", "Mark a notification as read"),
    notifications.mark_unread: one_notification("mark{}NotificationUnread", "Mark a notification as unread"),
    notifications.archive: one_notification("archive{}Notification", "Archive a notification"),
    notifications.unarchive: one_notification("unarchive{}Notification", "Take a notification out of the archive"),
    notifications.snooze: Operation(
        "snooze{}Notification", "Snooze a notification", replies.NotificationReply, body=notifications.Snooze,
        errors=[402],
    ),
    notifications.unsnooze: one_notification("unsnooze{}Notification", "End the snooze of a notification"),
    notifications.complete: acted("complete{}NotificationAction", "Complete a notification's action"),
    notifications.revert: acted("revert{}NotificationAction", "Revert a notification's action"),
    notifications.delete: Operation("delete{}Notification", "Delete a notification", envelope="none", status=204),
    named_feeds.create_feed: Operation(
        "createFeed", "Create a named feed", replies.NamedFeedReply, status=201, body=named_feed.NamedFeedRequest,
        errors=[409],
    ),
    named_feeds.list_feeds: Operation("listFeeds", "List named feeds", replies.NamedFeedReply, "list"),
    named_feeds.delete_feed: Operation("deleteFeed", "Delete a named feed", replies.NamedFeedReply, "list"),
    workflow_overrides.create_override: Operation(
        "createWorkflowOverride", "Create a workflow override for a tenant", replies.OverrideReply, status=201,
        body=workflow_override.OverrideCreate, errors=[404],
    ),
    workflow_overrides.list_overrides: Operation(
        "listWorkflowOverrides", "List workflow overrides", replies.OverrideReply, "page",
        query={"page": whole(0, 1_000, 0), "limit": whole(1, 100, 10)},
    ),
    workflow_overrides.get_override: Operation("get{}", "Get a workflow override", replies.OverrideReply),
    workflow_overrides.update_override: Operation(
        "update{}", "Change a workflow override", replies.OverrideReply, body=workflow_override.OverrideChange,
    ),
    workflow_overrides.delete_override: Operation("deleteWorkflowOverride", "Delete a workflow override", bool),
    workflows_v1.list_workflows: Operation(
        "list{}s", "List workflows, page by page", replies.WorkflowV1Reply, "items",
        query={"page": whole(0, 1_000, 0), "limit": whole(1, 100, 10)},
    ),
    workflows_v1.create_workflow: Operation(
        "create{}", "Create a workflow", replies.WorkflowV1Reply, status=201, body=workflow_v1.WorkflowV1,
    ),
    workflows_v1.get_workflow: Operation("get{}", "Get a workflow", replies.WorkflowV1Reply),
    workflows_v1.update_workflow: Operation(
        "update{}", "Change a workflow", replies.WorkflowV1Reply, body=workflow_v1.WorkflowV1,
    ),
    workflows_v1.set_status: Operation(
        "set{}Status", "Switch a workflow on or off", replies.WorkflowV1Reply, body=workflow_v1.WorkflowStatus,
    ),
    workflows_v1.delete_workflow: Operation("delete{}", "Delete a workflow", bool),
    workflows.create_workflow: Operation(
        "createWorkflow", "Create a workflow", replies.CreatedWorkflowReply, status=201, body=workflow.WorkflowCreate,
        query={"dropUnsupportedSteps": FLAG},
    ),
    workflows.list_workflows: Operation(
        "listWorkflows", "List workflows", replies.WorkflowListReply,
        query={
            "limit": whole(1, workflows.MAX_LIMIT, 10), "offset": whole(0, workflows.MAX_OFFSET, 0),
            "orderBy": words(*get_args(SortField), default="createdAt"), "orderDirection": DIRECTION, "query": TEXT,
            "tags": TEXTS, "status": several("ACTIVE", "INACTIVE", "ERROR"),
        },
    ),
    workflows.get_workflow: Operation("getWorkflow", "Get a workflow", replies.WorkflowReply),
    workflows.update_workflow: Operation(
        "replaceWorkflow", "Replace a workflow", replies.WorkflowReply, body=workflow.WorkflowUpdate,
    ),
    workflows.patch_workflow: Operation(
        "patchWorkflow", "Change fields of a workflow", replies.WorkflowReply, body=workflow.WorkflowPatch,
    ),
    workflows.delete_workflow: no_content("deleteWorkflow", "Delete a workflow"),
    inbox.open_session: Operation(
        "openInboxSession", "Open the session of a page", replies.SessionReply, status=201,
        body=requests.SessionRequest, is_open=True, errors=[404],
    ),
    inbox_subscriptions.list_own: Operation(
        "listInboxSubscriptions", "List own subscriptions of a topic", replies.SubscriptionDetails, "list",
    ),
    inbox_subscriptions.create_own: Operation(
        "createInboxSubscription", "Subscribe to a topic", replies.SubscriptionDetails, status=201,
        body=requests.OwnSubscription, errors=[403],
    ),
    inbox_subscriptions.get_own: Operation(
        "getInboxSubscription", "Get an own subscription", replies.SubscriptionDetails,
        query={"workflowIds": TEXTS, "tags": TEXTS}, also=204,
    ),
    inbox_subscriptions.change_own: Operation(
        "updateInboxSubscription", "Change an own subscription", replies.SubscriptionDetails,
        body=requests.SubscriptionPatch,
    ),
    inbox_subscriptions.delete_own: Operation("deleteInboxSubscription", "Delete an own subscription", replies.Success),
    widgets.open_session: Operation(
        "openWidgetSession", "Open the session of an older page", replies.WidgetSessionReply, status=201,
        body=session.WidgetSessionRequest, is_open=True, errors=[404],
    ),
    widgets.count_unseen: Operation(
        "countWidgetUnseenMessages", "Count unseen messages", replies.UnseenReply,
        query={**WIDGET_COUNT, "seen": FLAG},
    ),
    widgets.count_unread: Operation(
        "countWidgetUnreadMessages", "Count unread messages", replies.UnseenReply,
        query={**WIDGET_COUNT, "read": FLAG},
    ),
    widgets.count: Operation(
        "countWidgetMessages", "Count messages by their flags", replies.UnseenReply,
        query={**WIDGET_COUNT, "seen": FLAG, "read": FLAG},
    ),
    widgets.mark_all_read: Operation(
        "markWidgetMessagesRead", "Mark every message as read", replies.Count, status=201, body=widgets.InFeeds,
    ),
    widgets.mark_all_seen: Operation(
        "markWidgetMessagesSeen", "Mark every message as seen", replies.Count, status=201, body=widgets.InFeeds,
    ),
    widgets.delete_message: Operation("deleteWidgetMessage", "Delete a message", replies.Empty, "bare"),
    widgets.delete_many: Operation(
        "deleteWidgetMessagesInBulk", "Delete several messages", replies.Empty, "bare", body=widgets.BulkDelete,
    ),
    widgets.delete_all: Operation(
        "deleteWidgetMessages", "Delete every message", envelope="none", status=204, query={"feedId": OBJECT_ID},
        errors=[404],
    ),
    widgets.get_organization: Operation(
        "getWidgetOrganization", "Get the organization and its branding", replies.OrganizationReply,
    ),
    widgets.log_usage: Operation(
        "logWidgetUsage", "Log usage, of which nothing is kept", replies.Success, status=201, body=widgets.UsageLog,
    ),
    health.health: Operation("getHealth", "Check that the process is alive", replies.HealthReply, "bare", is_open=True),
    health.ready: Operation(
        "getReadiness", "Check that the service works with its store", replies.HealthReply, "bare", is_open=True,
    ),
}
