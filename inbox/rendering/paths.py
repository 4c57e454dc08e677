"""The variables that templates and conditions read, as split paths: `("steps", "first", "read")`."""

from __future__ import annotations

from typing import Any

VariablePath = tuple[str, ...]
EVERYTHING: VariablePath = ()
"""The path of a template that reads all variables, or computes a variable's name."""


class FieldPaths(dict[str, frozenset[VariablePath]]):
    """The paths that each field of a step reads."""

    def may_read(self, *names: str) -> bool:
        """Return whether a field reads a variable, a part of it, or an object that contains it."""
        return any(path[: len(names)] == names[: len(path)] for paths in self.values() for path in paths)

    def within(self, name: str) -> frozenset[VariablePath]:
        """Return the paths that the fields read within a variable; the empty path stands for all of it."""
        return frozenset(path[1:] for paths in self.values() for path in paths if path[:1] in (EVERYTHING, (name,)))


def reached(value: Any, path: VariablePath) -> tuple[int, Any]:
    """Return how many names of a path lead to a value, and that value; all that a template can read at the path.

    For an object that lacks the next name this is a negative number and None: only its size could still be read.
    """
    for index, name in enumerate(path):
        if not isinstance(value, dict):
            return index, value
        if name not in value:
            return (index, value) if name == "size" else (-1 - index, None)
        value = value[name]
    return len(path), value
