"""The verbs joined to their stores: what a face, a command or a test needs to do anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from inbox.service.environments.contexts import ContextService
from inbox.service.environments.environments import EnvironmentService
from inbox.service.environments.idempotency import IdempotencyService
from inbox.service.environments.organization import OrganizationService
from inbox.service.environments.rate_limits import RateLimit, RateLimiter
from inbox.service.environments.retention import RetentionSweep
from inbox.service.environments.tenants import TenantService
from inbox.service.feed.cards import CardService
from inbox.service.feed.feed import FeedService
from inbox.service.feed.marks import MarkService
from inbox.service.feed.message_list import MessageList
from inbox.service.feed.named_feeds import NamedFeedService
from inbox.service.feed.timers import FeedTimers
from inbox.service.subscribers.erasure import ErasureService
from inbox.service.subscribers.export import ExportService
from inbox.service.subscribers.listing import SubscriberList
from inbox.service.subscribers.preferences import PreferenceService
from inbox.service.subscribers.presence import PresenceService
from inbox.service.subscribers.sessions import SessionService
from inbox.service.subscribers.subscribers import SubscriberService
from inbox.service.subscribers.sweep import SubscriberSweep
from inbox.service.timers import TimerWorker
from inbox.service.topics.memberships import MembershipList
from inbox.service.topics.subscriptions import SubscriptionService
from inbox.service.topics.topics import TopicService
from inbox.service.topics.workflow_choices import WorkflowChoices
from inbox.service.trigger.activity import ActivityService
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.activity_rows import ActivityReader
from inbox.service.trigger.audience import Audience
from inbox.service.trigger.delivery import DeliveryService
from inbox.service.trigger.dispatch_audience import DispatchAudience
from inbox.service.trigger.dispatch_worker import DispatchWorker
from inbox.service.trigger.dispatches import DispatchService
from inbox.service.trigger.runs import RunService
from inbox.service.trigger.triggers import TriggerService
from inbox.service.webhooks.relay import EventRelay
from inbox.service.webhooks.sender import WebhookSender
from inbox.service.webhooks.teller import EventTeller
from inbox.service.webhooks.webhooks import WebhookService
from inbox.service.workflows.groups import GroupService
from inbox.service.workflows.overrides import OverrideService
from inbox.service.workflows.workflows import WorkflowService
from inbox.settings import Settings
from inbox.store.activity import ActivityStore
from inbox.store.answers import AnswerStore
from inbox.store.client import Client, open_client
from inbox.store.clock import kept_clock, measure_first
from inbox.store.dispatches import DispatchStore
from inbox.store.durability import report_durability
from inbox.store.environments import EnvironmentStore
from inbox.store.erasure import ErasureStore
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import FailedEvents
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.messages import MessageStore
from inbox.store.outbox import Outbox, OutboxStore
from inbox.store.preferences import PreferenceStore
from inbox.store.presence import PresenceStore
from inbox.store.request_counts import RequestCounts
from inbox.store.retention import RetentionStore
from inbox.store.runs import RunStore
from inbox.store.secrets import SecretStore
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.tenants import TenantStore
from inbox.store.timers import EXPIRE, RUN, WAKE, WINDOW, TimerStore
from inbox.store.told_events import ToldEvents
from inbox.store.topics import TopicStore
from inbox.store.transactions import TransactionStore


@dataclass(frozen=True, slots=True)
class Services:
    """Every service of one process, over one store."""

    settings: Settings
    client: Client
    keys: Keys
    feed_store: FeedStore
    environments: EnvironmentService
    sessions: SessionService
    idempotency: IdempotencyService
    rate_limiter: RateLimiter
    subscribers: SubscriberService
    subscriber_list: SubscriberList
    subscriber_sweep: SubscriberSweep
    export: ExportService
    erasure: ErasureService
    preferences: PreferenceService
    contexts: ContextService
    groups: GroupService
    named_feeds: NamedFeedService
    organization: OrganizationService
    workflows: WorkflowService
    workflow_overrides: OverrideService
    triggers: TriggerService
    dispatches: DispatchService
    dispatch_worker: DispatchWorker
    timer_worker: TimerWorker
    retention_sweep: RetentionSweep
    webhooks: WebhookService
    event_relay: EventRelay
    cards: CardService
    feed: FeedService
    marks: MarkService
    presence: PresenceService
    activity: ActivityService
    activity_log: ActivityLog
    message_list: MessageList
    tenants: TenantService
    topics: TopicService
    subscriptions: SubscriptionService
    memberships: MembershipList
    workflow_choices: WorkflowChoices


def join_services(settings: Settings, client: Client) -> Services:
    """Builds the services; nothing is read or written yet."""
    keys = Keys(settings.key_prefix)
    secret_key = settings.secret_key.get_secret_value() if settings.secret_key else None
    outbox = Outbox(keys)
    subscriber_store = SubscriberStore(client, keys, outbox)
    feed_store = FeedStore(client, keys, subscriber_store)
    message_store = MessageStore(client, keys, feed_store, settings.max_feed_length, outbox)
    transaction_store = TransactionStore(client, keys)
    presence_store = PresenceStore(client, keys, outbox)
    secret_store = SecretStore(client, keys, secret_key)
    environments = EnvironmentService(
        EnvironmentStore(client, keys),
        secret_store,
        settings,
        on_read=lambda found: outbox.want({one.number: one.wanted_events for one in found}),
    )
    topic_store, subscription_store = TopicStore(client, keys), SubscriptionStore(client, keys)
    tenants = TenantService(TenantStore(client, keys))
    topics = TopicService(topic_store, subscription_store, subscriber_store)
    subscribers = SubscriberService(subscriber_store, subscription_store)
    workflows = WorkflowService(client, keys)
    memberships = MembershipList(topics, topic_store, subscription_store, subscriber_store)
    choices = WorkflowChoices(workflows)
    contexts, overrides = ContextService(client, keys), OverrideService(client, keys)
    activity_store = ActivityStore(client, keys)
    activity_log = ActivityLog(activity_store, feed_store, environments)
    reader = ActivityReader(activity_store, feed_store, subscriber_store, workflows)
    activity = ActivityService(activity_store, activity_log, reader, feed_store)
    dispatch_store = DispatchStore(client, keys, message_store)
    dispatch_audience = DispatchAudience(topic_store, subscription_store, subscriber_store)
    run_store = RunStore(client, keys)
    runs = RunService(run_store, feed_store, message_store, subscriber_store, activity_log)
    dispatch_worker = DispatchWorker(
        dispatch_store, dispatch_audience, feed_store, activity_log, environments, runs, settings.work_lease_seconds
    )
    feed_timers = FeedTimers(feed_store, message_store)
    timer_worker = TimerWorker(
        TimerStore(client, keys),
        environments,
        {WAKE: feed_timers.wake, EXPIRE: feed_timers.expire, RUN: runs.fire, WINDOW: runs.close},
        settings.work_lease_seconds,
    )
    outbox_store, event_stream = OutboxStore(client, keys), EventStream(client, keys)
    failed_events = FailedEvents(client, keys)
    sender = WebhookSender(settings.webhook_timeout_seconds)
    webhooks = WebhookService(environments, secret_store, outbox_store, event_stream, failed_events, sender)
    event_relay = EventRelay(
        outbox,
        outbox_store,
        event_stream,
        failed_events,
        EventTeller(feed_store, subscriber_store),
        sender,
        webhooks,
        environments,
        settings.webhook_retry_seconds,
    )
    dispatches = DispatchService(dispatch_store, dispatch_worker.wake)
    audience = Audience(topic_store, subscription_store, subscriber_store)
    delivery = DeliveryService(
        subscriber_store, feed_store, message_store, audience, activity_log, dispatches, runs
    )
    feed, marks = FeedService(feed_store), MarkService(feed_store, message_store)
    preferences = PreferenceService(PreferenceStore(client, keys, subscriber_store), workflows)
    return Services(
        settings=settings,
        client=client,
        keys=keys,
        feed_store=feed_store,
        environments=environments,
        sessions=SessionService(environments, subscribers, subscriber_store, settings.token_ttl_seconds),
        idempotency=IdempotencyService(AnswerStore(client, keys), settings.idempotency_seconds),
        rate_limiter=RateLimiter(
            RequestCounts(client, keys),
            RateLimit.parse(settings.rate_limit_per_key),
            RateLimit.parse(settings.rate_limit_per_subscriber),
        ),
        subscribers=subscribers,
        subscriber_list=SubscriberList(subscriber_store),
        subscriber_sweep=SubscriberSweep(subscriber_store, environments),
        export=ExportService(
            subscribers, preferences, topic_store, subscription_store, feed_store, activity_store, activity_log, reader
        ),
        erasure=ErasureService(
            ErasureStore(client, keys, subscriber_store, run_store),
            ToldEvents(client, keys),
            subscriber_store,
            subscription_store,
            feed_store,
            activity_store,
            activity_log,
        ),
        contexts=contexts,
        groups=GroupService(client, keys),
        named_feeds=NamedFeedService(client, keys),
        organization=OrganizationService(client, keys),
        preferences=preferences,
        workflows=workflows,
        workflow_overrides=overrides,
        triggers=TriggerService(
            workflows, transaction_store, tenants, overrides, contexts, delivery, dispatches, runs
        ),
        dispatches=dispatches,
        dispatch_worker=dispatch_worker,
        timer_worker=timer_worker,
        retention_sweep=RetentionSweep(RetentionStore(client, keys), feed_store, message_store, environments),
        webhooks=webhooks,
        event_relay=event_relay,
        cards=CardService(workflows, subscriber_store),
        feed=feed,
        marks=marks,
        activity=activity,
        activity_log=activity_log,
        message_list=MessageList(activity, feed, marks, feed_store),
        presence=PresenceService(presence_store, settings.presence_lease_seconds, settings.presence_grace_seconds),
        tenants=tenants,
        topics=topics,
        subscriptions=SubscriptionService(topics, memberships, choices, subscription_store, subscriber_store),
        memberships=memberships,
        workflow_choices=choices,
    )


@asynccontextmanager
async def open_services(settings: Settings, redis_url: str, *, serving: bool = False) -> AsyncIterator[Services]:
    """Services over the store at `redis_url`, with the environment loaded; `serving`: for the service, not a command.

    Raises StartupError.
    """
    client = await open_client(redis_url)
    try:
        await measure_first(client)
        services = join_services(settings, client)
        await services.environments.load(serving=serving)
        if serving and settings.redis_url:
            await report_durability(client)
        async with kept_clock(client):
            yield services
    finally:
        await client.close()
