"""The filters, by what they take."""

from inbox.rendering.liquid.filters import dates, encodings, lists, numbers, original, search, texts
from inbox.rendering.liquid.registry import FILTERS

__all__ = ["FILTERS", "dates", "encodings", "lists", "numbers", "original", "search", "texts"]
