"""What answers look like, for the document alone; names are those of the wire. The fuzz holds the answers to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

Id = Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
Date = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Count = Annotated[int, Meta(ge=0)]
Severity = Literal["high", "medium", "low", "none"]
Object = dict[str, Any]


class Owned(TypedDict):
    _environmentId: Id
    _organizationId: Id


class ErrorReply(TypedDict):
    """Every error: `message` is for the reader, `errors` names fields, `errorId` stands in the log (5xx)."""

    statusCode: Annotated[int, Meta(ge=400, le=599)]
    timestamp: Date
    path: str
    message: str
    ctx: Object
    error: NotRequired[str]
    errors: NotRequired[Any]
    errorId: NotRequired[str]


class SubscriberReply(Owned):
    _id: Id
    subscriberId: str
    firstName: NotRequired[str]
    lastName: NotRequired[str]
    email: NotRequired[str]
    phone: NotRequired[str]
    avatar: NotRequired[str]
    locale: NotRequired[str]
    timezone: NotRequired[str]
    data: Object
    channels: list[Object]
    topics: NotRequired[list[str]]
    isOnline: bool
    lastOnlineAt: NotRequired[Date]
    deleted: bool
    createdAt: Date
    updatedAt: Date


class SubscriberCard(TypedDict):
    _id: Id
    subscriberId: str
    firstName: NotRequired[str]
    lastName: NotRequired[str]
    avatar: NotRequired[str]


class ExportedPreferences(TypedDict):
    workflows: list[Object]


class SubscriberExport(TypedDict):
    """Everything of one subscriber; the parts are told in docs/export.md."""

    format: Literal["inbox.subscriber/1"]
    exportedAt: Date
    environment: Object
    subscriber: SubscriberReply
    preferences: ExportedPreferences
    subscriptions: list[Object]
    feeds: list[Object]
    messages: list[Object]
    activity: list[Object]


class RemovedReply(TypedDict):
    subscribers: Count
    feeds: Count
    messages: Count
    preferences: Count
    subscriptions: Count
    activities: Count
    transactions: Count
    answers: Count
    timers: Count
    events: Count


class ErasedReply(TypedDict):
    status: Literal["erased"]
    removed: RemovedReply
    appendOnlyFile: Literal["requested", "busy", "off", "refused"]
    outOfReach: list[str]


class BulkSubscribersReply(TypedDict):
    created: list[Object]
    updated: list[Object]
    failed: list[Object]


class ButtonReply(TypedDict):
    type: Literal["primary", "secondary"]
    content: str
    url: NotRequired[str]
    target: NotRequired[str]


class CtaActionReply(TypedDict):
    buttons: list[ButtonReply]
    status: NotRequired[Literal["pending", "done"]]
    result: NotRequired[Object]


class CtaReply(TypedDict):
    type: NotRequired[Literal["redirect"]]
    data: NotRequired[Object]
    action: CtaActionReply


class MarkedMessage(Owned):
    _id: Id
    _templateId: Id
    _messageTemplateId: Id
    _notificationId: Id
    _subscriberId: Id
    _feedId: Id | None
    templateIdentifier: str
    transactionId: str
    channel: Literal["in_app"]
    providerId: Literal["novu"]
    content: str
    subject: NotRequired[str]
    cta: CtaReply
    seen: bool
    read: bool
    deliveredAt: list[Date]
    status: Literal["sent"]
    payload: Object
    overrides: Object
    createdAt: Date
    firstSeenDate: NotRequired[Date]
    lastSeenDate: NotRequired[Date]
    lastReadDate: NotRequired[Date]
    snoozedUntil: NotRequired[Date]


class MessageReply(MarkedMessage):
    id: Id
    _jobId: Id
    stepId: str
    avatar: NotRequired[str]
    data: NotRequired[Object]
    actor: NotRequired[Object]
    archived: bool
    archivedAt: NotRequired[Date]
    tags: list[str]
    severity: Severity
    contextKeys: list[str]
    updatedAt: Date


class FeedItem(MessageReply):
    subscriber: SubscriberCard


class ActedMessage(MessageReply):
    subscriber: SubscriberReply
    template: NotRequired[Object]


class NotificationReply(TypedDict):
    id: Id
    transactionId: str
    subject: NotRequired[str]
    body: str
    to: Object
    isRead: bool
    isSeen: bool
    isArchived: bool
    isSnoozed: bool
    deliveredAt: list[Date]
    createdAt: Date
    readAt: NotRequired[Date]
    firstSeenAt: NotRequired[Date]
    archivedAt: NotRequired[Date]
    snoozedUntil: NotRequired[Date]
    avatar: NotRequired[str]
    primaryAction: NotRequired[Object]
    secondaryAction: NotRequired[Object]
    data: NotRequired[Object]
    redirect: NotRequired[Object]
    channelType: Literal["in_app"]
    tags: list[str]
    workflow: Object
    severity: Severity


class NotificationPage(TypedDict):
    data: list[NotificationReply]
    hasMore: bool
    filter: Object


class CountItem(TypedDict):
    count: Annotated[int, Meta(ge=0, le=100)]
    filter: Object


class Counts(TypedDict):
    data: list[CountItem]


class UnseenReply(TypedDict):
    count: Count


class DispatchProgress(TypedDict):
    """How far a trigger to many has come; counts are of messages, in the parts that are done."""

    status: Literal["running", "done", "cancelled"]
    total: int
    delivered: int
    suppressed: int
    failed: int
    skipped: int
    waiting: int


class DispatchReply(DispatchProgress):
    transactionId: str


class TriggerReply(TypedDict):
    acknowledged: bool
    status: Literal[
        "processed",
        "trigger_not_active",
        "no_workflow_steps_defined",
        "no_workflow_active_steps_defined",
        "no_tenant_found",
        "error",
    ]
    transactionId: NotRequired[str]
    error: NotRequired[list[str]]


class ActivityReply(Owned):
    _id: Id
    _subscriberId: Id
    _templateId: Id
    transactionId: str
    channels: list[str]
    createdAt: Date
    updatedAt: Date
    severity: Severity
    to: Object
    jobs: list[Object]
    subscriber: NotRequired[SubscriberCard]
    template: NotRequired[Object]
    critical: NotRequired[bool]
    payload: NotRequired[Object]
    tags: NotRequired[list[str]]
    contextKeys: NotRequired[list[str]]
    dispatch: NotRequired[DispatchProgress]


class ExecutionDetailReply(Owned):
    _id: Id
    _jobId: Id
    _subscriberId: Id
    _notificationId: Id
    _notificationTemplateId: Id
    transactionId: str
    channel: str
    createdAt: Date
    detail: str
    isRetry: bool
    isTest: bool
    providerId: str
    source: str
    status: Literal["Success", "Warning", "Failed"]
    raw: NotRequired[str]


class TopicReply(TypedDict):
    _id: Id
    key: str
    name: NotRequired[str]
    createdAt: Date
    updatedAt: Date


class TopicCreatedV1(TypedDict):
    _id: Id
    key: str


class TopicReplyV1(TopicReply, Owned):
    subscribers: list[str]


class TopicMemberReply(Owned):
    _subscriberId: Id
    _topicId: Id
    topicKey: str
    externalSubscriberId: str


class SubscriptionReply(TypedDict):
    _id: Id
    identifier: str
    name: NotRequired[str]
    topic: Object
    subscriber: Object | None
    preferences: NotRequired[list[Object]]
    contextKeys: NotRequired[list[str]]
    createdAt: Date
    updatedAt: Date


class ListedSubscription(TypedDict):
    _id: Id
    identifier: str
    createdAt: Date
    topic: Object
    subscriber: SubscriberCard
    contextKeys: NotRequired[list[str]]


class SubscriptionDetails(TypedDict):
    id: Id
    identifier: str
    name: NotRequired[str]
    preferences: NotRequired[list[Object]]
    contextKeys: NotRequired[list[str]]


class SubscriptionsReply(TypedDict):
    data: list[Object]
    meta: Object
    errors: NotRequired[list[Object]]


class TenantReply(Owned):
    _id: Id
    identifier: str
    name: NotRequired[str]
    data: Object
    createdAt: Date
    updatedAt: Date


class ContextReply(TypedDict):
    type: str
    id: str
    data: Object
    createdAt: Date
    updatedAt: Date


class EnvironmentReply(TypedDict):
    _id: Id
    _organizationId: Id
    name: str
    identifier: str
    type: Literal["dev", "prod"]
    slug: str
    apiKeys: list[Object]


class ApiKeyReply(TypedDict):
    key: str
    _userId: Id


class TagReply(TypedDict):
    name: str


class IntegrationReply(Owned):
    _id: Id
    name: str
    identifier: str
    providerId: str
    channel: str
    credentials: Object
    active: bool
    deleted: bool
    primary: bool


class ActiveReply(TypedDict):
    active: bool


class OrganizationReply(TypedDict):
    _id: Id
    name: str
    branding: Object


class BrandingReply(TypedDict):
    logo: str
    color: str


class GroupReply(Owned):
    _id: Id
    name: str


class NamedFeedReply(Owned):
    _id: Id
    name: str
    identifier: str


class OverrideReply(Owned):
    _id: Id
    _workflowId: Id
    _tenantId: Id
    active: bool
    preferenceSettings: dict[str, bool]
    deleted: bool
    createdAt: Date
    updatedAt: Date


class WorkflowReply(TypedDict):
    _id: Id
    workflowId: str
    slug: str
    name: str
    tags: list[str]
    active: bool
    status: Literal["ACTIVE", "INACTIVE"]
    severity: Severity
    origin: str
    preferences: Object
    steps: list[Object]
    createdAt: Date
    updatedAt: Date
    description: NotRequired[str]
    payloadSchema: NotRequired[Object]


class CreatedWorkflowReply(WorkflowReply):
    droppedSteps: NotRequired[list[Object]]
    ignoredFields: NotRequired[list[str]]


class WorkflowListReply(TypedDict):
    workflows: list[Object]
    totalCount: Count


class WorkflowV1Reply(Owned):
    _id: Id
    name: str
    description: str
    active: bool
    critical: bool
    tags: list[str]
    steps: list[Object]
    triggers: list[Object]
    preferenceSettings: dict[str, bool]
    _notificationGroupId: Id


class PreferenceReply(TypedDict):
    enabled: bool
    channels: dict[str, bool]


class GlobalPreferenceReply(PreferenceReply):
    schedule: NotRequired[Object]


class PreferencesReply(TypedDict):
    workflows: list[Object]


class PreferenceRow(TypedDict):
    preference: PreferenceReply
    template: NotRequired[Object]
    type: NotRequired[str]


class InboxPreference(GlobalPreferenceReply):
    level: Literal["global", "template"]
    overrides: NotRequired[list[Object]]
    workflow: NotRequired[Object]
    subscriptionId: NotRequired[str]


class SessionReply(TypedDict):
    token: str
    totalUnreadCount: Count
    unreadCount: Object
    removeNovuBranding: bool
    isDevelopmentMode: bool
    maxSnoozeDurationHours: Count
    applicationIdentifier: str
    schedule: NotRequired[Object]
    contextKeys: list[str]


class WidgetSessionReply(TypedDict):
    token: str
    profile: Object


class Acknowledged(TypedDict):
    acknowledged: bool
    status: NotRequired[str]


class LayoutsReply(TypedDict):
    layouts: list[Object]
    totalCount: Count


class Success(TypedDict):
    success: bool


class HealthReply(TypedDict):
    status: str
    version: NotRequired[str]
