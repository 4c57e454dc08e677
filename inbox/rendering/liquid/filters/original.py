"""The filters that Novu adds to LiquidJS: `json`, `digest`, `toSentence` and `pluralize`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pluralizer import Pluralizer

from inbox.rendering import javascript as js
from inbox.rendering.budget import UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.arrays import slice_list
from inbox.rendering.liquid.context import LiquidError, RenderContext, join_texts
from inbox.rendering.liquid.filters.encodings import weigh_json
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.values import Drop, Loop, has_property, read_property, to_json, to_text, to_value

MAX_WORD_LENGTH = 100
UNITS_PER_WORD = 2_000

_pluralizer: Any = Pluralizer()  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1_024)
def _inflected(word: str, is_singular: bool) -> str:
    return str(_pluralizer.singular(word) if is_singular else _pluralizer.plural(word))


@register("json")
def json_with_single_quotes(context: RenderContext, value: Any, space: Any = UNDEFINED) -> str:
    """Write lists and objects as JSON with single quotes and line breaks as `\\n`, anything else as its text."""
    if not isinstance(value, list | dict | Drop | Loop):
        return "" if js.is_nil(value) else js.to_text(value)
    weigh_json(context, value)
    return to_json(value, space).replace('"', "'").replace("\n", "\\n")


def _dig(item: Any, names: list[str]) -> Any:
    """Return the text of a nested field; empty if there is none."""
    for name in names:
        if not isinstance(item, dict | list) or not has_property(item, name):
            return ""
        item = read_property(item, name)
    if isinstance(item, dict | list):
        text = to_json(item)
        return "" if text == "{}" else text
    return "" if js.is_nil(item) else js.to_text(item)


def _shown(context: RenderContext, value: list[Any], path: Any, *others: Any) -> list[Any]:
    """Return the items, or the field of each that a path names. Pay for them and for the other arguments."""
    context.spend(UNITS_PER_ITEM * len(value))
    context.weigh([value, *others])
    if not js.is_truthy(path):
        return value
    if not isinstance(path, str) and any(isinstance(item, dict | list) for item in value):
        raise LiquidError("the path of a field must be a text")
    names = to_text(path).split(".")
    context.spend(UNITS_PER_ITEM * len(names) * len(value))
    weigh_json(context, value)
    return [_dig(item, names) for item in value]


@register()
def digest(context: RenderContext, value: Any, limit: Any = 2, path: Any = UNDEFINED, separator: Any = ", ") -> Any:
    """Join the items of a list: `Ann`, `Ann and Ben`, `Ann, Ben and 2 others`."""
    if not isinstance(value, list) or not value:
        return ""
    items = _shown(context, value, path, limit, separator)
    return _sentence(items, limit, js.to_text(separator), " and ", " and ", _others)


def _others(count: js.Number) -> str:
    return "other" if count == 1 else "others"


def _sentence(items: list[Any], limit: Any, between: str, two: str, last: str, noun: Callable[[js.Number], str]) -> Any:
    """Join items; those beyond the limit are counted, with the noun for their number."""
    if len(items) == 1:
        return items[0]
    if len(items) == 2:
        return f"{js.to_text(items[0])}{two}{js.to_text(items[1])}"
    if js.at_most(len(items), to_value(limit)):
        return f"{join_texts(between, js.item_texts(items[:-1]))}{last}{js.to_text(items[-1])}"
    rest = len(items) - js.to_number(to_value(limit))
    shown = join_texts(between, js.item_texts(slice_list(items, 0, limit)))
    return f"{shown}{two if js.strictly_equal(limit, 1) else last}{js.number_text(rest)} {noun(rest)}"


@register("toSentence")
def to_sentence(
    context: RenderContext,
    value: Any,
    path: Any = UNDEFINED,
    limit: Any = 2,
    overflow: Any = "other",
    between: Any = ", ",
    two: Any = " and ",
    last: Any = ", and ",
) -> Any:
    """Join the items of a list into a sentence: `Ann`, `Ann and Ben`, `Ann, Ben, and 2 others`.

    `path` names the field to show of each item. Items beyond `limit` count as `overflow`, except in a list of two.
    """
    if not isinstance(value, list) or not value:
        return ""
    words = _shown(context, value, path, limit, between, two, last)
    marks = js.to_text(between), js.to_text(two), js.to_text(last)
    return _sentence(words, limit, *marks, lambda rest: inflect(context, overflow, rest))


@register("pluralize")
def pluralize(
    context: RenderContext, value: Any, singular: Any = "", plural: Any = "", show_count: Any = "true"
) -> Any:
    """Return a count with its word, `2 items`; empty for none. A list counts its items, an object its fields.

    Without `plural` the word follows English rules. Any `show_count` but the text `true` omits the number.
    """
    context.weigh([singular, plural])
    count = len(value) if isinstance(value, list | dict) else context.number(value)
    if not count > 0:  # NaN as well
        return ""
    is_written = js.is_truthy(plural)
    word = (singular if count == 1 else plural) if is_written else inflect(context, singular, count)
    return f"{js.number_text(count)} {js.to_text(word)}" if show_count == "true" else word


def inflect(context: RenderContext, word: Any, count: js.Number) -> str:
    """Return the singular of an English word for 1, else its plural. Raise LiquidError for no text or a long one."""
    if not isinstance(word, str):
        raise LiquidError("the word to count with must be a text")
    if len(word) > MAX_WORD_LENGTH:
        raise LiquidError(f"the word to count with is longer than {MAX_WORD_LENGTH} characters")
    context.spend(UNITS_PER_WORD)
    return _inflected(word, count == 1)
