"""Events: what customers did, each of a metric, with a value where there is one."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from trueup.canon.activity import Activity, ActivityPerson
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.connectors.klaviyo.fault import missing, unknown
from trueup.connectors.klaviyo.profile import links_of
from trueup.connectors.klaviyo.shape import NULL, EventShape, Shape, WhoShape
from trueup.kernel.money import Money

TOPICS = {
    "event:klaviyo.bounced_email": "Bounced Email",
    "event:klaviyo.marked_email_as_spam": "Marked Email as Spam",
    "event:klaviyo.received_sms": "Received SMS",
    "event:klaviyo.sent_sms": "Sent SMS",
    "event:klaviyo.subscribed_to_email_marketing": "Subscribed to Email Marketing",
    "event:klaviyo.subscribed_to_sms_marketing": "Subscribed to SMS Marketing",
    "event:klaviyo.unsubscribed_from_email_marketing": "Unsubscribed from Email Marketing",
    "event:klaviyo.unsubscribed_from_sms_marketing": "Unsubscribed from SMS Marketing",
}
"""The topics of the webhook, and the metric that each is of: a delivery names the topic alone."""

BACK_IN_STOCK = "Subscribed to Back in Stock"
"""Klaviyo's own metric of those who want to be told once something is back."""

_VARIANT = re.compile(rb'"(?:[^":]{1,40}:::[^":]{1,40}:::)?([A-Za-z0-9_.-]{1,100})"|([0-9]{1,18})')
_SKU = re.compile(rb'"([A-Za-z0-9][A-Za-z0-9 ._/#+-]{0,99})"')
_AMOUNT = re.compile(rb'"?(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)"?')
_CURRENCY = re.compile(rb'"([A-Z]{3})"')
_ORDER = re.compile(rb'"([#A-Za-z0-9][A-Za-z0-9._/-]{0,59})"|([0-9]{1,18})')


class _Properties(Shape, frozen=True, kw_only=True):
    """What is read of an event's free properties; each may hold anything."""

    value: msgspec.Raw = msgspec.field(name="$value", default=NULL)
    value_currency: msgspec.Raw = msgspec.field(name="$value_currency", default=NULL)
    currency_code: msgspec.Raw = msgspec.field(name="$currency_code", default=NULL)
    order_number: msgspec.Raw = NULL
    order_number_pascal: msgspec.Raw = msgspec.field(name="OrderNumber", default=NULL)
    variant_id: msgspec.Raw = msgspec.field(name="VariantId", default=NULL)
    variant_id_upper: msgspec.Raw = msgspec.field(name="VariantID", default=NULL)
    sku: msgspec.Raw = msgspec.field(name="SKU", default=NULL)


def activity_of(
    shape: EventShape, metric: str | None, who: WhoShape | None, issues: list[Issue]
) -> Activity | None:
    """Return an event as an activity; None where it does not say when it was.

    An event never changes, so its own instant is its stamp.
    """
    place = f"activity/{shape.id}"
    at = occurred_at(shape)
    if at is None:
        issues.append(missing("/attributes/datetime"))
        return None
    if not metric:
        issues.append(unknown("/relationships/metric", "", place, code="klaviyo.metric_unknown"))
    properties = _properties(shape)
    relations = shape.relationships
    pointed = relations.profile.data if relations and relations.profile else None
    order = _order_of(properties)
    person = (
        ActivityPerson(email=who.email or None, phone=who.phone_number or None) if who else None
    )
    return Activity(
        ref=shape.id,
        updated_at=at,
        name=metric or "unknown",
        occurred_at=at,
        customer_ref=pointed.id if pointed else None,
        value=_value_of(properties, place, issues),
        awaits_variant=_variant_of(properties) if metric == BACK_IN_STOCK else None,
        awaits_sku=_sku_of(properties) if metric == BACK_IN_STOCK else None,
        links=(*(links_of(who) if who else ()), *([Link(LinkSpace.ORDER, order)] if order else [])),
        person=person,
    )


def occurred_at(shape: EventShape) -> datetime | None:
    """Return when an event was."""
    if shape.attributes.datetime is not None:
        return shape.attributes.datetime.astimezone(UTC)
    if shape.attributes.timestamp is not None:
        return datetime.fromtimestamp(shape.attributes.timestamp, UTC)
    return None


def metric_of_topic(topic: str) -> str | None:
    """Return the metric that a topic is of; one that is not known is made of the topic's words."""
    if topic in TOPICS:
        return TOPICS[topic]
    words = topic.partition(":")[2].rpartition(".")[2].replace("_", " ").strip()
    return words.title() or None


def _properties(shape: EventShape) -> _Properties:
    try:
        return msgspec.json.decode(shape.attributes.event_properties, type=_Properties)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Properties()


def _value_of(properties: _Properties, place: str, issues: list[Issue]) -> Money | None:
    """Return the value where it has a currency; an amount alone is no money, and stays out."""
    amount = _AMOUNT.fullmatch(bytes(properties.value))
    currencies = [bytes(c) for c in (properties.value_currency, properties.currency_code)]
    told = next((each for each in currencies if each not in {b"null", b'""'}), None)
    if amount is None or told is None:
        return None
    currency = _CURRENCY.fullmatch(told)
    if currency is None:
        issues.append(
            unknown(
                "/attributes/event_properties/$value_currency",
                "another text",
                place,
                code="klaviyo.currency_unknown",
            )
        )
        return None
    return Money(Decimal(amount[1].decode()), currency[1].decode())


def _variant_of(properties: _Properties) -> str | None:
    """Return the shop's id of a variant; Klaviyo may write its source before it."""
    for raw in (properties.variant_id, properties.variant_id_upper):
        if found := _VARIANT.fullmatch(bytes(raw)):
            return (found[1] or found[2]).decode()
    return None


def _sku_of(properties: _Properties) -> str | None:
    found = _SKU.fullmatch(bytes(properties.sku))
    return found[1].decode() if found else None


def _order_of(properties: _Properties) -> str | None:
    for raw in (properties.order_number, properties.order_number_pascal):
        if found := _ORDER.fullmatch(bytes(raw)):
            return (found[1] or found[2]).decode()
    return None
