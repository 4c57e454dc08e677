"""What the unit tests share: property tests without a deadline, since the machine may be busy with other tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("inbox", deadline=None)
settings.load_profile("inbox")
