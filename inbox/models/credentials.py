"""Credentials of other channels: kept and shown as given, since a page may need them; no provider is ever called."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from inbox.errors import BadRequest
from inbox.ids import derived_object_id

Provider = Literal[
    "slack",
    "discord",
    "msteams",
    "webex-messaging",
    "mattermost",
    "ryver",
    "zulip",
    "grafana-on-call",
    "getstream",
    "rocket-chat",
    "whatsapp-business",
    "line",
    "chat-webhook",
    "novu-slack",
    "telegram",
    "sendblue",
    "novu-web-chat",
    "fcm",
    "apns",
    "expo",
    "one-signal",
    "pushpad",
    "push-webhook",
    "pusher-beams",
    "appio",
]
"""The closed list of chat and push providers of the SDKs: any other would not parse there."""

MAX_DEVICE_TOKENS = 100

Channels = list[dict[str, Any]]


class Credentials(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a provider would need; the fields that the SDKs know."""

    webhook_url: str | None = None
    channel: str | None = None
    device_tokens: list[str] | None = None
    alert_uid: str | None = None
    title: str | None = None
    image_url: str | None = None
    state: str | None = None
    external_url: str | None = None


class Channel(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The credentials of one provider; the body of the credentials calls, and an item of a profile's `channels`."""

    provider_id: Provider
    credentials: Credentials
    integration_identifier: str | None = None

    def stored(self) -> dict[str, Any]:
        """What is kept. Raises BadRequest for more device tokens than a person has devices."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        tokens = list(dict.fromkeys(self.credentials.device_tokens or []))
        if len(tokens) > MAX_DEVICE_TOKENS:
            raise BadRequest(f"There must be no more than {MAX_DEVICE_TOKENS} device tokens")
        if self.credentials.device_tokens is not None:
            kept["credentials"]["deviceTokens"] = tokens
        return kept


def merge_channels(known: Channels, given: Channels) -> Channels:
    """The known channels, those of the same provider and integration replaced, the new ones at the end."""
    merged = {_name(channel): channel for channel in known}
    return list((merged | {_name(channel): channel for channel in given}).values())


def append_channel(known: Channels, given: dict[str, Any]) -> Channels:
    """As `merge_channels`, but the credentials given are added to the known ones, device tokens to its tokens."""
    before: dict[str, Any] = next((one for one in known if _name(one) == _name(given)), {"credentials": {}})
    old, new = before["credentials"], given["credentials"]
    credentials = {**old, **new}
    if "deviceTokens" in credentials:
        tokens = list(dict.fromkeys([*old.get("deviceTokens", []), *new.get("deviceTokens", [])]))
        if len(tokens) > MAX_DEVICE_TOKENS:
            raise BadRequest(f"There must be no more than {MAX_DEVICE_TOKENS} device tokens")
        credentials["deviceTokens"] = tokens
    return merge_channels(known, [{**given, "credentials": credentials}])


def drop_provider(known: Channels, provider_id: str) -> Channels:
    """Without anything of this provider."""
    return [channel for channel in known if channel["providerId"] != provider_id]


def channel_view(channel: dict[str, Any], environment_id: str) -> dict[str, Any]:
    """A channel of the wire: every one names an integration, whose id is made of environment and provider."""
    named = derived_object_id("integration", environment_id, channel["providerId"])
    return {**channel, "_integrationId": named}


def _name(channel: dict[str, Any]) -> tuple[Any, Any]:
    return channel["providerId"], channel.get("integrationIdentifier")
