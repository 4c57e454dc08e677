"""Webhooks and event streams: their settings, the events, sending them, and failed events."""
