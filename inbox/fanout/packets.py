"""The packets of Engine.IO 4 and Socket.IO 5, as far as the compatible clients use them (websocket.md §2).

An Engine.IO packet is one text frame: a digit for its type, then what it carries. A Socket.IO packet is what a message
packet carries: a digit again, `/namespace,` unless it is the main one, an id when an answer is asked for, and JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from inbox.fanout.heartbeat import Rhythm

MAIN = "/"

PING = b"2"
PONG = "3"
CLOSE = "1"
_MESSAGE = "4"
_KINDS: dict[str, Literal["connect", "disconnect", "event", "ack"]] = {
    "0": "connect",
    "1": "disconnect",
    "2": "event",
    "3": "ack",
}
_PACKET = re.compile(r"([0-3])(?:(/[^,]{0,200})(?:,|$))?(?:[0-9]{1,15})?(.*)", re.DOTALL)
"""Kind, namespace, JSON; a number before the JSON asks for an answer."""


class MalformedPacket(ValueError):
    """A frame that is no packet of ours: its sender speaks another protocol."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A Socket.IO packet from a client."""

    kind: Literal["connect", "disconnect", "event", "ack"]
    namespace: str = MAIN
    payload: Any = None


def opening(session_id: str, rhythm: Rhythm, max_bytes: int) -> bytes:
    """The server's first packet: how its heartbeats go, and that there is no upgrade to another transport."""
    handshake = {
        "sid": session_id,
        "upgrades": [],
        "pingInterval": int(rhythm.interval_seconds * 1000),
        "pingTimeout": int(rhythm.patience_seconds * 1000),
        "maxPayload": max_bytes,
    }
    return b"0" + orjson.dumps(handshake)


def connected(session_id: str) -> bytes:
    """The answer to a CONNECT that is let in."""
    return b"40" + orjson.dumps({"sid": session_id})


def refused(message: str, namespace: str = MAIN) -> bytes:
    """The answer to a CONNECT that is not; a client does not repeat it."""
    where = "" if namespace == MAIN else f"{namespace},"
    return f"44{where}".encode() + orjson.dumps({"message": message})


def parse(frame: str | bytes) -> Packet | None:
    """The Socket.IO packet in a frame; None in a packet that carries none (a pong, say). Raises MalformedPacket.

    Binary packets are malformed here: no client of ours sends any.
    """
    if isinstance(frame, bytes) or not frame or frame[0] not in "013456":
        raise MalformedPacket
    return _parse_message(frame[1:]) if frame[0] == _MESSAGE else None


def _parse_message(text: str) -> Packet:
    found = _PACKET.fullmatch(text)
    if found is None:
        raise MalformedPacket
    kind, namespace, json = found.groups()
    try:
        payload = orjson.loads(json) if json else None
    except orjson.JSONDecodeError:
        raise MalformedPacket from None
    packet = Packet(_KINDS[kind], (namespace or MAIN).partition("?")[0], payload)
    if not _is_payload_valid(packet):
        raise MalformedPacket
    return packet


def _is_payload_valid(packet: Packet) -> bool:
    payload = packet.payload
    if packet.kind == "connect":
        return payload is None or isinstance(payload, dict)
    if packet.kind == "disconnect":
        return payload is None
    if packet.kind == "event":
        return isinstance(payload, list) and bool(payload) and isinstance(payload[0], str | int)
    return isinstance(payload, list)
