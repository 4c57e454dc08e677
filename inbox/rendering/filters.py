"""The filters that Novu adds to Liquid (json, pluralize, toSentence), and the bounds on all filters."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from liquid.exceptions import ResourceLimitError

from inbox.rendering.budget import spend
from inbox.rendering.text import to_quoted_json, to_text
from inbox.work import weight

MAX_FILTER_TEXT_LENGTH = 65_536
MAX_SEPARATOR_LENGTH = 100
MAX_DATE_LENGTH = 200
MAX_NUMBER_BITS = 8_192
MAX_INDENT = 8
UNITS_PER_CALL = 30
UNITS_PER_ITEM = 5
UNITS_PER_WORD = 15
UNITS_PER_DATE = 1_000
CHARACTERS_PER_UNIT = 4

Filter = Callable[..., Any]

_GLANCING = frozenset({"size", "first", "last", "pluralize", "default"})
_COMPARING = frozenset({"where", "reject", "find", "find_index", "has"})


def json_filter(value: object, spaces: object = None) -> str:
    """The value as JSON with single quotes: `{{ payload.items | json }}`."""
    if not isinstance(value, dict | list | tuple):
        return to_text(value)
    indent = spaces if isinstance(spaces, int) and 0 < spaces <= MAX_INDENT else None
    return to_quoted_json(value, indent)


def pluralize(value: object, singular: object = "", plural: object = "") -> str:
    """A count with its word: `{{ payload.items | pluralize: "item" }}` is `2 items`; nothing for none.

    Counts the items of a list, the fields of an object, or takes a number. Without `plural` the word follows the
    regular English rules.
    """
    count = _count(value)
    if not count > 0:  # also when it is no number at all
        return ""
    one = to_text(singular)
    return f"{to_text(count)} {one if count == 1 else to_text(plural) or _plural(one)}"


def to_sentence(
    value: object,
    path: object = "",
    limit: object = 2,
    overflow: object = "other",
    words_connector: object = ", ",
    two_words_connector: object = " and ",
    last_word_connector: object = ", and ",
) -> str:
    """The items of a list as a sentence: `Ann`, `Ann and Ben`, `Ann, Ben, and 2 others`.

    `path` (dotted) names the field to show of each item. Beyond `limit` items the rest are counted; a list of two is
    always shown whole.
    """
    if not isinstance(value, list | tuple) or not value:
        return ""
    words = [to_text(_dig(item, to_text(path)) if path else item) for item in value]
    shown = limit if isinstance(limit, int) and limit > 0 else 2
    between, two, last = to_text(words_connector), to_text(two_words_connector), to_text(last_word_connector)
    if len(words) == 1:
        return words[0]
    if len(words) == 2:
        return f"{words[0]}{two}{words[1]}"
    if shown >= len(words):
        return f"{between.join(words[:-1])}{last}{words[-1]}"
    rest = pluralize(len(words) - shown, overflow)
    return f"{between.join(words[:shown])}{two if shown == 1 else last}{rest}"


def bounded(name: str, function: Filter) -> Filter:
    """The filter with limits on what goes in, so that no chain of filters can grow without end.

    Raises ResourceLimitError when called with more.
    """

    longest = MAX_DATE_LENGTH if name == "date" else MAX_FILTER_TEXT_LENGTH
    replaces, joins, grows = name == "replace", name == "join", name == "times"

    # not only __name__: the engine reads marks such as `with_environment` from the function's __dict__
    @wraps(function)
    def checked(value: object, *arguments: object, **options: object) -> object:
        spend(_cost(name, value, arguments))
        for given in (value, *arguments):
            if isinstance(given, str) and len(given) > longest:
                raise _limit(name)
        if replaces and _replaced_length(value, *arguments) > MAX_FILTER_TEXT_LENGTH:
            raise _limit(name)
        if joins and arguments and len(to_text(arguments[0])) > MAX_SEPARATOR_LENGTH:
            raise _limit(name)
        result = function(value, *arguments, **options)
        if grows and isinstance(result, int) and result.bit_length() > MAX_NUMBER_BITS:
            raise ResourceLimitError(f"{name} gives too large a number", token=None)
        return result

    return checked


def _cost(name: str, value: object, arguments: tuple[object, ...]) -> int:
    """In units of the budget: most filters look at everything in a list, `uniq` compares each with all before it."""
    if name in _GLANCING and not isinstance(value, str):
        return UNITS_PER_CALL
    given = sum([weight(argument) for argument in arguments]) if arguments else 0
    if isinstance(value, str):
        fixed = UNITS_PER_DATE if name == "date" else UNITS_PER_CALL
        return fixed + len(value) // CHARACTERS_PER_UNIT + given
    if not isinstance(value, list | tuple | dict | range):
        return UNITS_PER_CALL + given
    items = weight(value)
    if name == "uniq":
        return UNITS_PER_CALL + UNITS_PER_ITEM * items + items * len(value) // 4
    each = UNITS_PER_WORD if name == "toSentence" else UNITS_PER_ITEM
    return UNITS_PER_CALL + each * items + given * (len(value) if name in _COMPARING else 1)


def _limit(name: str) -> ResourceLimitError:
    return ResourceLimitError(f"{name} was given too long a text", token=None)


def _replaced_length(value: object, old: object = "", new: object = "", *_: object) -> int:
    return str(value).count(str(old)) * len(str(new))


def _count(value: object) -> float:
    if isinstance(value, dict | list | tuple):
        return len(value)
    try:
        return float(value)  # type: ignore[arg-type]  # whatever is no number counts as none
    except (TypeError, ValueError, OverflowError):
        return 0


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in ("", *"aeiou"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"


def _dig(item: object, path: str) -> object:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item
