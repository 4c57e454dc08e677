"""Who a trigger is for, in all forms that callers write, and its transaction id."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.errors import BadRequest, ValidationFailed
from inbox.models.trigger import Recipient, TopicRecipient, parse_recipients, parse_transaction_id


def accepted(to: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(recipient.subscriber_id, recipient.profile) for recipient in parse_recipients(to).accepted]


@pytest.mark.parametrize(
    ("to", "recipients"),
    [
        ("a", [("a", {})]),
        (" a ", [("a", {})]),
        ("a,b", [("a,b", {})]),
        ({"subscriberId": "a"}, [("a", {})]),
        ({"subscriberId": "a", "firstName": "A", "lastName": None}, [("a", {"firstName": "A", "lastName": None})]),
        ({"subscriberId": "a", "type": "Subscriber", "unknown": 1}, [("a", {})]),
        ([], []),
        (["a"], [("a", {})]),
        (["b", "a"], [("b", {}), ("a", {})]),
        (["a", {"subscriberId": "b", "email": "b@example.org"}], [("a", {}), ("b", {"email": "b@example.org"})]),
    ],
)
def test_every_form_of_a_recipient(to: Any, recipients: Any) -> None:
    assert accepted(to) == recipients


@pytest.mark.parametrize(
    ("to", "profile"),
    [
        (["a", "a", " a"], {}),
        ([{"subscriberId": "a", "firstName": "1"}, {"subscriberId": "a", "firstName": "2"}], {"firstName": "2"}),
        ([{"subscriberId": "a", "firstName": "1"}, {"subscriberId": "a", "lastName": "2"}], {"lastName": "2"}),
        ([{"subscriberId": "a", "firstName": "1"}, "a"], {"firstName": "1"}),
        (["a", {"subscriberId": "a", "firstName": "1"}], {"firstName": "1"}),
    ],
)
def test_a_recipient_named_again_is_one_and_its_last_object_counts(to: Any, profile: dict[str, Any]) -> None:
    assert parse_recipients(to).accepted == [Recipient("a", profile)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, True, 7, "", " ", "x" * 256, "a\0b", "a\nb", [], ["b"], {}, {"firstName": "A"}, {"subscriberId": 7}),
        *({"subscriberId": "b", "email": "none"}, {"subscriberId": "b", "firstName": 7}, {"subscriberId": "b\0"}),
    ],
)
def test_a_wrong_item_of_a_list_is_refused_by_itself(wrong: Any) -> None:
    recipients = parse_recipients(["a", wrong, "c"])
    assert [recipient.subscriber_id for recipient in recipients.accepted] == ["a", "c"]
    [reason] = recipients.refused
    assert reason


@pytest.mark.parametrize("wrong", [None, True, 7, 1.5, "", " ", "x" * 256, {}, {"firstName": "A"}, {"subscriberId": 7}])
def test_a_single_recipient_has_to_be_right(wrong: Any) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_recipients(wrong)
    assert all(field.startswith("to") for field in refused.value.fields)


def test_nul_in_a_single_recipient_is_malformed() -> None:
    with pytest.raises(BadRequest):
        parse_recipients("a\0b")


def test_a_wrong_profile_field_is_named() -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_recipients({"subscriberId": "a", "email": "none", "locale": "no locale"})
    assert set(refused.value.fields) == {"email", "locale"}


@pytest.mark.parametrize(
    ("to", "topics", "ids"),
    [
        ({"type": "Topic", "topicKey": "t"}, [TopicRecipient("t")], []),
        ({"topicKey": " t "}, [TopicRecipient("t")], []),
        (
            ["a", {"type": "Topic", "topicKey": "t", "exclude": ["b", " c"]}, {"type": "Topic", "topicKey": "u"}, "d"],
            [TopicRecipient("t", frozenset({"b", "c"})), TopicRecipient("u")],
            ["a", "d"],
        ),
    ],
)
def test_topics_stand_beside_subscribers(to: Any, topics: list[TopicRecipient], ids: list[str]) -> None:
    recipients = parse_recipients(to)
    assert recipients.topics == topics
    assert [recipient.subscriber_id for recipient in recipients.accepted] == ids
    assert recipients.refused == []


@pytest.mark.parametrize(
    "wrong",
    [{"type": "Topic"}, {"topicKey": 7}, {"topicKey": " "}, {"topicKey": "t", "exclude": "a"}, {"topicKey": "a\0"}],
)
def test_a_wrong_topic_of_a_list_is_refused_by_itself(wrong: Any) -> None:
    recipients = parse_recipients(["a", wrong])
    assert ([recipient.subscriber_id for recipient in recipients.accepted], recipients.topics) == (["a"], [])
    assert len(recipients.refused) == 1
    with pytest.raises((BadRequest, ValidationFailed)):
        parse_recipients(wrong)


@pytest.mark.parametrize("listed", [True, False])
def test_more_than_a_hundred_excluded_are_too_many(listed: bool) -> None:
    topic = {"type": "Topic", "topicKey": "t", "exclude": [str(number) for number in range(101)]}
    with pytest.raises(ValidationFailed) as refused:
        parse_recipients([topic] if listed else topic)
    assert list(refused.value.fields) == ["to.exclude"]
    parse_recipients({**topic, "exclude": topic["exclude"][:100]})


def test_recipients_are_told_apart_whatever_their_order() -> None:
    def names(*to: Any) -> list[str]:
        return parse_recipients(list(to)).names

    topic = {"topicKey": "t", "exclude": ["b", "a"]}
    assert names("a", "b", topic) == names({**topic, "exclude": ["a", "b"]}, "b", "a", "a")
    told_apart = [names("t"), names({"topicKey": "t"}), names(topic), names("t", "a"), names({"topicKey": "u"})]
    assert len({tuple(one) for one in told_apart}) == len(told_apart)


@pytest.mark.parametrize(("value", "transaction_id"), [(None, None), ("", None), ("t", "t"), ("x" * 255, "x" * 255)])
def test_a_transaction_id_is_taken_as_it_is(value: str | None, transaction_id: str | None) -> None:
    assert parse_transaction_id(value) == transaction_id


@pytest.mark.parametrize(("value", "error"), [("a\0b", BadRequest), ("x" * 256, ValidationFailed)])
def test_a_wrong_transaction_id_is_refused(value: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_transaction_id(value)
