"""The three privacy topics that Shopify demands of every app."""

from trueup.canon.privacy import PrivacyKind, PrivacyPerson, PrivacyRequest
from trueup.connectors.shopify.refs import ref_of, stamp_of
from trueup.connectors.shopify.shape import Id, Ref, Shape
from trueup.contract.connector import Mapped, Source


class PrivacyCustomerShape(Shape, frozen=True, kw_only=True):
    """Whom the request is about."""

    id: Id | None = None
    email: str | None = None
    phone: str | None = None


class PrivacyShape(Shape, frozen=True, kw_only=True):
    """One request."""

    shop_id: Id | None = None
    customer: PrivacyCustomerShape | None = None
    orders_requested: list[Id] | None = None
    orders_to_redact: list[Id] | None = None
    data_request: Ref | None = None


_KINDS = {
    "customers/data_request": PrivacyKind.ACCESS,
    "customers/redact": PrivacyKind.ERASE_PERSON,
    "shop/redact": PrivacyKind.ERASE_CONNECTION,
}


def privacy_ref(topic: str, shop: Id | None, customer: Id | None, request: Id | None) -> str:
    """Return by what the request is known: its own number, else whom it is about."""
    if topic == "customers/data_request" and request is not None:
        return f"access-{ref_of(request)}"
    if topic == "shop/redact":
        return f"erase-shop-{ref_of(shop)}"
    word = "access" if topic == "customers/data_request" else "erase"
    return f"{word}-customer-{ref_of(customer)}"


def map_privacy(shape: PrivacyShape, source: Source) -> Mapped:
    """Return the request."""
    customer = shape.customer
    request = shape.data_request.id if shape.data_request else None
    person = PrivacyPerson(email=customer.email, phone=customer.phone) if customer else None
    orders = shape.orders_requested or shape.orders_to_redact or ()
    customer_ref = ref_of(customer.id) if customer else None
    record = PrivacyRequest(
        ref=privacy_ref(source.topic, shape.shop_id, customer.id if customer else None, request),
        updated_at=stamp_of(source),
        request=_KINDS[source.topic],
        customer_ref=customer_ref,
        order_refs=tuple(str(ref_of(order)) for order in orders),
        person=None if person == _NOBODY else person,
    )
    return Mapped(records=(record,))


_NOBODY = PrivacyPerson()


def is_privacy(topic: str) -> bool:
    """Tell whether the topic is one of the three."""
    return topic in _KINDS
