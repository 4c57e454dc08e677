"""The variables that templates and conditions read, as dotted paths taken apart: `("steps", "first", "read")`."""

from __future__ import annotations

Path = tuple[str, ...]
EVERYTHING: Path = ()
"""The path of what reads all variables, or computes which."""


class FieldPaths(dict[str, frozenset[Path]]):
    """The paths that each field of a step names."""

    def may_read(self, *names: str) -> bool:
        """Return whether a field reads a variable, something inside it, or something that holds it."""
        return any(path[: len(names)] == names[: len(path)] for paths in self.values() for path in paths)
