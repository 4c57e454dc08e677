"""The types of answers, which views return and the API's document shows. Field names are those of the wire.

They are used as `wire.X`. A type that would share its name with a model ends in `Reply`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NotRequired,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    get_origin,
    get_type_hints,
)

import orjson
from msgspec import Meta, UnsetType

from inbox.models.credentials import Credentials, Provider
from inbox.models.json_values import JsonObject
from inbox.models.preference import Schedule
from inbox.models.workflow import BodyFormat, ChannelType, LinkTarget, Severity, StepType, Variable

HexId = Annotated[str, Meta(pattern="^[0-9a-f]{24}$", examples=["65f0c1a2b3d4e5f60718293a"])]
Date = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        examples=["2026-01-31T10:00:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Count = Annotated[int, Meta(ge=0)]
SequenceNumber = Annotated[
    int,
    Meta(
        ge=1,
        description="The message's place in its feed: larger is newer; it changes when the message goes to the top",
    ),
]

if TYPE_CHECKING:
    Absent: TypeAlias = None
else:
    Absent = UnsetType  # which the document leaves out of a field's type
"""The value of an empty optional field in a view decorated with `without_nulls`."""

P = ParamSpec("P")
T = TypeVar("T")
AnswerT = TypeVar("AnswerT", bound=Mapping[str, object])


def without_nulls(view: Callable[P, AnswerT]) -> Callable[P, AnswerT]:
    """Make a view leave out optional fields that are None: SDKs expect them to be absent and refuse null."""

    optional: list[str] = []
    is_known = False

    @wraps(view)
    def build(*args: P.args, **kwargs: P.kwargs) -> AnswerT:
        nonlocal is_known
        if not is_known:  # the types may be defined after the view
            hints = get_type_hints(get_type_hints(view)["return"], include_extras=True)
            optional.extend(name for name, hint in hints.items() if get_origin(hint) is NotRequired)
            is_known = True
        answer = view(*args, **kwargs)
        fields = cast("dict[str, object]", answer)
        for name in optional:
            if name in fields and fields[name] is None:
                del fields[name]
        return answer

    return build


def encoded(value: T) -> T:
    """Return a value as encoded JSON, which `orjson.dumps` copies as it is; for a value that is used many times."""
    return cast(T, fragment(encode_to_keep(value)))


def encode_to_keep(value: object) -> bytes:
    """Return a value as JSON in a buffer of its size. That of `orjson.dumps` has 4 KiB, however short the text is."""
    return bytes(memoryview(orjson.dumps(value)))


def fragment(encoded: bytes) -> Any:
    """Return encoded JSON as a value of an answer; its type is that of what was encoded."""
    return orjson.Fragment(encoded)


def joined(view: Mapping[str, object], content: bytes) -> bytes:
    """Return the JSON of the fields of a view and of an encoded object, which has others; neither is empty."""
    return b"%b,%b" % (orjson.dumps(view)[:-1], content[1:])


class Empty(TypedDict):
    """An object without fields."""


class Identified(TypedDict):
    _id: HexId


class EnvironmentIds(TypedDict):
    _environmentId: HexId
    _organizationId: HexId


class Owned(Identified, EnvironmentIds):
    pass


class Timestamps(TypedDict):
    createdAt: Date
    updatedAt: Date


class PageReply(TypedDict, Generic[T]):
    """A numbered page that says whether there is another."""

    data: list[T]
    page: Count
    pageSize: Count
    hasMore: bool
    totalCount: NotRequired[Count]


class CountedPageReply(TypedDict, Generic[T]):
    """A numbered page that says how many items there are."""

    data: list[T]
    page: Count
    pageSize: Count
    totalCount: Count
    hasMore: NotRequired[bool]


class CursorPageReply(TypedDict, Generic[T]):
    """A page beside a cursor, with the cursors to go on from."""

    data: list[T]
    next: str | None
    previous: str | None
    totalCount: Count
    totalCountCapped: bool


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
    ctx: JsonObject
    error: NotRequired[str]
    errors: NotRequired[dict[str, FieldErrors] | list[JsonObject]]
    errorId: NotRequired[str]


class SubscriberChannel(TypedDict):
    providerId: Provider
    credentials: Credentials
    integrationIdentifier: NotRequired[str]
    _integrationId: HexId


Versioned = TypedDict("Versioned", {"__v": int})  # within a class body the name would be mangled


class PersonName(TypedDict):
    firstName: NotRequired[str | Absent]
    lastName: NotRequired[str | Absent]


class Contact(PersonName):
    email: NotRequired[str | Absent]
    phone: NotRequired[str | Absent]


class ProfileTexts(Contact):
    avatar: NotRequired[str | Absent]
    locale: NotRequired[str | Absent]
    timezone: NotRequired[str | Absent]


class SubscriberProfile(ProfileTexts):
    """The stored profile of a subscriber; `channels` are the credentials of providers."""

    data: NotRequired[JsonObject]
    channels: NotRequired[list[JsonObject]]


class SubscriberReply(Owned, Versioned, Timestamps, ProfileTexts):
    id: HexId
    subscriberId: str
    data: JsonObject
    channels: list[SubscriberChannel]
    topics: NotRequired[list[str] | Absent]
    isOnline: bool
    lastOnlineAt: NotRequired[Date | Absent]
    deleted: bool


class NotificationTo(PersonName):
    """Who it is for."""

    id: HexId
    subscriberId: str
    avatar: NotRequired[str | Absent]


class SubscriberCard(Identified, NotificationTo):
    pass


ExportedPreferences = TypedDict("ExportedPreferences", {"global": JsonObject, "workflows": list[JsonObject]})


class NamedEnvironment(Identified):
    name: str


class ExportHead(TypedDict):
    format: Literal["inbox.subscriber/1"]
    exportedAt: Date
    environment: NamedEnvironment
    subscriber: SubscriberReply
    preferences: ExportedPreferences


class SubscriberExport(ExportHead):
    """Everything of one subscriber; the parts are told in docs/export.md."""

    subscriptions: list[JsonObject]
    feeds: list[JsonObject]
    messages: list[JsonObject]
    activity: list[JsonObject]


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
    subscriberId: NotRequired[str | Absent]


class BulkSubscribersReply(TypedDict):
    created: list[NamedSubscriber]
    updated: list[NamedSubscriber]
    failed: list[FailedSubscriber]


class ButtonReply(TypedDict):
    type: Literal["primary", "secondary"]
    content: str
    url: NotRequired[str]
    target: NotRequired[LinkTarget]


class PressedButton(TypedDict):
    """The button that was pressed last, `{}` when none was."""

    type: NotRequired[Literal["primary", "secondary"]]
    payload: NotRequired[JsonObject]


class LinkReply(TypedDict):
    url: NotRequired[str]
    target: NotRequired[LinkTarget]


class CtaActionReply(TypedDict):
    buttons: list[ButtonReply]
    status: NotRequired[Literal["pending", "done"]]
    result: NotRequired[PressedButton]


class CtaReply(TypedDict):
    type: NotRequired[Literal["redirect"]]
    data: NotRequired[LinkReply]
    action: CtaActionReply


class MarkedContent(TypedDict):
    """What a message says, and its buttons."""

    _templateId: HexId
    _messageTemplateId: HexId
    _feedId: HexId | None
    templateIdentifier: str
    transactionId: str
    channel: Literal["in_app"]
    providerId: Literal["novu"]
    content: str
    subject: NotRequired[str | Absent]
    cta: CtaReply
    deviceTokens: list[str]
    status: Literal["sent"]
    payload: JsonObject
    overrides: JsonObject


class MarkedState(Owned):
    _notificationId: HexId
    _subscriberId: HexId
    seen: bool
    read: bool
    deliveredAt: list[Date]
    createdAt: Date
    firstSeenDate: NotRequired[Date | Absent]
    lastSeenDate: NotRequired[Date | Absent]
    lastReadDate: NotRequired[Date | Absent]
    snoozedUntil: NotRequired[Date | Absent]


class MarkedMessage(MarkedState, MarkedContent):
    pass


class EditedReply(TypedDict):
    """How many messages an edit changed, and how many said that already."""

    updated: Count
    unchanged: Count


class ActorReply(TypedDict):
    type: str
    data: NotRequired[str | None]


class MessageContent(MarkedContent):
    stepId: str
    bodyFormat: NotRequired[BodyFormat | Absent]
    avatar: NotRequired[str | Absent]
    data: NotRequired[JsonObject | Absent]
    actor: NotRequired[ActorReply | Absent]
    _actorId: NotRequired[HexId | Absent]
    tags: list[str]
    severity: Severity
    contextKeys: list[str]
    expiresAt: NotRequired[Date | Absent]


class MessageStateReply(MarkedState):
    id: HexId
    sequence: SequenceNumber
    _jobId: HexId
    archived: bool
    archivedAt: NotRequired[Date | Absent]
    updatedAt: Date


class MessageReply(MessageStateReply, MessageContent):
    pass


class ExportedMessage(MessageReply):
    externalReference: NotRequired[str | Absent]


class FeedItem(MessageReply):
    subscriber: SubscriberCard


class PushedMessage(FeedItem):
    """A message as sockets carry it."""

    workflow: WorkflowSummary


class TriggerEvent(TypedDict):
    """What a workflow is triggered by."""

    type: Literal["event"]
    identifier: str
    variables: list[Variable]
    subscriberVariables: NotRequired[list[Variable]]


class NamedWorkflow(Identified):
    name: str
    triggers: list[TriggerEvent]


class ActedMessage(MessageReply):
    subscriber: SubscriberReply
    template: NotRequired[WorkflowTemplate | Absent]


class NotificationRedirect(TypedDict):
    url: str
    target: NotRequired[LinkTarget]


class NotificationAction(TypedDict):
    label: str
    isCompleted: bool
    redirect: NotRequired[NotificationRedirect]


class WorkflowSummary(TypedDict):
    id: HexId
    identifier: str
    name: str
    critical: bool
    tags: list[str]
    severity: Severity


class NamedMessage(TypedDict):
    """A message that is gone: nothing but its id is left to tell."""

    id: HexId


class NotificationState(NamedMessage):
    transactionId: str
    isSeen: bool
    isRead: bool
    isArchived: bool
    isSnoozed: bool
    createdAt: Date
    readAt: NotRequired[Date | Absent]
    firstSeenAt: NotRequired[Date | Absent]
    archivedAt: NotRequired[Date | Absent]
    snoozedUntil: NotRequired[Date | Absent]


class NotificationContent(TypedDict):
    """What a notification says, and its buttons."""

    subject: NotRequired[str | Absent]
    body: str
    bodyFormat: NotRequired[BodyFormat | Absent]
    avatar: NotRequired[str | Absent]
    primaryAction: NotRequired[NotificationAction | Absent]
    secondaryAction: NotRequired[NotificationAction | Absent]
    data: NotRequired[JsonObject | Absent]
    redirect: NotRequired[NotificationRedirect | Absent]
    channelType: Literal["in_app"]
    tags: list[str]
    severity: Severity
    expiresAt: NotRequired[Date | Absent]


class NotificationReply(NotificationState, NotificationContent):
    sequence: SequenceNumber
    to: NotificationTo
    deliveredAt: list[Date]
    workflow: WorkflowSummary


class EventMessage(NotificationState):
    """A message as the events of webhooks and of the event stream carry it."""

    workflow: str
    externalReference: NotRequired[str | Absent]


class WholeEventMessage(EventMessage):
    subject: NotRequired[str | Absent]
    body: str
    data: NotRequired[JsonObject | Absent]
    payload: JsonObject
    tags: list[str]
    severity: Severity


class EventAction(TypedDict):
    type: Literal["primary", "secondary"]
    status: Literal["pending", "done"]
    payload: NotRequired[Any]


class PresenceEvent(TypedDict):
    subscriberId: str
    isOnline: bool
    lastOnlineAt: NotRequired[Date | Absent]


class NotificationPage(TypedDict):
    data: list[NotificationReply]
    hasMore: bool
    filter: JsonObject


class CountItem(TypedDict):
    count: Annotated[int, Meta(ge=0, le=100)]
    filter: JsonObject


class NotificationCounts(TypedDict):
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


TriggerStatus = Literal[
    "processed",
    "trigger_not_active",
    "no_workflow_steps_defined",
    "no_workflow_active_steps_defined",
    "no_tenant_found",
    "error",
]


class TriggerReply(TypedDict):
    acknowledged: bool
    status: TriggerStatus
    transactionId: NotRequired[str | Absent]
    error: NotRequired[list[str] | Absent]


JobStatus = Literal["completed", "canceled", "merged", "skipped", "failed", "delayed"]
DetailStatus = Literal["Success", "Warning", "Failed", "Pending"]


class JobExecutionDetail(Identified):
    _jobId: HexId
    createdAt: Date
    detail: str
    isRetry: bool
    isTest: bool
    providerId: str
    source: str
    status: DetailStatus
    raw: NotRequired[str | Absent]


class JobStep(Identified):
    _templateId: HexId
    stepId: str
    name: str
    active: bool
    filters: list[JsonObject]


class JobReply(Identified):
    """One step of an activity with all its executions, oldest first."""

    type: StepType
    providerId: str
    status: JobStatus
    step: JobStep
    executionDetails: list[JobExecutionDetail]
    updatedAt: Date


class ActivitySubscriber(Identified, Contact):
    subscriberId: str


class ActivityReply(Owned, Timestamps):
    _subscriberId: HexId
    _templateId: HexId
    transactionId: str
    channels: list[str]
    severity: Severity
    to: NamedSubscriber
    jobs: list[JobReply]
    subscriber: NotRequired[ActivitySubscriber | Absent]
    template: NotRequired[NamedWorkflow | Absent]
    critical: NotRequired[bool | Absent]
    payload: NotRequired[JsonObject | Absent]
    tags: NotRequired[list[str] | Absent]
    contextKeys: NotRequired[list[str] | Absent]
    dispatch: NotRequired[DispatchProgress | Absent]


class ExecutionDetailReply(JobExecutionDetail, Owned):
    _subscriberId: HexId
    _notificationId: HexId
    _notificationTemplateId: HexId
    transactionId: str
    channel: str


class TopicCreatedV1(Identified):
    key: str


class TopicReference(TopicCreatedV1):
    name: NotRequired[str | Absent]


class TopicReply(TopicReference, Timestamps):
    pass


class TopicReplyV1(TopicReply, Owned):
    subscribers: list[str]


class TopicMemberReply(EnvironmentIds):
    _subscriberId: HexId
    _topicId: HexId
    topicKey: str
    externalSubscriberId: str


class TopicSubscribersReply(TypedDict):
    succeeded: Sequence[str]
    failed: NotRequired[UnknownSubscribers | Absent]


class UnknownSubscribers(TypedDict):
    notFound: list[str]


class SubscriptionSubscriber(Identified):
    subscriberId: str
    avatar: NotRequired[str | None]
    firstName: NotRequired[str | None]
    lastName: NotRequired[str | None]
    email: NotRequired[str | None]
    createdAt: NotRequired[Date]
    updatedAt: NotRequired[Date]


class SubscriptionPreferenceReply(TypedDict):
    subscriptionId: HexId
    enabled: bool
    workflow: WorkflowSummary


class SubscriptionFields(TypedDict):
    identifier: str
    name: NotRequired[str | Absent]
    preferences: NotRequired[list[SubscriptionPreferenceReply] | Absent]
    contextKeys: NotRequired[list[str] | Absent]


class SubscriptionReply(Identified, SubscriptionFields, Timestamps):
    topic: TopicReference
    subscriber: SubscriptionSubscriber | None


class ListedSubscription(Identified):
    identifier: str
    createdAt: Date
    topic: TopicReference
    subscriber: SubscriptionSubscriber
    contextKeys: NotRequired[list[str] | Absent]


class SubscriptionDetails(SubscriptionFields):
    id: HexId


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


class TenantReply(Owned, Timestamps):
    identifier: str
    name: NotRequired[str | Absent]
    data: JsonObject


class ContextReply(Timestamps):
    type: str
    id: str
    data: JsonObject


class EnvironmentReply(Identified, Timestamps):
    _organizationId: HexId
    name: str
    identifier: str
    type: Literal["dev", "prod"]
    slug: str
    apiKeys: list[ApiKeyReply]


class ApiKeyReply(TypedDict):
    key: str
    _userId: HexId


class TagReply(TypedDict):
    name: str


class IntegrationCredentialsReply(TypedDict):
    hmac: bool


class IntegrationReply(Owned):
    name: str
    identifier: str
    providerId: str
    channel: str
    credentials: IntegrationCredentialsReply
    configurations: JsonObject
    conditions: list[JsonObject]
    active: bool
    deleted: bool
    primary: bool


class ActiveReply(TypedDict):
    active: bool


class OrganizationReply(Identified, Timestamps):
    name: str
    branding: BrandingReply


class BrandingReply(TypedDict):
    logo: str
    color: str
    fontColor: NotRequired[str]
    contentBackground: NotRequired[str]
    fontFamily: NotRequired[str]
    direction: NotRequired[Literal["ltr", "rtl"]]


class GroupReference(Owned):
    name: str


class GroupReply(GroupReference, Timestamps):
    pass


class NamedFeedReply(Owned, Timestamps):
    id: HexId
    deleted: bool
    name: str
    identifier: str


class OverrideReply(Owned, Timestamps):
    _workflowId: HexId
    _tenantId: HexId
    active: bool
    preferenceSettings: dict[str, bool]
    deleted: bool


class StepIssue(TypedDict):
    issueType: str
    message: str
    variableName: NotRequired[str | Absent]


class StepIssues(TypedDict):
    """Fields of a step that will not do what they seem to, by their dotted paths below `controlValues`."""

    controls: dict[str, list[StepIssue]]


class StepReply(Identified):
    """A step; `controlValues`, and the same in `controls.values`, are what was stored."""

    stepId: str
    slug: str
    name: str
    type: StepType
    origin: str
    workflowId: str
    workflowDatabaseId: HexId
    variables: JsonObject
    controls: StepControls
    controlValues: JsonObject
    issues: NotRequired[StepIssues | Absent]


class StepControls(TypedDict):
    values: JsonObject


class LevelStatus(TypedDict):
    enabled: bool
    readOnly: bool


class ChannelStatus(TypedDict):
    enabled: bool


class WorkflowLevel(TypedDict):
    all: LevelStatus
    channels: dict[ChannelType, ChannelStatus]


class WorkflowPreferences(TypedDict):
    default: WorkflowLevel
    user: WorkflowLevel | None


class WorkflowHead(Identified, Timestamps):
    workflowId: str
    slug: str
    name: str
    tags: list[str]
    status: Literal["ACTIVE", "INACTIVE"]
    origin: str
    isTranslationEnabled: bool


class WorkflowReply(WorkflowHead):
    active: bool
    severity: Severity
    validatePayload: bool
    preferences: WorkflowPreferences
    steps: list[StepReply]
    description: NotRequired[str | Absent]
    payloadSchema: NotRequired[JsonObject | Absent]


class CreatedWorkflowReply(WorkflowReply):
    droppedSteps: NotRequired[list[JsonObject] | Absent]
    ignoredFields: NotRequired[list[str] | Absent]


class ListedStep(TypedDict):
    slug: str
    type: StepType


class ListedWorkflow(WorkflowHead):
    """The short form of a workflow."""

    stepTypeOverviews: list[StepType]
    steps: list[ListedStep]


class WorkflowListReply(TypedDict):
    workflows: list[ListedWorkflow]
    totalCount: Count


class StepTemplateReply(Identified):
    """What an in-app step says."""

    type: StepType
    content: str
    active: NotRequired[bool]
    cta: NotRequired[CtaReply]
    variables: NotRequired[list[Variable]]
    feedId: NotRequired[HexId]
    _feedId: NotRequired[HexId]
    actor: NotRequired[ActorReply]


class TemplateStep(Identified):
    _templateId: HexId
    uuid: str
    stepId: str
    name: str
    active: bool
    shouldStopOnFail: bool
    template: StepTemplateReply
    filters: list[JsonObject]
    variants: list[JsonObject]


class WorkflowTemplate(Owned):
    """A workflow as v1 shows it."""

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
    _notificationGroupId: HexId
    deleted: bool
    deletedAt: str
    deletedBy: str
    data: JsonObject
    _creatorId: HexId


class WorkflowV1Reply(WorkflowTemplate):
    id: HexId


class PreferenceReply(TypedDict):
    enabled: bool
    channels: dict[str, bool]


class PreferenceOverride(TypedDict):
    """Who decided about a channel."""

    channel: ChannelType
    source: Literal["subscriber", "template"]


class GlobalPreferenceReply(PreferenceReply):
    schedule: NotRequired[Schedule | Absent]


class PreferenceWorkflow(TypedDict):
    slug: str
    identifier: str
    name: str
    updatedAt: Date


class DecidedPreference(PreferenceReply):
    """A preference with who decided it, and when the subscriber last changed it."""

    overrides: list[PreferenceOverride]
    updatedAt: NotRequired[Date | Absent]


class WorkflowPreferenceReply(DecidedPreference):
    workflow: PreferenceWorkflow


PreferencesReply = TypedDict(
    "PreferencesReply", {"global": GlobalPreferenceReply, "workflows": list[WorkflowPreferenceReply]}
)


class RowPreference(GlobalPreferenceReply):
    overrides: NotRequired[list[PreferenceOverride] | Absent]
    updatedAt: NotRequired[Date | Absent]


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
    overrides: NotRequired[list[PreferenceOverride] | Absent]
    workflow: NotRequired[WorkflowSummary | Absent]
    subscriptionId: NotRequired[str | Absent]


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
    schedule: NotRequired[Schedule | Absent]
    contextKeys: list[str]


class WidgetProfile(Identified):
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
    layouts: list[JsonObject]
    totalCount: Count


class Success(TypedDict):
    success: bool


class HealthReply(TypedDict):
    status: str
    version: NotRequired[str]
    reason: NotRequired[str]
