"""The services of a process and the stores that they use; every face, command and test starts from these."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox.models.context import MAX_CONTEXTS, StoredContext
from inbox.models.group import MAX_GROUPS, Group
from inbox.models.named_feed import MAX_NAMED_FEEDS, NamedFeed
from inbox.models.organization import Organization
from inbox.models.tenant import MAX_TENANTS, Tenant
from inbox.models.workflow_override import MAX_OVERRIDES, Override
from inbox.service.activity.activity import ActivityService
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.activity.activity_rows import ActivityReader
from inbox.service.activity.topic_origin import TopicOrigins
from inbox.service.environments.contexts import ContextService
from inbox.service.environments.environments import EnvironmentService
from inbox.service.environments.idempotency import IdempotencyService
from inbox.service.environments.organization import OrganizationService
from inbox.service.environments.rate_limits import RateLimit, RateLimiter
from inbox.service.environments.retention import RetentionSweep
from inbox.service.environments.tenants import TenantService
from inbox.service.feed.audit import CountsAudit
from inbox.service.feed.cards import CardService
from inbox.service.feed.feed import FeedService
from inbox.service.feed.marks import MarkService
from inbox.service.feed.message_list import MessageList
from inbox.service.feed.named_feeds import NamedFeedService
from inbox.service.feed.revisions import RevisionService
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
from inbox.service.trigger.audience import Audience
from inbox.service.trigger.delivery import DeliveryService
from inbox.service.trigger.dispatch_worker import DispatchWorker
from inbox.service.trigger.dispatches import DispatchService
from inbox.service.trigger.pipeline import Pipeline
from inbox.service.trigger.runs import RunService
from inbox.service.trigger.triggers import TriggerService
from inbox.service.webhooks.event_builder import EventBuilder
from inbox.service.webhooks.hosts import ReachableHosts
from inbox.service.webhooks.relay import EventRelay
from inbox.service.webhooks.sender import WebhookSender
from inbox.service.webhooks.webhooks import WebhookService
from inbox.service.workflows.groups import GroupService
from inbox.service.workflows.overrides import OverrideService
from inbox.service.workflows.workflows import WorkflowService
from inbox.settings import Settings
from inbox.store.activity import ActivityStore
from inbox.store.audit import AuditStore
from inbox.store.client import Client, open_client
from inbox.store.clock import measure_first
from inbox.store.dispatches import DispatchStore
from inbox.store.documents import DocumentStore, ListedDocumentStore
from inbox.store.durability import report_durability
from inbox.store.environments import EnvironmentStore
from inbox.store.erasure import ErasureStore
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import FailedEvents
from inbox.store.feeds import FeedStore
from inbox.store.idempotent_responses import IdempotentResponseStore
from inbox.store.keys import Keys
from inbox.store.message_states import MessageStates
from inbox.store.messages import MessageStore
from inbox.store.outbox import Outbox, OutboxStore
from inbox.store.preferences import PreferenceStore
from inbox.store.presence import PresenceStore
from inbox.store.published_events import PublishedEvents
from inbox.store.references import ReferenceStore
from inbox.store.replication import Replication
from inbox.store.request_counts import RequestCounts
from inbox.store.retention import RetentionStore
from inbox.store.runs import RunStore
from inbox.store.secrets import SecretStore
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.timers import EXPIRE, RUN, WAKE, WINDOW, TimerStore
from inbox.store.topics import TopicStore
from inbox.store.transactions import TransactionStore
from inbox.store.workflows import WorkflowStore


class Services:
    """Every service of one process, over one store. Building them reads and writes nothing."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings, self.client = settings, client
        self.keys = keys = Keys(settings.key_prefix)
        secret_key = settings.secret_key.get_secret_value() if settings.secret_key else None
        outbox = Outbox(keys)
        subscriber_store = SubscriberStore(client, keys, outbox)
        self.feed_store = feed_store = FeedStore(client, keys, subscriber_store)
        message_store = MessageStore(client, keys, feed_store, settings.max_feed_length, outbox)
        secret_store = SecretStore(client, keys, secret_key)
        self.environments = environments = EnvironmentService(
            EnvironmentStore(client, keys),
            secret_store,
            settings,
            on_read=lambda environments: outbox.want({each.number: each.event_types for each in environments}),
        )
        presence_store = PresenceStore(client, keys, outbox)
        topic_store = TopicStore(client, keys)
        subscription_store = SubscriptionStore(client, keys)
        self.tenants = TenantService(
            ListedDocumentStore(client, Tenant, keys.tenants, MAX_TENANTS, "tenants", keys.tenants_order)
        )
        self.topics = TopicService(topic_store, subscription_store, subscriber_store)
        self.topic_origins = TopicOrigins(topic_store, subscription_store, subscriber_store)
        self.subscribers = SubscriberService(subscriber_store, subscription_store)
        self.workflows = WorkflowService(WorkflowStore(client, keys))
        self.memberships = MembershipList(self.topics, topic_store, subscription_store, subscriber_store)
        self.workflow_choices = WorkflowChoices(self.workflows)
        self.contexts = ContextService(
            ListedDocumentStore(client, StoredContext, keys.contexts, MAX_CONTEXTS, "contexts", keys.contexts_order)
        )
        self.workflow_overrides = OverrideService(
            DocumentStore(client, Override, keys.workflow_overrides, MAX_OVERRIDES, "workflow overrides")
        )
        activity_store = ActivityStore(client, keys)
        self.activity_log = activity_log = ActivityLog(activity_store, feed_store, environments)
        reader = ActivityReader(activity_store, feed_store, subscriber_store, self.workflows)
        self.activity = ActivityService(activity_store, activity_log, reader, feed_store)
        work_lease_ms = int(settings.work_lease_seconds * 1_000)
        dispatch_store = DispatchStore(client, keys, message_store)
        audience = Audience(topic_store, subscription_store, subscriber_store)
        run_store = RunStore(client, keys)
        pipeline = Pipeline(client, keys, feed_store, message_store, run_store, activity_log)
        runs = RunService(
            run_store, feed_store, MessageStates(client, keys, feed_store), subscriber_store, activity_log, pipeline
        )
        self.dispatch_worker = DispatchWorker(
            dispatch_store, audience, feed_store, pipeline, environments, work_lease_ms
        )
        feed_timers = FeedTimers(feed_store, message_store)
        self.timer_worker = TimerWorker(
            TimerStore(client, keys),
            environments,
            {WAKE: feed_timers.wake, EXPIRE: feed_timers.expire, RUN: runs.fire, WINDOW: runs.close},
            work_lease_ms,
        )
        transactions = TransactionStore(client, keys)
        outbox_store, event_stream = OutboxStore(client, keys), EventStream(client, keys)
        failed_events = FailedEvents(client, keys)
        hosts = ReachableHosts(settings.reachable_private_networks)
        sender = WebhookSender(settings.webhook_timeout_seconds, hosts)
        self.webhooks = WebhookService(environments, secret_store, outbox_store, event_stream, failed_events, sender)
        self.event_relay = EventRelay(
            outbox,
            outbox_store,
            event_stream,
            failed_events,
            EventBuilder(feed_store, subscriber_store),
            sender,
            self.webhooks,
            environments,
            transactions,
            settings.webhook_retry_seconds,
        )
        self.dispatches = dispatches = DispatchService(dispatch_store, self.dispatch_worker.has_work.set)
        delivery = DeliveryService(subscriber_store, feed_store, audience, activity_log, dispatches, pipeline)
        self.feed = FeedService(feed_store)
        references = ReferenceStore(client, keys, feed_store)
        self.marks = MarkService(feed_store, message_store, references)
        self.preferences = PreferenceService(PreferenceStore(client, keys, subscriber_store), self.workflows)
        self.sessions = SessionService(environments, self.subscribers, subscriber_store, settings.token_ttl_seconds)
        self.idempotency = IdempotencyService(IdempotentResponseStore(client, keys), settings.idempotency_seconds)
        self.rate_limiter = RateLimiter(
            RequestCounts(client, keys),
            RateLimit.parse(settings.rate_limit_per_key),
            RateLimit.parse(settings.rate_limit_per_subscriber),
        )
        self.subscriber_list = SubscriberList(subscriber_store, presence_store)
        self.subscriber_sweep = SubscriberSweep(subscriber_store, environments)
        self.export = ExportService(
            self.subscribers,
            self.preferences,
            topic_store,
            subscription_store,
            feed_store,
            activity_store,
            activity_log,
            reader,
        )
        self.erasure = ErasureService(
            ErasureStore(client, keys, subscriber_store, run_store),
            PublishedEvents(client, keys),
            subscriber_store,
            subscription_store,
            feed_store,
            activity_store,
            activity_log,
        )
        self.groups = GroupService(DocumentStore(client, Group, keys.groups, MAX_GROUPS, "notification groups"))
        self.named_feeds = NamedFeedService(
            DocumentStore(client, NamedFeed, keys.named_feeds, MAX_NAMED_FEEDS, "feeds")
        )
        self.organization = OrganizationService(DocumentStore(client, Organization, keys.organization))
        self.triggers = TriggerService(
            self.workflows,
            transactions,
            self.tenants,
            self.workflow_overrides,
            self.contexts,
            delivery,
            dispatches,
            runs,
            Replication(client, keys, secrets.token_hex(6), settings.wait_replicas, settings.wait_replicas_seconds),
            logging.INFO if settings.mode == "development" else logging.DEBUG,
        )
        self.retention_sweep = RetentionSweep(RetentionStore(client, keys), feed_store, message_store, environments)
        self.counts_audit = CountsAudit(AuditStore(client, keys), feed_store, subscriber_store, environments)
        self.cards = CardService(self.workflows, subscriber_store)
        self.message_list = MessageList(self.activity, self.feed)
        self.revisions = RevisionService(feed_store, message_store, references, self.activity, activity_log)
        self.presence = PresenceService(
            presence_store, settings.presence_lease_seconds, settings.presence_grace_seconds
        )
        self.subscriptions = SubscriptionService(
            self.topics, self.memberships, self.workflow_choices, subscription_store, subscriber_store
        )


@asynccontextmanager
async def open_services(settings: Settings, redis_url: str, *, serving: bool = False) -> AsyncIterator[Services]:
    """Yield services over the store at `redis_url`, with the environments loaded. Raise StartupError.

    `serving` is for the service, in contrast to a command.
    """
    client = await open_client(redis_url)
    try:
        await measure_first(client)
        services = Services(settings, client)
        await services.environments.load(serving=serving)
        if serving and settings.redis_url:
            await report_durability(client)
        yield services
    finally:
        await client.close()
