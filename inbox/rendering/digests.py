"""What templates see of a digest: its events, and the two summaries that Novu's editor offers."""

from __future__ import annotations

from typing import Any

from inbox.rendering.templates import RenderError, compile_template

_SUMMARIES = {
    "countSummary": compile_template("{{ eventCount | pluralize: 'notification' }}", "countSummary"),
    "sentenceSummary": compile_template("{{ events | toSentence: 'payload.name' }}", "sentenceSummary"),
}


def digest_view(events: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Return the variables `steps.<stepId>` of a digest; `count` may be more than the events that are kept.

    A summary that would be larger than a template's result may be is empty.
    """
    view = {"events": events, "eventCount": count, "count": count, "last": events[-1]}
    return view | {name: _render(name, view) for name in _SUMMARIES}


def _render(name: str, view: dict[str, Any]) -> str:
    try:
        return _SUMMARIES[name].render(view)
    except RenderError:
        return ""
