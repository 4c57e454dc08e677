"""Opening a browser session: what current browsers send (rest-inbox.md §2), and what older ones send (§14)."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from msgspec import UNSET

from inbox.errors import invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.preference import Schedule
from inbox.models.subscriber import Profile, Text


class SessionRequest(msgspec.Struct, rename="camel"):
    """The body of a session call, in the forms of old and new clients."""

    application_identifier: str | None = None
    subscriber: dict[str, Any] | str | None = None
    subscriber_id: str | None = None
    subscriber_hash: str | None = None
    context: dict[str, Any] | None = None
    context_hash: str | None = None
    default_schedule: dict[str, Any] | None = None

    def schedule(self) -> dict[str, Any] | None:
        """The schedule that a subscriber without one gets. Raises ValidationFailed."""
        if self.default_schedule is None:
            return None
        try:
            return msgspec.convert({"isEnabled": False, **self.default_schedule}, Schedule).stored()
        except msgspec.ValidationError as error:
            raise invalid("defaultSchedule", str(error)) from None

    def canonical_context(self) -> str:
        """The context as its hash is made of: JSON as it was sent, keys sorted, no spaces."""
        return orjson.dumps(self.context or {}, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def is_keyless(self) -> bool:
        """Whether neither an environment nor a subscriber is named: a trial session, which is not offered here."""
        return self.application_identifier is None and self.subscriber is None and self.subscriber_id is None

    def who(self) -> tuple[SubscriberId, dict[str, Any]]:
        """The subscriberId and the profile sent with it. Raises ValidationFailed or BadRequest."""
        if isinstance(self.subscriber, dict):
            if self.subscriber.get("subscriberId") is None:
                raise invalid("subscriber.subscriberId", "subscriberId should not be empty")
            try:
                sent = {name: value for name, value in self.subscriber.items() if name != "channels"}
                profile = msgspec.convert(sent, Profile)  # a browser sets no credentials
            except msgspec.ValidationError as error:
                raise invalid("subscriber", str(error)) from None
            return parse_subscriber_id(self.subscriber["subscriberId"]), profile.changes()
        given = self.subscriber or self.subscriber_id
        if given is None:
            raise invalid("subscriberId", "subscriberId should not be empty")
        return parse_subscriber_id(given), {}


class WidgetSessionRequest(msgspec.Struct, rename="camel"):
    """The body of a session call of older clients."""

    application_identifier: str
    subscriber_id: str
    hmac_hash: str | None = None
    first_name: Text = UNSET
    last_name: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET

    def who(self) -> tuple[SubscriberId, dict[str, Any]]:
        """The subscriberId and the profile sent with it. Raises ValidationFailed or BadRequest."""
        profile = Profile(self.first_name, self.last_name, self.email, self.phone)
        return parse_subscriber_id(self.subscriber_id), profile.changes()
