"""Filters over texts. A value of another kind is taken as its text."""

from __future__ import annotations

import math
import re
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.arrays import count_below
from inbox.rendering.liquid.context import Context, check_count, check_length, join_texts
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.values import to_list

_SPACE = f"[{re.escape(js.WHITESPACE)}]"
_SPACES = re.compile(f"{_SPACE}+")
_NEWLINE = re.compile(r"\r?\n")
_CJK = "\u4e00-\u9fff\uf900-\ufaff\u3400-\u4dbf\u3040-\u309f\u30a0-\u30ff\uac00-\ud7af"
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
_OTHER_WORD = re.compile(f"[^{_CJK}{re.escape(js.WHITESPACE)}]+")


@register(exactly=1)
def append(context: Context, value: Any, text: Any) -> str:
    return context.text(value) + context.text(text)


@register(exactly=1)
def prepend(context: Context, value: Any, text: Any) -> str:
    return context.text(text) + context.text(value)


@register()
def upcase(context: Context, value: Any) -> str:
    return context.text(value).upper()


@register()
def downcase(context: Context, value: Any) -> str:
    return context.text(value).lower()


@register()
def capitalize(context: Context, value: Any) -> str:
    text = context.text(value)
    return text[:1].upper() + text[1:].lower()


def _stripped(context: Context, value: Any, characters: Any, *, left: bool = False, right: bool = False) -> str:
    """Return a text without such characters at its ends: white space unless others are given."""
    text = context.text(value)
    strip_set = frozenset(_charged(context, characters) if js.is_truthy(characters) else js.WHITESPACE)
    begin, end = 0, len(text)
    while left and begin < end and text[begin] in strip_set:
        begin += 1
    while right and begin < end and text[end - 1] in strip_set:
        end -= 1
    context.spend(len(text) - (end - begin))
    return text[begin:end]


def _charged(context: Context, characters: Any) -> str:
    text = context.text(characters)
    context.scan(text)
    return text


@register()
def strip(context: Context, value: Any, characters: Any = UNDEFINED) -> str:
    return _stripped(context, value, characters, left=True, right=True)


@register()
def lstrip(context: Context, value: Any, characters: Any = UNDEFINED) -> str:
    return _stripped(context, value, characters, left=True)


@register()
def rstrip(context: Context, value: Any, characters: Any = UNDEFINED) -> str:
    return _stripped(context, value, characters, right=True)


@register()
def strip_newlines(context: Context, value: Any) -> str:
    text = context.text(value)
    context.scan(text)
    return _NEWLINE.sub("", text)


@register()
def squish(context: Context, value: Any) -> str:
    return normalize_whitespace(context, value).strip(" ")


@register()
def normalize_whitespace(context: Context, value: Any) -> str:
    text = context.text(value)
    context.scan(text)
    return _SPACES.sub(" ", text)


@register()
def replace(context: Context, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    text, old, new = context.text(value), context.text(pattern), context.text(replacement)
    parts = list(text) if not old else None
    count = len(parts) - 1 if parts else text.count(old)
    check_length(len(text) + count * (len(new) - len(old)))
    context.spend(count)
    return new.join(parts) if parts is not None else text.replace(old, new)


@register()
def replace_first(context: Context, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    return context.text(value).replace(context.text(pattern), context.text(replacement), 1)


@register()
def replace_last(context: Context, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    text, old, new = context.text(value), context.text(pattern), context.text(replacement)
    before, found, after = text.rpartition(old) if old else (text, "x", "")
    return before + new + after if found else text


@register()
def remove(context: Context, value: Any, pattern: Any = UNDEFINED) -> str:
    return context.text(value).replace(context.text(pattern), "")


@register()
def remove_first(context: Context, value: Any, pattern: Any = UNDEFINED) -> str:
    return replace_first(context, value, pattern, "")


@register()
def remove_last(context: Context, value: Any, pattern: Any = UNDEFINED) -> str:
    return replace_last(context, value, pattern, "")


@register()
def split(context: Context, value: Any, separator: Any = UNDEFINED) -> list[str]:
    """Split a text; into its characters without a separator. Empty parts at the end are left out."""
    text, mark = context.text(value), context.text(separator)
    count = text.count(mark) + 1 if mark else len(text)
    check_count(count)
    context.spend(count)
    parts = text.split(mark) if mark else list(text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


@register()
def truncate(context: Context, value: Any, length: Any = 50, ellipsis: Any = "...") -> Any:
    """Cut a text to a number of characters, the ellipsis among them."""
    text, end = context.text(value), context.text(ellipsis)
    most = context.number(length)
    if count_below(most) >= len(text):
        return value
    return text[: count_below(most - len(end))] + end


@register()
def truncatewords(context: Context, value: Any, count: Any = 15, ellipsis: Any = "...") -> str:
    text, end = context.text(value), context.text(ellipsis)
    most = context.number(count)
    most = 1 if most <= 0 else most
    context.scan(text)
    words = _SPACES.split(text.lstrip(js.WHITESPACE))
    shown = 0 if math.isnan(most) else int(min(most, len(words)))
    return " ".join(words[:shown]) + (end if len(words) >= most else "")


@register()
def number_of_words(context: Context, value: Any, mode: Any = UNDEFINED) -> int:
    """Count words; with `cjk`, or `auto` where there are any, each Chinese, Japanese or Korean character is one."""
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
def array_to_sentence_string(context: Context, value: Any, connector: Any = "and") -> Any:
    items, word = to_list(value), context.text(connector)
    context.weigh(items)
    if len(items) <= 1:
        return items[0] if items else ""
    if len(items) == 2:
        return f"{js.to_text(items[0])} {word} {js.to_text(items[1])}"
    return f"{join_texts(', ', js.item_texts(items[:-1]))}, {word} {js.to_text(items[-1])}"
