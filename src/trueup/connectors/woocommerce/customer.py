"""Customers with an account; who bought as a guest stands in the order alone."""

from trueup.canon.customer import Customer, CustomerPerson
from trueup.connectors.woocommerce.person import address_of
from trueup.connectors.woocommerce.shape import CustomerShape, instant_of, needed_instant
from trueup.contract.connector import Mapped, Source


def map_customer(shape: CustomerShape) -> Mapped:
    """Return the customer."""
    billing = shape.billing
    addresses = dict.fromkeys((address_of(billing), address_of(shape.shipping)))
    person = CustomerPerson(
        email=shape.email or (billing.email if billing else None) or None,
        phone=(billing.phone or None) if billing else None,
        first_name=shape.first_name or None,
        last_name=shape.last_name or None,
        addresses=tuple(address for address in addresses if address is not None),
    )
    customer = Customer(
        ref=str(shape.id),
        updated_at=needed_instant(shape.date_modified_gmt, shape.date_created_gmt),
        created_at=instant_of(shape.date_created_gmt),
        person=None if person == CustomerPerson() else person,
    )
    return Mapped(records=(customer,))


def deleted_customer(ref: str, source: Source) -> Mapped:
    """Return the customer as gone; only the id is told."""
    at = source.raised_at or source.received_at
    return Mapped(records=(Customer(ref=ref, updated_at=at, deleted=True),))
