"""Credentials of other channels. They are stored and shown, since a page may need them; no provider is ever called."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from inbox.errors import BadRequest
from inbox.models.json_values import JsonObject

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
"""The chat and push providers of the SDKs, which cannot parse any other."""

MAX_DEVICE_TOKENS = 100

Channels = list[JsonObject]


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


class ChannelCredentials(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The credentials of one provider; the body of the credentials calls, and an item of a profile's `channels`."""

    provider_id: Provider
    credentials: Credentials
    integration_identifier: str | None = None

    def stored(self) -> JsonObject:
        """Return what the store keeps, each device token once. Raise BadRequest for too many of them."""
        stored: JsonObject = msgspec.to_builtins(self)
        if self.credentials.device_tokens is not None:
            stored["credentials"]["deviceTokens"] = _unique_tokens(self.credentials.device_tokens)
        return stored


def merge_channels(channels: Channels, changed: Channels) -> Channels:
    """Return the channels with the changed ones, which replace those of the same provider and integration."""
    merged = {_key(channel): channel for channel in channels}
    return list((merged | {_key(channel): channel for channel in changed}).values())


def append_channel(channels: Channels, added: JsonObject) -> Channels:
    """Merge a channel, adding to the credentials and device tokens of the one that it replaces.

    Raise BadRequest for too many device tokens.
    """
    before: JsonObject = next((one for one in channels if _key(one) == _key(added)), {"credentials": {}})
    old, new = before["credentials"], added["credentials"]
    credentials = {**old, **new}
    if "deviceTokens" in credentials:
        credentials["deviceTokens"] = _unique_tokens([*old.get("deviceTokens", []), *new.get("deviceTokens", [])])
    return merge_channels(channels, [{**added, "credentials": credentials}])


def drop_provider(channels: Channels, provider_id: str) -> Channels:
    return [channel for channel in channels if channel["providerId"] != provider_id]


def _unique_tokens(tokens: list[str]) -> list[str]:
    unique = list(dict.fromkeys(tokens))
    if len(unique) > MAX_DEVICE_TOKENS:
        raise BadRequest(f"There must be no more than {MAX_DEVICE_TOKENS} device tokens")
    return unique


def _key(channel: JsonObject) -> tuple[Any, Any]:
    return channel["providerId"], channel.get("integrationIdentifier")
