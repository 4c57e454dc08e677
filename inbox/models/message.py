"""A message: its stored part and its state. `message_views.py` has its forms on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast, get_args

import msgspec

from inbox.errors import invalid
from inbox.ids import MessageId
from inbox.lazy import lazy
from inbox.models import wire
from inbox.models.context_keys import feed_name
from inbox.models.dates import iso
from inbox.models.json_values import JsonObject
from inbox.models.workflow import BodyFormat, Severity

ButtonType = Literal["primary", "secondary"]
ButtonStatus = Literal["pending", "done"]


def parse_button_type(value: str, field: str) -> ButtonType:
    """Return the button that a request names in this field. Raise ValidationFailed for anything else."""
    if value not in get_args(ButtonType):
        raise invalid(field, f"{field} must be one of the following values: primary, secondary", value)
    return cast(ButtonType, value)


class StoredMessage(msgspec.Struct, rename="camel", omit_defaults=True, dict=True):
    """What a message says, stored as one JSON object in the feed's stream. An edit replaces it as a whole."""

    transaction_id: str
    template_id: str
    template_identifier: str
    message_template_id: str
    step_id: str
    content: str = ""
    body_format: BodyFormat | None = None
    """None for plain text."""
    subject: str | None = None
    avatar: str | None = None
    cta: JsonObject = {}
    payload: JsonObject = {}
    overrides: JsonObject = {}
    data: JsonObject | None = None
    tags: list[str] = []
    severity: Severity = "none"
    actor: JsonObject | None = None
    actor_id: str | None = None
    external_reference: str | None = None
    """The producer's own reference, by which the message can be marked."""
    context_keys: list[str] = []
    feed_id: str | None = None
    """The `_id` of the named feed that its step writes to."""
    expires_ms: int = 0
    """When the message is deleted (ms since 1970), 0 never."""

    @lazy
    def forms(self) -> dict[str, bytes]:
        """Return the encoded contents of its forms on the wire without a pressed button, by name."""
        return {}

    def button(self, kind: ButtonType) -> wire.ButtonReply | None:
        buttons: list[wire.ButtonReply] = self.cta.get("action", {}).get("buttons", [])
        return next((button for button in buttons if button.get("type") == kind), None)

    def cta_with(self, press: ButtonPress | None) -> wire.CtaReply:
        """Return the call to action with the status and result of the pressed button, if there is one."""
        cta = cast("wire.CtaReply", self.cta)
        action: wire.CtaActionReply = {"buttons": [], **cta.get("action", {})}
        if press:
            action["status"] = press.status
            action["result"] = {"type": press.type}
            if press.payload is not None:
                action["result"]["payload"] = press.payload
        return {**cta, "action": action}


class Labels(msgspec.Struct, rename="camel"):
    """The searchable fields of a stored message; skipping the rest makes decoding cheap."""

    transaction_id: str
    external_reference: str | None = None
    tags: list[str] = []
    data: JsonObject | None = None
    feed_id: str | None = None


class _Payload(msgspec.Struct):
    payload: JsonObject = {}


encode_stored: Callable[[StoredMessage], bytes] = msgspec.json.Encoder().encode
decode_stored = msgspec.json.Decoder(StoredMessage).decode
decode_labels = msgspec.json.Decoder(Labels).decode
_decode_payload = msgspec.json.Decoder(_Payload).decode


def decode_payload(content: bytes) -> JsonObject:
    return _decode_payload(content).payload


class ButtonPress(NamedTuple):
    """The button that was pressed last; `payload` is that of the press."""

    type: ButtonType
    status: ButtonStatus
    payload: Any = None

    def completes(self, kind: ButtonType) -> bool:
        """Return whether it was that button, and is done."""
        return self[:2] == (kind, "done")


class Message(msgspec.Struct, frozen=True, dict=True):
    """A stored message with its state. Dates are ms since 1970; 0 is never.

    The end of a snooze delivers a message again: `created_ms` is its last delivery, `delivered_before_ms` holds earlier
    ones.
    """

    id: MessageId
    subscriber_oid: str
    stored: StoredMessage
    created_ms: int
    seen: bool = False
    read: bool = False
    archived: bool = False
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    last_read_ms: int = 0
    archived_ms: int = 0
    snoozed_until_ms: int = 0
    action: ButtonPress | None = None
    delivered_before_ms: tuple[int, ...] = ()
    sequence: int = 0
    """Its place in the feed: larger is newer, unique in the feed. It changes when the message goes to the top."""
    edited_ms: int = 0

    @lazy
    def forms(self) -> dict[str, bytes]:
        """Return its encoded forms on the wire, by name."""
        return {}

    @property
    def contexts(self) -> str:
        """The context keys as they name a feed."""
        return feed_name(self.stored.context_keys)

    def delivered_at(self, created: str) -> list[str]:
        """Return the dates of all deliveries, oldest first; `created` is that of the last one."""
        return [*map(iso, self.delivered_before_ms), created] if self.delivered_before_ms else [created]
