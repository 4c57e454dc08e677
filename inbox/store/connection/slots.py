"""The slots of a cluster, over which its keys are spread."""

from __future__ import annotations

from binascii import crc_hqx

SLOTS = 16_384


def slot_of(key: str | bytes) -> int:
    """Return the slot of a key: CRC-16/XMODEM of its hash tag, or of all of it, modulo 16,384."""
    text = key.encode() if isinstance(key, str) else key
    _, brace, rest = text.partition(b"{")
    if brace:
        tag, end, _ = rest.partition(b"}")
        if end and tag:
            text = tag
    return crc_hqx(text, 0) % SLOTS
