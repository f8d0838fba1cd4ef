"""Small readings that tickets and messages share: ids, instants, persons and named orders."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from trueup.canon.link import Link, LinkSpace
from trueup.connectors.gorgias.shape import Id, PersonShape

ORDER_KEYS = ("order_number", "order_name", "shopify_order_number", "shopify_order_name")
"""Keys of `meta` under which an order's number as people write it is believed."""

PHONE_MEDIA = frozenset(("phone", "sms", "whatsapp"))
CHANNELS = PHONE_MEDIA | frozenset(
    (
        *("email", "chat", "api", "aircall", "contact_form", "help-center", "internal-note"),
        *("facebook", "facebook-mention", "facebook-messenger", "facebook-recommendations"),
        *("instagram", "instagram-ad-comment", "instagram-comment", "instagram-direct-message"),
        *("instagram-mention", "twitter", "twitter-direct-message", "yotpo", "yotpo-review"),
    )
)
"""Words of Gorgias for how people are reached."""
_NUMBER_CHARS_MAX = 60


def ref_of(value: Id | None) -> str | None:
    """Return an id as text."""
    return None if value is None else str(value)


def utc(instant: datetime | None) -> datetime | None:
    """Return the instant in UTC; one without a zone is in UTC already (the vendor's examples)."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC)


def text_of(value: str | None) -> str | None:
    """Return the text without blanks around it; None where nothing is left."""
    return (value or "").strip() or None


def name_of(person: PersonShape | None) -> str | None:
    """Return a person's name."""
    if person is None:
        return None
    parts = [text_of(person.firstname), text_of(person.lastname)]
    return text_of(person.name) or text_of(" ".join(part for part in parts if part))


def phone_of(person: PersonShape | None) -> str | None:
    """Return a customer's phone number: the preferred one, else the first."""
    channels = (person.channels if person else None) or []
    phones = [each for each in channels if each.type in PHONE_MEDIA and text_of(each.address)]
    phones.sort(key=lambda each: not each.preferred)
    return text_of(phones[0].address) if phones else None


def order_links(meta: msgspec.Raw, customer: PersonShape | None = None) -> tuple[Link, ...]:
    """Return the orders that a ticket or a message names in its data; never out of its text.

    Those under `ORDER_KEYS` of `meta` count. Shopify's data of the customer count only where they
    hold one single order: of several nobody can say which one is meant.
    """
    named = list(_in_meta(_loose(meta)))
    if not named and customer is not None:
        bought = {number for number in _in_shops(_loose(customer.integrations)) if number}
        named = list(bought) if len(bought) == 1 else []
    return tuple(Link(LinkSpace.ORDER, number) for number in dict.fromkeys(named))


def people_links(email: str | None, phone: str | None) -> tuple[Link, ...]:
    """Return the links by which a customer is known elsewhere."""
    named = ((LinkSpace.EMAIL, email), (LinkSpace.PHONE, phone))
    return tuple(Link(space, value) for space, value in named if value)


def _in_meta(meta: object) -> Iterable[str]:
    if not isinstance(meta, dict):
        return
    for key in ORDER_KEYS:
        number = _number(meta.get(key))
        if number:
            yield number


def _in_shops(integrations: object) -> Iterable[str]:
    if not isinstance(integrations, dict):
        return
    for shop in integrations.values():
        if not isinstance(shop, dict) or shop.get("__integration_type__") != "shopify":
            continue
        orders = shop.get("orders")
        for order in orders if isinstance(orders, list) else ():
            if isinstance(order, dict):
                yield _number(order.get("name")) or _number(order.get("order_number"))


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip()
    return text if len(text) <= _NUMBER_CHARS_MAX else ""


def _loose(raw: msgspec.Raw) -> Any:  # noqa: ANN401 - whatever the merchant's apps have put there
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
