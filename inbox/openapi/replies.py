"""What answers look like, for the document alone; names are those of the wire. The fuzz holds the answers to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from inbox.models.credentials import Credentials, Provider
from inbox.models.preference import Schedule
from inbox.models.workflow import Severity, StepType, Target, Variable

Id = Annotated[str, Meta(pattern="^[0-9a-f]{24}$", examples=["65f0c1a2b3d4e5f60718293a"])]
Date = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        examples=["2026-01-31T10:00:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Count = Annotated[int, Meta(ge=0)]
Channel = Literal["in_app", "email", "sms", "chat", "push"]
Object = dict[str, Any]


class Empty(TypedDict):
    """An object without fields."""


class Owned(TypedDict):
    _environmentId: Id
    _organizationId: Id


class FieldErrors(TypedDict):
    """What is wrong with a field, and the value that it had where that is shown."""

    messages: list[str]
    value: NotRequired[Any]


class ErrorReply(TypedDict):
    """Every error: `message` is for the reader, `errors` names fields or lists what failed, `errorId` stands in
    the log (5xx).
    """

    statusCode: Annotated[int, Meta(ge=400, le=599)]
    timestamp: Date
    path: str
    message: str
    ctx: Object
    error: NotRequired[str]
    errors: NotRequired[dict[str, FieldErrors] | list[Object]]
    errorId: NotRequired[str]


class SubscriberChannel(TypedDict):
    providerId: Provider
    credentials: Credentials
    integrationIdentifier: NotRequired[str]
    _integrationId: Id


Versioned = TypedDict("Versioned", {"__v": int})  # within a class body the name would be mangled


class SubscriberReply(Owned, Versioned):
    _id: Id
    id: Id
    subscriberId: str
    firstName: NotRequired[str]
    lastName: NotRequired[str]
    email: NotRequired[str]
    phone: NotRequired[str]
    avatar: NotRequired[str]
    locale: NotRequired[str]
    timezone: NotRequired[str]
    data: Object
    channels: list[SubscriberChannel]
    topics: NotRequired[list[str]]
    isOnline: bool
    lastOnlineAt: NotRequired[Date]
    deleted: bool
    createdAt: Date
    updatedAt: Date


class SubscriberCard(TypedDict):
    _id: Id
    id: Id
    subscriberId: str
    firstName: NotRequired[str]
    lastName: NotRequired[str]
    avatar: NotRequired[str]


ExportedPreferences = TypedDict("ExportedPreferences", {"global": Object, "workflows": list[Object]})


class NamedEnvironment(TypedDict):
    _id: Id
    name: str


class SubscriberExport(TypedDict):
    """Everything of one subscriber; the parts are told in docs/export.md."""

    format: Literal["inbox.subscriber/1"]
    exportedAt: Date
    environment: NamedEnvironment
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


class NamedSubscriber(TypedDict):
    subscriberId: str


class FailedSubscriber(TypedDict):
    message: str
    subscriberId: NotRequired[str]


class BulkSubscribersReply(TypedDict):
    created: list[NamedSubscriber]
    updated: list[NamedSubscriber]
    failed: list[FailedSubscriber]


class ButtonReply(TypedDict):
    type: Literal["primary", "secondary"]
    content: str
    url: NotRequired[str]
    target: NotRequired[Target]


class PressedButton(TypedDict):
    """The button that was pressed last, `{}` when none was."""

    type: NotRequired[Literal["primary", "secondary"]]
    payload: NotRequired[Object]


class LinkReply(TypedDict):
    url: NotRequired[str]
    target: NotRequired[Target]


class CtaActionReply(TypedDict):
    buttons: list[ButtonReply]
    status: NotRequired[Literal["pending", "done"]]
    result: NotRequired[PressedButton]


class CtaReply(TypedDict):
    type: NotRequired[Literal["redirect"]]
    data: NotRequired[LinkReply]
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
    deviceTokens: list[str]
    status: Literal["sent"]
    payload: Object
    overrides: Object
    createdAt: Date
    firstSeenDate: NotRequired[Date]
    lastSeenDate: NotRequired[Date]
    lastReadDate: NotRequired[Date]
    snoozedUntil: NotRequired[Date]


class ActorReply(TypedDict):
    type: str
    data: NotRequired[str | None]


class MessageReply(MarkedMessage):
    id: Id
    _jobId: Id
    stepId: str
    avatar: NotRequired[str]
    data: NotRequired[Object]
    actor: NotRequired[ActorReply]
    _actorId: NotRequired[Id]
    archived: bool
    archivedAt: NotRequired[Date]
    tags: list[str]
    severity: Severity
    contextKeys: list[str]
    expiresAt: NotRequired[Date]
    updatedAt: Date


class FeedItem(MessageReply):
    subscriber: SubscriberCard


class TriggerEvent(TypedDict):
    """What a workflow is triggered by."""

    type: Literal["event"]
    identifier: str
    variables: list[Variable]
    subscriberVariables: NotRequired[list[Variable]]


class NamedWorkflow(TypedDict):
    _id: Id
    name: str
    triggers: list[TriggerEvent]


class ActedMessage(MessageReply):
    subscriber: SubscriberReply
    template: NotRequired[WorkflowTemplate]


class NotificationTo(TypedDict):
    """Who it is for."""

    id: Id
    subscriberId: str
    firstName: NotRequired[str]
    lastName: NotRequired[str]
    avatar: NotRequired[str]


class NotificationRedirect(TypedDict):
    url: str
    target: NotRequired[Target]


class NotificationAction(TypedDict):
    label: str
    isCompleted: bool
    redirect: NotRequired[NotificationRedirect]


class WorkflowSummary(TypedDict):
    id: Id
    identifier: str
    name: str
    critical: bool
    tags: list[str]
    severity: Severity


class NotificationReply(TypedDict):
    id: Id
    transactionId: str
    subject: NotRequired[str]
    body: str
    to: NotificationTo
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
    primaryAction: NotRequired[NotificationAction]
    secondaryAction: NotRequired[NotificationAction]
    data: NotRequired[Object]
    redirect: NotRequired[NotificationRedirect]
    channelType: Literal["in_app"]
    tags: list[str]
    workflow: WorkflowSummary
    severity: Severity
    expiresAt: NotRequired[Date]


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


class JobExecutionDetail(TypedDict):
    _id: Id
    _jobId: Id
    createdAt: Date
    detail: str
    isRetry: bool
    isTest: bool
    providerId: str
    source: str
    status: Literal["Success", "Warning", "Failed", "Pending"]
    raw: NotRequired[str]


class JobStep(TypedDict):
    _id: Id
    _templateId: Id
    stepId: str
    name: str
    active: bool
    filters: list[Object]


class JobReply(TypedDict):
    """One step of an activity with all its executions, oldest first."""

    _id: Id
    type: StepType
    providerId: str
    status: Literal["completed", "canceled", "merged", "skipped", "failed", "delayed"]
    step: JobStep
    executionDetails: list[JobExecutionDetail]
    updatedAt: Date


class ActivitySubscriber(TypedDict):
    _id: Id
    subscriberId: str
    firstName: NotRequired[str]
    lastName: NotRequired[str]
    email: NotRequired[str]
    phone: NotRequired[str]


class ActivityReply(Owned):
    _id: Id
    _subscriberId: Id
    _templateId: Id
    transactionId: str
    channels: list[str]
    createdAt: Date
    updatedAt: Date
    severity: Severity
    to: NamedSubscriber
    jobs: list[JobReply]
    subscriber: NotRequired[ActivitySubscriber]
    template: NotRequired[NamedWorkflow]
    critical: NotRequired[bool]
    payload: NotRequired[Object]
    tags: NotRequired[list[str]]
    contextKeys: NotRequired[list[str]]
    dispatch: NotRequired[DispatchProgress]


class ExecutionDetailReply(JobExecutionDetail, Owned):
    _subscriberId: Id
    _notificationId: Id
    _notificationTemplateId: Id
    transactionId: str
    channel: str


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


class TopicSubscribersReply(TypedDict):
    succeeded: list[str]
    failed: NotRequired[UnknownSubscribers]


class UnknownSubscribers(TypedDict):
    notFound: list[str]


class TopicReference(TypedDict):
    _id: Id
    key: str
    name: NotRequired[str]


class SubscriptionSubscriber(TypedDict):
    _id: Id
    subscriberId: str
    avatar: NotRequired[str | None]
    firstName: NotRequired[str | None]
    lastName: NotRequired[str | None]
    email: NotRequired[str | None]
    createdAt: NotRequired[Date]
    updatedAt: NotRequired[Date]


class SubscriptionPreferenceReply(TypedDict):
    subscriptionId: Id
    enabled: bool
    workflow: WorkflowSummary


class SubscriptionReply(TypedDict):
    _id: Id
    identifier: str
    name: NotRequired[str]
    topic: TopicReference
    subscriber: SubscriptionSubscriber | None
    preferences: NotRequired[list[SubscriptionPreferenceReply]]
    contextKeys: NotRequired[list[str]]
    createdAt: Date
    updatedAt: Date


class ListedSubscription(TypedDict):
    _id: Id
    identifier: str
    createdAt: Date
    topic: TopicReference
    subscriber: SubscriptionSubscriber
    contextKeys: NotRequired[list[str]]


class SubscriptionDetails(TypedDict):
    id: Id
    identifier: str
    name: NotRequired[str]
    preferences: NotRequired[list[SubscriptionPreferenceReply]]
    contextKeys: NotRequired[list[str]]


class SubscriptionsMeta(TypedDict):
    totalCount: Count
    successful: Count
    failed: Count


class SubscriptionError(TypedDict):
    subscriberId: str
    code: str
    message: str


class SubscriptionsReply(TypedDict):
    data: list[SubscriptionReply]
    meta: SubscriptionsMeta
    errors: NotRequired[list[SubscriptionError]]


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
    apiKeys: list[ApiKeyReply]
    createdAt: Date
    updatedAt: Date


class ApiKeyReply(TypedDict):
    key: str
    _userId: Id


class TagReply(TypedDict):
    name: str


class IntegrationCredentialsReply(TypedDict):
    hmac: bool


class IntegrationReply(Owned):
    _id: Id
    name: str
    identifier: str
    providerId: str
    channel: str
    credentials: IntegrationCredentialsReply
    configurations: Object
    conditions: list[Object]
    active: bool
    deleted: bool
    primary: bool


class ActiveReply(TypedDict):
    active: bool


class OrganizationReply(TypedDict):
    _id: Id
    name: str
    branding: BrandingReply
    createdAt: Date
    updatedAt: Date


class BrandingReply(TypedDict):
    logo: str
    color: str
    fontColor: NotRequired[str]
    contentBackground: NotRequired[str]
    fontFamily: NotRequired[str]
    direction: NotRequired[Literal["ltr", "rtl"]]


class GroupReference(Owned):
    _id: Id
    name: str


class GroupReply(GroupReference):
    createdAt: Date
    updatedAt: Date


class NamedFeedReply(Owned):
    _id: Id
    id: Id
    deleted: bool
    createdAt: Date
    updatedAt: Date
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


class StepIssue(TypedDict):
    issueType: str
    message: str
    variableName: NotRequired[str]


class StepIssues(TypedDict):
    """Fields of a step that will not do what they seem to, by their dotted paths below `controlValues`."""

    controls: dict[str, list[StepIssue]]


class StepReply(TypedDict):
    """A step; `controlValues`, and the same in `controls.values`, are what was stored."""

    _id: Id
    stepId: str
    slug: str
    name: str
    type: StepType
    origin: str
    workflowId: str
    workflowDatabaseId: Id
    variables: Object
    controls: StepControls
    controlValues: Object
    issues: NotRequired[StepIssues]


class StepControls(TypedDict):
    values: Object


class LevelStatus(TypedDict):
    enabled: bool
    readOnly: bool


class ChannelStatus(TypedDict):
    enabled: bool


class WorkflowLevel(TypedDict):
    all: LevelStatus
    channels: dict[Channel, ChannelStatus]


class WorkflowPreferences(TypedDict):
    default: WorkflowLevel
    user: WorkflowLevel | None


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
    validatePayload: bool
    isTranslationEnabled: bool
    preferences: WorkflowPreferences
    steps: list[StepReply]
    createdAt: Date
    updatedAt: Date
    description: NotRequired[str]
    payloadSchema: NotRequired[Object]


class CreatedWorkflowReply(WorkflowReply):
    droppedSteps: NotRequired[list[Object]]
    ignoredFields: NotRequired[list[str]]


class ListedStep(TypedDict):
    slug: str
    type: StepType


class ListedWorkflow(TypedDict):
    """The short form of a workflow."""

    _id: Id
    workflowId: str
    slug: str
    name: str
    tags: list[str]
    status: Literal["ACTIVE", "INACTIVE"]
    origin: str
    isTranslationEnabled: bool
    stepTypeOverviews: list[StepType]
    steps: list[ListedStep]
    createdAt: Date
    updatedAt: Date


class WorkflowListReply(TypedDict):
    workflows: list[ListedWorkflow]
    totalCount: Count


class StepTemplateReply(TypedDict):
    """What an in-app step says."""

    _id: Id
    type: StepType
    content: str
    active: NotRequired[bool]
    cta: NotRequired[CtaReply]
    variables: NotRequired[list[Variable]]
    feedId: NotRequired[Id]
    _feedId: NotRequired[Id]
    actor: NotRequired[ActorReply]


class TemplateStep(TypedDict):
    _id: Id
    _templateId: Id
    uuid: str
    stepId: str
    name: str
    active: bool
    shouldStopOnFail: bool
    template: StepTemplateReply
    filters: list[Object]
    variants: list[Object]


class WorkflowTemplate(Owned):
    """A workflow as v1 shows it."""

    _id: Id
    name: str
    description: str
    active: bool
    draft: bool
    critical: bool
    tags: list[str]
    steps: list[TemplateStep]
    triggers: list[TriggerEvent]
    preferenceSettings: dict[str, bool]
    notificationGroup: GroupReference
    _notificationGroupId: Id
    deleted: bool
    deletedAt: str
    deletedBy: str
    data: Object
    _creatorId: Id


class WorkflowV1Reply(WorkflowTemplate):
    id: Id


class PreferenceReply(TypedDict):
    enabled: bool
    channels: dict[str, bool]


class PreferenceOverride(TypedDict):
    """Who decided about a channel."""

    channel: Channel
    source: Literal["subscriber", "template"]


class GlobalPreferenceReply(PreferenceReply):
    schedule: NotRequired[Schedule]


class PreferenceWorkflow(TypedDict):
    slug: str
    identifier: str
    name: str
    updatedAt: Date


class WorkflowPreferenceReply(PreferenceReply):
    overrides: list[PreferenceOverride]
    updatedAt: NotRequired[Date]
    workflow: PreferenceWorkflow


PreferencesReply = TypedDict(
    "PreferencesReply", {"global": GlobalPreferenceReply, "workflows": list[WorkflowPreferenceReply]}
)


class RowPreference(GlobalPreferenceReply):
    overrides: NotRequired[list[PreferenceOverride]]
    updatedAt: NotRequired[Date]


class PreferenceTemplate(NamedWorkflow):
    critical: bool
    tags: list[str]
    severity: NotRequired[Severity]
    createdAt: NotRequired[Date]
    updatedAt: NotRequired[Date]


class PreferenceRow(TypedDict):
    preference: RowPreference
    template: NotRequired[PreferenceTemplate]
    type: NotRequired[str]


class InboxPreference(GlobalPreferenceReply):
    level: Literal["global", "template"]
    overrides: NotRequired[list[PreferenceOverride]]
    workflow: NotRequired[WorkflowSummary]
    subscriptionId: NotRequired[str]


class SeverityCounts(TypedDict):
    high: Count
    medium: Count
    low: Count
    none: Count


class UnreadCount(TypedDict):
    total: Count
    severity: SeverityCounts


class SessionReply(TypedDict):
    token: str
    totalUnreadCount: Count
    unreadCount: UnreadCount
    removeNovuBranding: bool
    isDevelopmentMode: bool
    maxSnoozeDurationHours: Count
    applicationIdentifier: str
    schedule: NotRequired[Schedule]
    contextKeys: list[str]


class WidgetProfile(TypedDict):
    _id: Id
    firstName: NotRequired[str | None]
    lastName: NotRequired[str | None]
    phone: NotRequired[str | None]


class WidgetSessionReply(TypedDict):
    token: str
    profile: WidgetProfile


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
