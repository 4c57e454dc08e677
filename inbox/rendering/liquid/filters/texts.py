"""Filters over texts; a value of another type is converted to text."""

from __future__ import annotations

import math
import re
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.arrays import count_below
from inbox.rendering.liquid.context import RenderContext, check_count, check_length, join_texts
from inbox.rendering.liquid.registry import register, register_text
from inbox.rendering.liquid.values import to_list

_SPACE = f"[{re.escape(js.WHITESPACE)}]"
_SPACES = re.compile(f"{_SPACE}+")
_NEWLINE = re.compile(r"\r?\n")
_CJK = "\u4e00-\u9fff\uf900-\ufaff\u3400-\u4dbf\u3040-\u309f\u30a0-\u30ff\uac00-\ud7af"
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
_OTHER_WORD = re.compile(f"[^{_CJK}{re.escape(js.WHITESPACE)}]+")


def _register_strip(name: str, *, left: bool = False, right: bool = False) -> None:
    """Register a filter that removes the given characters, by default white space, from the ends of a text."""

    @register(name)
    def strip(context: RenderContext, value: Any, characters: Any = UNDEFINED) -> str:
        text, stripped = context.text(value), js.WHITESPACE
        if js.is_truthy(characters):
            stripped = context.text(characters)
            context.scan(stripped)
        # `str.strip` compares each character with each of the set: long texts of both would take quadratic time
        strip_set = frozenset(stripped)
        begin, end = 0, len(text)
        while left and begin < end and text[begin] in strip_set:
            begin += 1
        while right and begin < end and text[end - 1] in strip_set:
            end -= 1
        context.spend(len(text) - (end - begin))
        return text[begin:end]


_register_strip("strip", left=True, right=True)
_register_strip("lstrip", left=True)
_register_strip("rstrip", right=True)
register_text("upcase", convert=str.upper)
register_text("downcase", convert=str.lower)
register_text("capitalize", convert=lambda text: text[:1].upper() + text[1:].lower())
register_text("strip_newlines", convert=lambda text: _NEWLINE.sub("", text), scans=1)
register_text("normalize_whitespace", convert=lambda text: _SPACES.sub(" ", text), scans=1)
register_text("squish", convert=lambda text: _SPACES.sub(" ", text).strip(" "), scans=1)


@register()
def replace(context: RenderContext, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    text, old, new = context.text(value), context.text(pattern), context.text(replacement)
    parts = list(text) if not old else None
    count = len(parts) - 1 if parts else text.count(old)
    check_length(len(text) + count * (len(new) - len(old)))
    context.spend(count)
    return new.join(parts) if parts is not None else text.replace(old, new)


@register()
def replace_first(context: RenderContext, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    return context.text(value).replace(context.text(pattern), context.text(replacement), 1)


@register()
def replace_last(context: RenderContext, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    text, old, new = context.text(value), context.text(pattern), context.text(replacement)
    before, match, after = text.rpartition(old) if old else (text, "x", "")
    return before + new + after if match else text


register("append", exactly=1)(lambda context, value, text: context.text(value) + context.text(text))
register("prepend", exactly=1)(lambda context, value, text: context.text(text) + context.text(value))
register("remove")(lambda context, value, part=UNDEFINED: context.text(value).replace(context.text(part), ""))
register("remove_first")(lambda context, value, part=UNDEFINED: replace_first(context, value, part, ""))
register("remove_last")(lambda context, value, part=UNDEFINED: replace_last(context, value, part, ""))


@register()
def split(context: RenderContext, value: Any, separator: Any = UNDEFINED) -> list[str]:
    """Split a text, into its characters if there is no separator; empty parts at the end are dropped."""
    text, mark = context.text(value), context.text(separator)
    count = text.count(mark) + 1 if mark else len(text)
    check_count(count)
    context.spend(count)
    parts = text.split(mark) if mark else list(text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


@register()
def truncate(context: RenderContext, value: Any, length: Any = 50, ellipsis: Any = "...") -> Any:
    """Cut a text to `length` characters, including the ellipsis."""
    text, end = context.text(value), context.text(ellipsis)
    limit = context.number(length)
    if count_below(limit) >= len(text):
        return value
    return text[: count_below(limit - len(end))] + end


@register()
def truncatewords(context: RenderContext, value: Any, count: Any = 15, ellipsis: Any = "...") -> str:
    text, end = context.text(value), context.text(ellipsis)
    limit = context.number(count)
    limit = 1 if limit <= 0 else limit
    context.scan(text)
    words = _SPACES.split(text.lstrip(js.WHITESPACE))
    shown = 0 if math.isnan(limit) else int(min(limit, len(words)))
    return " ".join(words[:shown]) + (end if len(words) >= limit else "")


@register()
def number_of_words(context: RenderContext, value: Any, mode: Any = UNDEFINED) -> int:
    """Count words; mode `cjk`, or `auto` if the text has any, counts each Chinese, Japanese or Korean character."""
    text = context.text(value).strip(js.WHITESPACE)
    context.scan(text)
    if not text:
        return 0
    cjk = []
    if mode in ("cjk", "auto"):
        context.scan(text)
        cjk = _CJK_CHARACTER.findall(text)
    if mode == "cjk" or cjk:
        return len(cjk) + len(_OTHER_WORD.findall(text))
    return len(_SPACES.split(text))


@register()
def array_to_sentence_string(context: RenderContext, value: Any, connector: Any = "and") -> Any:
    items, word = to_list(value), context.text(connector)
    context.weigh(items)
    if len(items) <= 1:
        return items[0] if items else ""
    if len(items) == 2:
        return f"{js.to_text(items[0])} {word} {js.to_text(items[1])}"
    return f"{join_texts(', ', js.item_texts(items[:-1]))}, {word} {js.to_text(items[-1])}"
