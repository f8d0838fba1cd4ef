"""Goal: profiles, consent and events mean what Klaviyo says, to the digit, and nothing raises."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trueup.canon.activity import Activity
from trueup.canon.customer import Consent, Customer
from trueup.canon.issue import Severity
from trueup.canon.link import Link, LinkSpace
from trueup.connectors.klaviyo.mapping import map_source
from trueup.connectors.klaviyo.webhook import identify, identify_piece, split
from trueup.contract.connector import Fetch, Mapped, Piece, Source
from trueup.kernel.money import Money

RECEIVED_AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
STAMP = "2026-11-20T10:00:00+00:00"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
UNSUBSCRIBED = "event:klaviyo.unsubscribed_from_email_marketing"


def mean(topic: str, body: object) -> Mapped:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return map_source(Source(topic=topic, body=raw, received_at=RECEIVED_AT, raised_at=RECEIVED_AT))


def profile(**about: Any) -> dict[str, Any]:
    return {"type": "profile", "id": "01P", "attributes": {"updated": STAMP} | about}


def consented(**marketing: Any) -> Mapped:
    return mean("pull/profile", profile(subscriptions={"email": {"marketing": marketing}}))


def event(properties: bytes = b"{}", **attributes: Any) -> bytes:
    about = {"datetime": STAMP, "event_properties": msgspec.Raw(properties)} | attributes
    relations = {
        "profile": {"data": {"type": "profile", "id": "01P"}},
        "metric": {"data": {"type": "metric", "id": "M1"}},
    }
    told = {"type": "event", "id": "E1", "attributes": about, "relationships": relations}
    metric = {"id": "M1", "attributes": {"name": "Placed Order"}}
    return msgspec.json.encode({"event": told, "metric": metric, "profile": None})


def activity(body: bytes) -> Activity:
    mapped = mean("pull/event", body)
    (record,) = mapped.records
    assert isinstance(record, Activity)
    return record


def delivery(*topics: str) -> bytes:
    happened = [
        {
            "topic": topic,
            "external_id": f"E{number}",
            "payload": {
                "data": {
                    "type": "event",
                    "id": f"E{number}",
                    "attributes": {"timestamp": 1_763_632_800 + number, "event_properties": {}},
                    "relationships": {"profile": {"data": {"type": "profile", "id": "01P"}}},
                }
            },
        }
        for number, topic in enumerate(topics)
    ]
    return msgspec.json.encode({"data": happened, "meta": {"klaviyo_webhook_id": "W1"}})


def test_a_profile_is_known_by_its_names_elsewhere() -> None:
    (record,) = mean(
        "fetch/profile", profile(email="a@b.example", phone_number="+4917", external_id="501")
    ).records
    assert record.links == (
        Link(LinkSpace.EMAIL, "a@b.example"),
        Link(LinkSpace.PHONE, "+4917"),
        Link(LinkSpace.CUSTOMER, "501"),
    )
    assert record.updated_at == AT


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"consent": "SUBSCRIBED"}, "subscribed"),
        ({"consent": "UNSUBSCRIBED"}, "unsubscribed"),
        ({"consent": "NEVER_SUBSCRIBED"}, "not_subscribed"),
        ({"consent": "SUBSCRIBED", "suppression": [{"reason": "HARD_BOUNCE"}]}, "invalid"),
        ({"consent": "NEVER_SUBSCRIBED", "suppression": [{"reason": "INVALID_EMAIL"}]}, "invalid"),
        ({"consent": "SUBSCRIBED", "suppression": [{"reason": "USER_SUPPRESSED"}]}, "unsubscribed"),
        (
            {
                "consent": "SUBSCRIBED",
                "suppression": [{"reason": "HARD_BOUNCE"}, {"reason": "SPAM_COMPLAINT"}],
            },
            "unsubscribed",
        ),
    ],
)
def test_what_keeps_klaviyo_from_sending_weighs_more_than_consent(told: Any, state: str) -> None:
    mapped = consented(**told)
    (record,) = mapped.records
    assert isinstance(record, Customer)
    assert [each.state for each in record.consents] == [state]
    assert mapped.issues == ()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"consent": "PAUSED"}, "klaviyo.consent_unknown"),
        ({"consent": "subscribed"}, "klaviyo.consent_unknown"),
        (
            {"consent": "SUBSCRIBED", "suppression": [{"reason": "MOON_PHASE"}]},
            "klaviyo.suppression_unknown",
        ),
    ],
)
def test_an_unknown_word_of_consent_is_unknown_and_an_issue(told: Any, code: str) -> None:
    mapped = consented(**told)
    (record,) = mapped.records
    assert isinstance(record, Customer)
    assert record.consents[0].state == "unknown"
    assert [(i.code, i.severity) for i in mapped.issues] == [(code, Severity.WARNING)]


def test_consent_has_its_time_and_how_it_was_given() -> None:
    later = "2026-11-20T12:30:00+02:00"
    mapped = consented(
        consent="SUBSCRIBED", consent_timestamp=later, double_optin=True, last_updated=STAMP
    )
    (record,) = mapped.records
    assert isinstance(record, Customer)
    at = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
    assert record.consents == (
        Consent(medium="email", state="subscribed", opt_in_level="confirmed_opt_in", updated_at=at),
    )
    assert record.updated_at == at  # consent changed after `updated`


def test_a_profile_without_any_stamp_is_as_old_as_its_arrival() -> None:
    (record,) = mean("pull/profile", {"id": "01P", "attributes": {}}).records
    assert record.updated_at == RECEIVED_AT


@pytest.mark.parametrize(
    ("country", "kept"), [("de", "DE"), ("Germany", None), ("", None), (None, None)]
)
def test_a_country_is_a_code_or_left_out(country: str | None, kept: str | None) -> None:
    (record,) = mean(
        "pull/profile",
        profile(organization="Plum", location={"city": "Bremen", "country": country}),
    ).records
    assert isinstance(record, Customer)
    assert record.person is not None
    (address,) = record.person.addresses
    assert (address.country, address.company, address.city) == (kept, "Plum", "Bremen")


def test_a_place_that_says_nothing_is_no_address() -> None:
    (record,) = mean("pull/profile", profile(organization="P", location={"city": None})).records
    assert isinstance(record, Customer)
    assert record.person is not None
    assert record.person.addresses == ()


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        (b'{"$value":118.40,"$value_currency":"EUR"}', Money(Decimal("118.40"), "EUR")),
        (b'{"$value":0.1,"$currency_code":"INR"}', Money(Decimal("0.1"), "INR")),
        (b'{"$value":"7.00","$value_currency":"USD"}', Money(Decimal("7.00"), "USD")),
        (
            b'{"$value":123456789012345678.123456789,"$value_currency":"EUR"}',
            Money(Decimal("123456789012345678.123456789"), "EUR"),
        ),
        (b'{"$value":-5,"$value_currency":"EUR"}', Money(Decimal(-5), "EUR")),
        (b'{"$value":118.40}', None),
        (b'{"$value":118.40,"$value_currency":null}', None),
        (b'{"$value":1e400,"$value_currency":"EUR"}', None),
        (b'{"$value":"much","$value_currency":"EUR"}', None),
        (b'{"$value":[1],"$value_currency":"EUR"}', None),
        (b"[]", None),
        (b"null", None),
    ],
)
def test_a_value_is_exact_and_has_a_currency(properties: bytes, value: Money | None) -> None:
    assert activity(event(properties)).value == value
    assert mean("pull/event", event(properties)).issues == ()


@pytest.mark.parametrize("currency", [b'"euro"', b'"eur"', b"7", b'{"a":1}'])
def test_a_currency_that_is_none_is_an_issue_without_its_text(currency: bytes) -> None:
    body = event(b'{"$value":1,"$value_currency":%b}' % currency)
    mapped = mean("pull/event", body)
    assert activity(body).value is None
    assert [i.code for i in mapped.issues] == ["klaviyo.currency_unknown"]
    assert currency.strip(b'"') not in msgspec.json.encode(mapped.issues)


@pytest.mark.parametrize(
    ("properties", "order"),
    [
        (b'{"OrderNumber":"#1001"}', "#1001"),
        (b'{"order_number":1001}', "1001"),
        (b'{"OrderNumber":"my order from last week"}', None),
        (b'{"OrderNumber":[1]}', None),
        (b"{}", None),
    ],
)
def test_an_order_number_is_a_link(properties: bytes, order: str | None) -> None:
    wanted = (Link(LinkSpace.ORDER, order),) if order else ()
    assert activity(event(properties)).links == wanted


def test_an_event_without_a_metric_or_a_time_is_told() -> None:
    body = msgspec.json.decode(event())
    body["metric"] = None
    mapped = mean("pull/event", body)
    assert isinstance(mapped.records[0], Activity)
    assert mapped.records[0].name == "unknown"
    assert [i.code for i in mapped.issues] == ["klaviyo.metric_unknown"]
    timeless = mean("pull/event", event(datetime=None))
    assert [i.code for i in timeless.issues] == ["klaviyo.field_missing"]
    assert activity(event(datetime=None, timestamp=1_763_632_800)).occurred_at == datetime(
        2025, 11, 20, 10, tzinfo=UTC
    )


def test_a_delivery_of_consent_is_an_activity_and_a_wish_to_read_the_profile() -> None:
    mapped = mean(UNSUBSCRIBED, delivery(UNSUBSCRIBED))
    (record,) = mapped.records
    assert isinstance(record, Activity)
    assert record.name == "Unsubscribed from Email Marketing"
    assert mapped.fetch == (Fetch(resource="profiles", ref="01P"),)
    message = mean("event:klaviyo.sent_sms", delivery("event:klaviyo.sent_sms"))
    assert message.fetch == ()


def test_a_topic_that_nobody_declared_is_named_by_its_words() -> None:
    (record,) = mean("x", delivery("event:klaviyo.opened_email")).records
    assert isinstance(record, Activity)
    assert record.name == "Opened Email"
    assert [i.code for i in mean("x", delivery("nonsense")).issues] == ["klaviyo.metric_unknown"]


def test_a_delivery_of_many_is_taken_apart_and_never_mapped_whole() -> None:
    body = delivery(UNSUBSCRIBED, "event:klaviyo.sent_sms", UNSUBSCRIBED)
    whole = identify({}, body)
    assert (whole.topic, whole.entity) == (UNSUBSCRIBED, "")
    pieces = split(whole.topic, body)
    found = [identify_piece(piece) for piece in pieces]
    assert [each.entity for each in found] == ["activity/E0", "activity/E1", "activity/E2"]
    assert len({each.external_id for each in found}) == 3
    assert [i.code for i in mean(UNSUBSCRIBED, body).issues] == ["klaviyo.delivery_unsplit"]
    assert mean(UNSUBSCRIBED, {"data": []}).ignored


def test_an_event_is_the_same_however_it_was_bundled() -> None:
    alone, together = delivery(UNSUBSCRIBED), delivery(UNSUBSCRIBED, "event:klaviyo.sent_sms")
    (first,) = split(UNSUBSCRIBED, alone)
    again, _ = split(UNSUBSCRIBED, together)
    assert identify_piece(first).external_id == identify_piece(again).external_id


def test_a_piece_under_another_topic_is_another_event() -> None:
    body = delivery(UNSUBSCRIBED)
    found = identify_piece(Piece(topic="event:klaviyo.sent_sms", body=body))
    assert (found.topic, found.entity) == ("event:klaviyo.sent_sms", "activity/E0")
    assert found.external_id != identify({}, body).external_id


@pytest.mark.parametrize(
    ("topic", "body", "code"),
    [
        ("pull/profile", b"{", "klaviyo.body_malformed"),
        ("pull/profile", b"\xff\xfe", "klaviyo.body_malformed"),
        ("pull/profile", b'{"a":' + b"[" * 100_000, "klaviyo.body_malformed"),
        ("pull/profile", b'{"id":"01P"}', "klaviyo.field_missing"),
        ("pull/profile", b'{"id":7,"attributes":{}}', "klaviyo.field_type"),
        ("pull/profile", b'{"id":"","attributes":{}}', "klaviyo.field_invalid"),
        (
            "pull/profile",
            b'{"id":"P","attributes":{"updated":"2026-01-01T00:00:00"}}',
            "klaviyo.field_invalid",
        ),
        ("pull/event", b'{"event":NaN}', "klaviyo.body_malformed"),
        (UNSUBSCRIBED, b"null", "klaviyo.field_type"),
    ],
)
def test_a_spoilt_body_is_a_named_issue(topic: str, body: bytes, code: str) -> None:
    mapped = mean(topic, body)
    assert [(i.code, i.severity) for i in mapped.issues] == [(code, Severity.ERROR)]
    assert mapped.records == ()
    assert identify_piece(Piece(topic=topic, body=body)).entity == ""
    assert split(topic, body) == (Piece(topic=topic, body=body),)


def test_other_nouns_are_left_aside() -> None:
    assert mean("pull/list", b"{}").ignored
    assert identify_piece(Piece(topic="pull/list", body=b"{}")).entity == ""
    assert split("x", b'{"data":[7,8]}')[0].topic == ""
