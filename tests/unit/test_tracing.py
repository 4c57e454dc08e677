"""The ids of a request, as its headers have them or new."""

from __future__ import annotations

import contextvars

import pytest

from inbox.tracing import begin_request, begin_socket_request, log_fields, traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def noted(request_id: str | None = None, parent: str | None = None) -> tuple[str, dict[str, str], str]:
    """The id of a request, the fields of its log lines, and what it hands on."""

    def begin() -> tuple[str, dict[str, str], str]:
        return begin_request(request_id, parent), dict(log_fields.get()), traceparent.get()

    return contextvars.copy_context().run(begin)


@pytest.mark.parametrize("given", ["a", "4f2b-1c", "Root=1-67891233-abcdef012345678912345678", "a" * 128])
def test_a_usual_id_is_kept(given: str) -> None:
    assert noted(given) == (given, {"request_id": given}, "")


@pytest.mark.parametrize("given", [None, "", "a" * 129, "a b", "a\nb", 'a"', "é", "٣"])
def test_another_is_replaced_by_a_new_one(given: str | None) -> None:
    first, second = noted(given), noted(given)
    assert first[0] != second[0]
    assert len(first[0]) == 16
    assert first[1] == {"request_id": first[0]}


def test_a_trace_is_noted_and_handed_on() -> None:
    assert noted("r", PARENT) == ("r", {"request_id": "r", "trace_id": TRACE}, PARENT)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_an_invalid_trace_is_ignored(parent: str) -> None:
    assert noted("r", parent) == ("r", {"request_id": "r"}, "")


def test_a_request_over_a_socket_has_the_id_of_its_connection() -> None:
    def begin() -> dict[str, str]:
        begin_socket_request("c1", 7)
        return dict(log_fields.get())

    assert contextvars.copy_context().run(begin) == {"connection_id": "c1", "request_id": "c1-7"}
