"""Names of other systems in Stripe's objects: order numbers, people, and ids of one payment."""

import re

from trueup.canon.link import Link, LinkSpace
from trueup.connectors.stripe.shape import Metadata

_VALUE_CHARS_MAX = 100
# Keys of metadata that hold an order's number or id, without case and punctuation. Shops, their
# plug-ins and middleware each write their own.
_ORDER_KEYS = frozenset(
    (
        *("order", "orderid", "orderno", "ordernr", "ordernumber", "ordername", "ordercode"),
        *("orderref", "orderreference", "shoporderid", "shopifyorderid", "shopifyordernumber"),
        *("shopifyordername", "woocommerceorderid", "wcorderid", "magentoorderid"),
        *("bigcommerceorderid", "externalorderid", "merchantorderid", "amazonorderid"),
    )
)
_NAMED_ORDER = re.compile(
    r"\border\s*(?:no\.?|nr\.?|number|id)?\s*[:#]?\s*#?([A-Z]{0,4}-?\d{3,}(?:-\d+)*)\b",
    re.IGNORECASE,
)


def order_links(metadata: Metadata, description: str | None = None) -> list[Link]:
    """Return order numbers out of the metadata, or else the one that a description names.

    A description is free text: it counts only where it says "order" before exactly one number.
    """
    found = [
        str(value).strip()
        for key, value in (metadata or {}).items()
        if re.sub(r"[^a-z]", "", key.lower()) in _ORDER_KEYS
        and isinstance(value, str | int)
        and not isinstance(value, bool)
    ]
    if not found and description:
        named = set(_NAMED_ORDER.findall(description[:1_000]))
        found = sorted(named) if len(named) == 1 else []
    return [Link(LinkSpace.ORDER, value) for value in found if _is_sound(value)]


def payment_links(*refs: str | None) -> list[Link]:
    """Return the ids by which other systems may know a payment."""
    return [Link(LinkSpace.PAYMENT, ref) for ref in refs if ref]


def person_links(email: str | None, phone: str | None) -> list[Link]:
    """Return who paid, as far as it is told."""
    told = ((LinkSpace.EMAIL, email), (LinkSpace.PHONE, phone))
    return [Link(space, value) for space, value in told if value and _is_sound(value)]


def _is_sound(value: str) -> bool:
    return 0 < len(value) <= _VALUE_CHARS_MAX and value.isprintable()
