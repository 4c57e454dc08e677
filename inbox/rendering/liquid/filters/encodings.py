"""Filters that escape, encode or hash a text for HTML, URLs and programs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from inbox.rendering import javascript as js
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.context import LiquidError, RenderContext
from inbox.rendering.liquid.registry import register, register_text
from inbox.rendering.liquid.values import to_json, to_text

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
_ESCAPED = re.compile("&(?:amp|lt|gt|#34|#39);")
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}
_NEWLINE = re.compile(r"\r?\n")
_HTML_BLOCKS = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), ("<", ">"))
_BAD_PERCENT = re.compile("%(?![0-9a-fA-F]{2})")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*\Z")
_BASE64_SPACE = re.compile(r"[\t\n\f\r ]")
_ACCENTS = {
    "àáâãäå": "a", "æ": "ae", "ç": "c", "èéêë": "e", "ìíîï": "i", "ð": "d", "ñ": "n", "òóôõöø": "o", "ùúûü": "u",
    "ýÿ": "y", "ß": "ss", "œ": "oe", "þ": "th", "ẞ": "SS", "Œ": "OE", "Þ": "TH",
}  # fmt: skip
_ACCENT_TABLE = str.maketrans({letter: plain for letters, plain in _ACCENTS.items() for letter in letters})
_PRETTY = "._~!$&'()+,;=@"
UNITS_PER_SLUG_CHARACTER = 5
UNITS_PER_TAG = 12


def _escape(text: str) -> str:
    for plain, escaped in _ESCAPES.items():  # "&" is first
        text = text.replace(plain, escaped)
    return text


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text)


register_text("escape", "xml_escape", convert=_escape, scans=1)
register_text("escape_once", convert=lambda text: _escape(_unescape(text)), scans=2)
register_text("newline_to_br", convert=lambda text: _NEWLINE.sub("<br />\n", text), scans=1)
register_text("base64_encode", convert=lambda text: base64.b64encode(text.encode(errors="replace")).decode())
register_text("sha256", convert=lambda text: hashlib.sha256(text.encode(errors="replace")).hexdigest())


@register()
def strip_html(context: RenderContext, value: Any) -> str:
    """Remove tags, comments, scripts and styles; one that is never closed stays."""
    text = context.text(value)
    blocks = dict(_HTML_BLOCKS)
    shown: list[str] = []
    position = 0
    while (begin := text.find("<", position)) >= 0:
        shown.append(text[position:begin])
        position = _behind_block(text, begin, blocks)
        if position < 0:
            return "".join(shown) + text[begin:]
        context.spend(UNITS_PER_TAG)
    return "".join(shown) + text[position:]


def _behind_block(text: str, begin: int, blocks: dict[str, str]) -> int:
    """Return the position behind the block that begins at `begin`, -1 if none is closed."""
    for opener, closer in list(blocks.items()):
        if not text.startswith(opener, begin):
            continue
        end = text.find(closer, begin + len(opener))
        if end >= 0:
            return end + len(closer)
        del blocks[opener]  # searching for its end again for each opener would take quadratic time
    return -1


def _register_encode(name: str, safe: str) -> None:
    @register(name)
    def encode(context: RenderContext, value: Any) -> str:
        text = context.text(value)
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            raise LiquidError("the text has half of a character") from None
        context.spend(len(encoded))
        quoted = quote(encoded, safe=safe)
        return quoted.replace(" ", "+")  # only where a space is safe


_register_encode("url_encode", "-_.!~*'() ")
_register_encode("cgi_escape", "-_.~ ")
_register_encode("uri_escape", ";,/?:@&=+$-_.!~*'()#[]")


@register()
def url_decode(context: RenderContext, value: Any) -> str:
    """Decode percent and plus signs. Raise LiquidError for a malformed text."""
    text = context.text(value).replace("+", " ")
    context.spend(len(text))
    try:
        if _BAD_PERCENT.search(text):
            raise LiquidError("URI malformed")
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise LiquidError("URI malformed") from None


@register()
def slugify(context: RenderContext, value: Any, mode: Any = "default", cased: Any = UNDEFINED) -> str:
    """Make a text fit for a URL: characters that the mode does not keep become hyphens."""
    text = context.text(value)
    context.spend(UNITS_PER_SLUG_CHARACTER * len(text))
    is_kept = _SLUG_MODES.get(to_text(mode))
    if is_kept:
        if mode == "latin":
            text = text.translate(_ACCENT_TABLE)
        hyphened = re.sub("\0+", "-", "".join([letter if is_kept(letter) else "\0" for letter in text]))
        text = hyphened.removeprefix("-").removesuffix("-")
    return text if js.is_truthy(cased) else text.lower()


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "ML" or category == "Nd"


_SLUG_MODES: dict[str, Callable[[str], bool]] = {
    "raw": lambda character: character not in js.WHITESPACE,
    "default": _is_letter,
    "pretty": lambda character: _is_letter(character) or character in _PRETTY,
    "ascii": lambda character: character.isascii() and character.isalnum(),
    "latin": _is_letter,
}


@register()
def base64_decode(context: RenderContext, value: Any) -> str:
    """Decode base64, ignoring white space. Raise LiquidError if it is malformed."""
    spaced = context.text(value)
    context.scan(spaced)
    text = _BASE64_SPACE.sub("", spaced)
    if len(text) % 4 == 0:
        text = text.removesuffix("=").removesuffix("=")
    if len(text) % 4 == 1 or not _BASE64.match(text):
        raise LiquidError("invalid base64 provided to base64_decode")
    return base64.b64decode(text + "=" * (-len(text) % 4)).decode(errors="replace")


@register()
def hmac_sha256(context: RenderContext, value: Any, key: Any = UNDEFINED) -> str:
    text, secret = context.text(value).encode(errors="replace"), context.text(key).encode(errors="replace")
    return hmac.new(secret, text, "sha256").hexdigest()


@register("jsonify", "inspect")
def jsonify(context: RenderContext, value: Any, space: Any = UNDEFINED) -> str:
    weigh_json(context, value)
    return to_json(value, space)


def weigh_json(context: RenderContext, value: Any) -> None:
    """Pay for writing a value as JSON, which costs more than going over it."""
    for _ in range(2):
        context.weigh(value)
    context.scan(value if isinstance(value, str) else "")
