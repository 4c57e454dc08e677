"""A push on the native flavour needs fewer bytes than on the plain one."""

from __future__ import annotations

from .native import push


async def test_a_native_push_is_smaller() -> None:
    plain, native = await push(["plain"], 2, 20), await push(["native"], 2, 20)
    assert 0 < native.bytes < plain.bytes
