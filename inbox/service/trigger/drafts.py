"""Messages about to be stored: what a trigger makes of a workflow for each recipient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from inbox import clock
from inbox.errors import PayloadTooLarge
from inbox.models.expiry import parse_expiry
from inbox.models.message import StoredMessage, encode_stored
from inbox.models.preference import delivers_by_default
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import CollapseMode, StepActor, Workflow
from inbox.rendering import (
    AnyStep,
    CompiledDigest,
    CompiledStep,
    CompiledWait,
    Rendered,
    RenderError,
    compile_steps,
    working,
)
from inbox.store.collapses import Collapse
from inbox.store.feed import Feed
from inbox.store.keys import collapse_name
from inbox.store.messages import Delivery, Preference

MAX_MESSAGE_BYTES = 64 * 1024
MAX_SHOWN = 100
SKIPPED = "the step's condition holds"
NO_WAIT = "its time had come already"
EXPIRED = "it would have expired already"
TOO_LARGE = f"A message is larger than {MAX_MESSAGE_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that gives no message for a feed, and why."""

    feed: Feed
    step_id: str
    reason: str
    kind: Literal["failed", "skipped", "too large"] = "failed"


@dataclass(frozen=True, slots=True)
class Wait:
    """A step at which what a trigger does for a feed waits, from `now_ms` until `due_ms` (ms since 1970).

    `place` is the step's among the active ones. A digest has a `key`, which tells events that belong together from
    others, and waits only for an event that had another one within `look_back_ms` before it, where that is not 0.
    """

    feed: Feed
    place: int
    step_id: str
    now_ms: int
    due_ms: int
    key: str | None = None
    look_back_ms: int = 0
    subscriber: Mapping[str, Any] | None = None


Draft = Delivery | Failure | Wait


@dataclass(frozen=True, slots=True)
class Plan:
    """What all messages of a trigger share."""

    workflow: Workflow
    payload: dict[str, Any]
    overrides: dict[str, Any]
    transaction_id: str
    severity: str | None = None
    actor: Subscriber | None = None
    context_keys: list[str] = field(default_factory=list)
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    external_reference: str | None = None
    expires_ms: int = 0
    """When its messages are deleted (ms since 1970), 0 never; a step's own end stands over it."""
    triggered_ms: int = field(default_factory=clock.now_ms)
    """When it was triggered: durations count from then, also when it is carried out later."""
    collapse_key: str | None = None
    collapse_mode: CollapseMode | None = None
    """The key under which its messages collapse, and how; a step's own stand over them."""
    tenant_channels: Mapping[str, bool] = field(default_factory=dict)
    """Channel → whether the workflow delivers there by default for the trigger's tenant, where that differs."""

    @property
    def steps(self) -> Sequence[AnyStep]:
        """The workflow's steps, ready to render."""
        return compile_steps(self.workflow)

    def place_of(self, step_id: str) -> int | None:
        """Where a step stands among the active ones."""
        return next((place for place, one in enumerate(self.steps) if one.step.step_id == step_id), None)

    @property
    def needs_subscriber(self) -> bool:
        """Whether a template names the subscriber."""
        return any(step.needs_subscriber for step in self.steps)

    @property
    def preference(self) -> Preference:
        """Whether the workflow delivers where a subscriber has chosen nothing."""
        if self.workflow.critical:
            return "c"
        delivers = self.tenant_channels.get("in_app", delivers_by_default(self.workflow, "in_app"))
        return "1" if delivers else "0"

    def draft(
        self,
        feed: Feed,
        subscriber: Mapping[str, Any] | None,
        start: int = 0,
        steps: Mapping[str, Any] | None = None,
    ) -> list[Draft]:
        """What becomes of each step for one feed, in their order, from `start` up to one that waits, which is the last.

        `subscriber` is what templates see of it, `steps` what they see of digests before. A step whose waiting cannot
        be told ends it. All that is rendered shares one budget.
        """
        seen = {**self.surroundings, "steps": steps} if steps else self.surroundings
        drafts: list[Draft] = []
        with working():
            for place, step in enumerate(self.steps[start:], start):
                draft = self._draft(step, place, feed, subscriber, seen)
                drafts.append(draft)
                if isinstance(draft, Wait):
                    break
                if isinstance(step, CompiledWait) and isinstance(draft, Failure) and draft.kind == "failed":
                    break
        return drafts

    def _draft(
        self,
        step: AnyStep,
        place: int,
        feed: Feed,
        subscriber: Mapping[str, Any] | None,
        surroundings: Mapping[str, Any],
    ) -> Draft:
        try:
            if step.is_skipped(self.payload, subscriber, surroundings):
                return Failure(feed, step.step.step_id, SKIPPED, "skipped")
            if isinstance(step, CompiledWait):
                wait = self._wait(step, place, feed, subscriber, surroundings)
                return wait or Failure(feed, step.step.step_id, NO_WAIT, "skipped")
            return self._deliver(step, feed, subscriber, surroundings)
        except RenderError as error:
            return Failure(feed, step.step.step_id, error.message)

    def _deliver(
        self,
        step: CompiledStep,
        feed: Feed,
        subscriber: Mapping[str, Any] | None,
        surroundings: Mapping[str, Any],
    ) -> Delivery | Failure:
        rendered = self._rendered(step, subscriber, surroundings)
        message = self._message(step, rendered)
        if message.expires_ms and message.expires_ms <= clock.now_ms():
            return Failure(feed, step.step.step_id, EXPIRED, "skipped")
        content = encode_stored(message)
        if len(content) > MAX_MESSAGE_BYTES:
            return Failure(feed, step.step.step_id, TOO_LARGE, "too large")
        return Delivery(
            feed,
            content,
            transaction_id=self.transaction_id,
            step_id=step.step.step_id,
            workflow_id=self.workflow.id,
            preference=self.preference,
            severity=message.severity,
            expires_ms=message.expires_ms,
            collapse=self._collapse(step, rendered, subscriber, surroundings, message.expires_ms),
        )

    def _wait(
        self,
        step: CompiledWait,
        place: int,
        feed: Feed,
        subscriber: Mapping[str, Any] | None,
        surroundings: Mapping[str, Any],
    ) -> Wait | None:
        """None when its time has come already."""
        now_ms = clock.now_ms()
        scope = {**surroundings, "payload": self.payload, "subscriber": subscriber}
        due_ms = step.due(now_ms, scope)
        if isinstance(step, CompiledDigest):
            key, look_back_ms = step.key(scope), step.look_back_ms(now_ms)
            return Wait(feed, place, step.step.step_id, now_ms, due_ms, key, look_back_ms, subscriber)
        return Wait(feed, place, step.step.step_id, now_ms, due_ms) if due_ms > now_ms else None

    def _collapse(
        self,
        step: CompiledStep,
        rendered: Rendered,
        subscriber: Mapping[str, Any] | None,
        surroundings: Mapping[str, Any],
        expires_ms: int,
    ) -> Collapse | None:
        """How the step's message collapses; made again for another count it still expires when it was to."""
        key = rendered.collapse_key or self.collapse_key
        if not key:
            return None

        def render(count: int) -> bytes:
            message = self._message(step, self._rendered(step, subscriber, surroundings, count))
            message.expires_ms = expires_ms
            content = encode_stored(message)
            if len(content) > MAX_MESSAGE_BYTES:
                raise PayloadTooLarge(TOO_LARGE)
            return content

        name = collapse_name(self.workflow.id, step.step.step_id, key)
        counts = (rendered.collapse_mode or self.collapse_mode) == "count"
        return Collapse(name, counts, render if step.needs_collapse else None)

    def _rendered(
        self,
        step: CompiledStep,
        subscriber: Mapping[str, Any] | None,
        surroundings: Mapping[str, Any],
        count: int = 1,
    ) -> Rendered:
        actor = self.actor.variables() if self.actor and step.needs_actor else None
        seen = {**surroundings, "collapse": {"count": count}} if step.needs_collapse else surroundings
        return step.render(self.payload, subscriber, actor, seen)

    def _message(self, step: CompiledStep, rendered: Rendered) -> StoredMessage:
        return StoredMessage(
            transaction_id=self.transaction_id,
            template_id=self.workflow.id,
            template_identifier=self.workflow.identifier,
            message_template_id=step.step.id,
            step_id=step.step.step_id,
            content=rendered.body,
            subject=rendered.subject,
            avatar=rendered.avatar,
            cta=dict(rendered.cta),
            payload=self.payload,
            overrides=self.overrides,
            data=rendered.data,
            tags=rendered.tags,
            severity=self.severity or rendered.severity,
            actor=shown_actor(step.step.actor, self.actor),
            actor_id=self.actor.oid if self.actor else None,
            external_reference=rendered.external_reference or self.external_reference,
            context_keys=self.context_keys,
            feed_id=step.step.feed_id,
            expires_ms=self._expiry(rendered.expires_at) or self.expires_ms,
        )

    def _expiry(self, rendered: str) -> int:
        try:
            return parse_expiry(rendered, self.triggered_ms) if rendered else 0
        except ValueError as error:
            raise RenderError("expiresAt", f"{rendered[:MAX_SHOWN]!r} {error}") from None


def shown_actor(wanted: StepActor | None, actor: Subscriber | None) -> dict[str, Any] | None:
    """The `actor` of a message: for type `user` the actor's avatar; None when the step asks for none."""
    if wanted is None or wanted.type == "none":
        return None
    if wanted.type == "user":
        return {"type": "user", "data": actor.profile.get("avatar") if actor else None}
    return {"type": wanted.type, "data": wanted.data}
