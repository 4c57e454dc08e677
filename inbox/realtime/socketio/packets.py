"""The packets of Engine.IO 4 and Socket.IO 5, as far as the compatible clients use them.

An Engine.IO packet is one text frame: a digit for its type, then its content. A Socket.IO packet is the content of an
Engine.IO message packet: a digit, `/namespace,` except for the main one, an id that requests an acknowledgement, JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from inbox.realtime.compatible import CompatibleCodec
from inbox.realtime.events import MALFORMED_PACKET, Close, SocketEvent
from inbox.realtime.frames import text_frame
from inbox.realtime.inbound import ClientFault
from inbox.realtime.socketio.heartbeat import Rhythm

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
"""Kind, namespace, JSON; a number before the JSON requests an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A Socket.IO packet from a client."""

    kind: Literal["connect", "disconnect", "event", "ack"]
    namespace: str = MAIN
    payload: Any = None


def opening(session_id: str, rhythm: Rhythm, max_bytes: int) -> bytes:
    """Return the server's first packet, with the rhythm of heartbeats and no transport to upgrade to."""
    handshake = {
        "sid": session_id,
        "upgrades": [],
        "pingInterval": int(rhythm.interval_seconds * 1000),
        "pingTimeout": int(rhythm.timeout_seconds * 1000),
        "maxPayload": max_bytes,
    }
    return b"0" + orjson.dumps(handshake)


def connected(session_id: str) -> bytes:
    """Return the answer to an accepted CONNECT."""
    return b"40" + orjson.dumps({"sid": session_id})


def refused(message: str, namespace: str = MAIN) -> bytes:
    """Return the answer to a refused CONNECT, which a client does not retry."""
    prefix = "" if namespace == MAIN else f"{namespace},"
    return f"44{prefix}".encode() + orjson.dumps({"message": message})


def parse(frame: str | bytes) -> Packet | None:
    """Return the Socket.IO packet in a frame; None for an Engine.IO packet without one, such as a pong.

    Raise ClientFault for anything else, and for binary packets, which no compatible client sends.
    """
    if isinstance(frame, bytes) or not frame or frame[0] not in "013456":
        raise ClientFault(MALFORMED_PACKET)
    return _parse_message(frame[1:]) if frame[0] == _MESSAGE else None


def _parse_message(text: str) -> Packet:
    match = _PACKET.fullmatch(text)
    if match is None:
        raise ClientFault(MALFORMED_PACKET)
    kind, namespace, json = match.groups()
    try:
        payload = orjson.loads(json) if json else None
    except orjson.JSONDecodeError:
        raise ClientFault(MALFORMED_PACKET) from None
    packet = Packet(_KINDS[kind], (namespace or MAIN).partition("?")[0], payload)
    if not _is_payload_valid(packet):
        raise ClientFault(MALFORMED_PACKET)
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


class SocketIoCodec(CompatibleCodec):
    """Encodes an event as an EVENT packet in a message packet: `42[name,payload]`."""

    flavour = "socketio"

    def frame(self, event: SocketEvent, _: int) -> bytes:
        return text_frame(b'42["%b",%b]' % (event.name.encode(), event.data))

    def close_packets(self, close: Close) -> bytes:
        """Return `41` for a final close: a client does not reconnect after this packet, but does without it."""
        return text_frame(b"41") if close.is_final else b""


CODEC = SocketIoCodec()
