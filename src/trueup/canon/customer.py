"""Customers: who buys. What is personal stands apart, so that it can be sealed and destroyed."""

from datetime import datetime
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A postal address as the source wrote it; `country` is an ISO 3166-1 alpha-2 code."""

    name: str | None = None
    company: str | None = None
    lines: tuple[str, ...] = ()
    city: str | None = None
    province: str | None = None
    postcode: str | None = None
    country: str | None = None
    phone: str | None = None


class Consent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether marketing may be sent over one medium ("email", "sms"), and since when."""

    medium: str
    state: str  # subscribed, unsubscribed, pending, not_subscribed, redacted, invalid, unknown
    opt_in_level: str | None = None
    updated_at: datetime | None = None


class CustomerPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a customer; `tags` are free words, which may name people."""

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    note: str | None = None
    addresses: tuple[Address, ...] = ()
    tags: tuple[str, ...] = ()


@register
class Customer(Record, frozen=True, kw_only=True):
    """One customer of one system."""

    kind: ClassVar[str] = "customer"

    created_at: datetime | None = None
    state: str | None = None
    verified_email: bool | None = None
    tax_exempt: bool = False
    orders_count: int | None = None
    spent: Money | None = None
    currency: str | None = None
    locale: str | None = None
    consents: tuple[Consent, ...] = ()
    person: CustomerPerson | None = None
