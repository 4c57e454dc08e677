"""An environment: the wall between development and production data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. `number` is part of every key; `id` (24 hex) and `identifier` are what callers see."""

    number: int
    id: str
    organization_id: str
    name: str
    identifier: str

    @property
    def is_production(self) -> bool:
        return self.name.lower() == "production"
