"""Session tokens as text: JWTs signed with HMAC-SHA-256, by this service or by a backend that has its secret.

A JWT library takes other algorithms, keys and encodings, looks for a PEM file in the secret and checks the signature
only after it has parsed the token: opening a socket, it took a quarter of the CPU. Here nothing is parsed before the
signature is checked, and there is one algorithm.
"""

from __future__ import annotations

import base64
import hmac
from typing import Any

import orjson

from inbox import signatures
from inbox.errors import Unauthorized
from inbox.models.json_values import JsonObject

ALGORITHM = "HS256"
ISSUER = "novu_api"
AUDIENCE = "widget_user"
REQUIRED = ("exp", "_id", "environmentId")


def sign(claims: JsonObject, secret: str) -> str:
    """Return claims as a token; issuer and audience are added."""
    signed = f"{_HEADER}.{_encode(orjson.dumps({**claims, 'iss': ISSUER, 'aud': AUDIENCE}))}"
    return f"{signed}.{_signature(signed, secret)}"


def read(token: str, secret: str) -> JsonObject:
    """Return the claims of a token, an ASCII text. Raise Unauthorized if it is malformed, forged, or not for us.

    The claims in REQUIRED are there, of any type. Times are the caller's to check.
    """
    signed, _, signature = token.rpartition(".")
    # a page repeats a token of a lost store for as long as it is open, so a forged one is refused first
    if not hmac.compare_digest(_signature(signed, secret), signature):
        raise Unauthorized
    header, _, payload = signed.partition(".")
    if header != _HEADER and not _is_ours(_decode(header)):
        raise Unauthorized
    claims = _decode(payload)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != ISSUER or AUDIENCE not in audiences or any(claims.get(name) is None for name in REQUIRED):
        raise Unauthorized
    return claims


def _is_ours(header: JsonObject) -> bool:
    """Return whether a header, as another library writes it, asks for nothing but our algorithm.

    `crit` names what a reader must understand (RFC 7515), and none of that is understood here.
    """
    return header.get("alg") == ALGORITHM and "crit" not in header


def _decode(part: str) -> JsonObject:
    """Return the object in a part of a token. Raise Unauthorized if there is none."""
    try:
        value: Any = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        raise Unauthorized from None
    if not isinstance(value, dict):
        raise Unauthorized
    return value


def _signature(signed: str, secret: str) -> str:
    return _encode(signatures.sign(secret, signed))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_HEADER = _encode(orjson.dumps({"alg": ALGORITHM, "typ": "JWT"}))
