"""The bodies that open a browser session: of current pages, and of older ones."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import orjson
from msgspec import UNSET

from inbox.errors import invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.context_keys import ContextBody
from inbox.models.documented import REQUIRED, documented
from inbox.models.json_values import JsonObject
from inbox.models.preference import Schedule, Week
from inbox.models.subscriber import Profile, SubscriberRecipient, Text


class SessionSchedule(TypedDict):
    """The schedule that a subscriber without one gets."""

    isEnabled: NotRequired[bool]
    weeklySchedule: NotRequired[Week]


class SessionRequest(msgspec.Struct, rename="camel"):
    """The body of a session call: `applicationIdentifier` and the subscriber, by `subscriber` or `subscriberId`."""

    application_identifier: Annotated[str | None, REQUIRED] = None
    subscriber: Annotated[dict[str, Any], documented(SubscriberRecipient)] | str | None = None
    subscriber_id: str | None = None
    subscriber_hash: str | None = None
    context: ContextBody | None = None
    context_hash: str | None = None
    default_schedule: Annotated[dict[str, Any], documented(SessionSchedule)] | None = None

    def schedule(self) -> JsonObject | None:
        """Return the schedule for a subscriber without one. Raise ValidationFailed."""
        if self.default_schedule is None:
            return None
        try:
            return msgspec.convert({"isEnabled": False, **self.default_schedule}, Schedule).to_stored()
        except msgspec.ValidationError as error:
            raise invalid("defaultSchedule", str(error)) from None

    def canonical_context(self) -> str:
        """Return the context as it is hashed: the JSON that was sent, with sorted keys and without spaces."""
        return orjson.dumps(self.context or {}, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def is_keyless(self) -> bool:
        """Whether it names neither environment nor subscriber: a trial session, which is not offered here."""
        return self.application_identifier is None and self.subscriber is None and self.subscriber_id is None

    def target(self) -> tuple[SubscriberId, JsonObject]:
        """Return the subscriberId and its profile. Raise ValidationFailed or BadRequest."""
        if isinstance(self.subscriber, dict):
            if self.subscriber.get("subscriberId") is None:
                raise invalid("subscriber.subscriberId", "subscriberId should not be empty")
            try:
                sent = {name: value for name, value in self.subscriber.items() if name != "channels"}
                profile = msgspec.convert(sent, Profile)  # a browser sets no credentials
            except msgspec.ValidationError as error:
                raise invalid("subscriber", str(error)) from None
            return parse_subscriber_id(self.subscriber["subscriberId"]), profile.changes()
        subscriber_id = self.subscriber or self.subscriber_id
        if subscriber_id is None:
            raise invalid("subscriberId", "subscriberId should not be empty")
        return parse_subscriber_id(subscriber_id), {}


class WidgetSessionRequest(msgspec.Struct, rename="camel"):
    """The body of a session call of older clients."""

    application_identifier: str
    subscriber_id: str
    hmac_hash: str | None = None
    first_name: Text = UNSET
    last_name: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET

    def target(self) -> tuple[SubscriberId, JsonObject]:
        """Return the subscriberId and its profile. Raise ValidationFailed or BadRequest."""
        profile = Profile(self.first_name, self.last_name, self.email, self.phone)
        return parse_subscriber_id(self.subscriber_id), profile.changes()
