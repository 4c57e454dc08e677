"""Topics and their subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from inbox.models.wire.base import Absent, Count, Date, EnvironmentIds, HexId, Identified, Owned, Timestamps
from inbox.models.wire.workflows import WorkflowSummary


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
