"""What a visited address has answered, as text for a finding."""

from __future__ import annotations

from typing import Any

import httpx
from websockets.exceptions import WebSocketException

NotAnswered = (httpx.HTTPError, WebSocketException, OSError, TimeoutError, EOFError)


def json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def shown(answer: httpx.Response) -> str:
    """Return the status of an answer, and the beginning of its text."""
    body = json_of(answer)
    text = str(body.get("message", "")) if isinstance(body, dict) else answer.text
    return f"{answer.status_code} {text[:120]}".strip()


def text_of(error: Exception) -> str:
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
