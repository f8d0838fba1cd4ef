"""Customers. What is personal goes into `person`, and nowhere else."""

from trueup.canon.customer import Consent, Customer, CustomerPerson
from trueup.canon.issue import Issue
from trueup.connectors.shopify.amount import Currency, is_told, money_of
from trueup.connectors.shopify.refs import (
    address_of,
    ref_of,
    stamp_of,
    tags_of,
    unknown_code,
    utc,
)
from trueup.connectors.shopify.shape import NOTHING, AddressShape, Amount, Id, Instant, Shape
from trueup.contract.connector import Fetch, Mapped, Source

_CONSENT = dict.fromkeys(
    ("subscribed", "unsubscribed", "pending", "not_subscribed", "redacted", "invalid"), True
)
_STATES = dict.fromkeys(("declined", "disabled", "enabled", "invited"), True)


class ConsentShape(Shape, frozen=True, kw_only=True):
    """Whether marketing may be sent over one medium."""

    state: str | None = None
    opt_in_level: str | None = None
    consent_updated_at: Instant | None = None


class CustomerShape(Shape, frozen=True, kw_only=True):
    """One customer."""

    id: Id
    created_at: Instant | None = None
    updated_at: Instant | None = None
    state: str | None = None
    verified_email: bool | None = None
    tax_exempt: bool | None = None
    orders_count: int | None = None
    total_spent: Amount = NOTHING
    currency: Currency | None = None
    locale: str | None = None
    tags: str | list[str] | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    note: str | None = None
    addresses: list[AddressShape] | None = None
    default_address: AddressShape | None = None
    email_marketing_consent: ConsentShape | None = None
    sms_marketing_consent: ConsentShape | None = None


def map_customer(shape: CustomerShape, source: Source) -> Mapped:
    """Return the customer."""
    ref = str(ref_of(shape.id))
    issues: list[Issue] = []
    state = shape.state.lower() if shape.state else None
    if state and state not in _STATES:
        issues.append(unknown_code("customer_state", state, f"customer/{ref}", _STATES))
        state = "unknown"
    spent = shape.total_spent
    customer = Customer(
        ref=ref,
        updated_at=stamp_of(source, shape.updated_at, shape.created_at),
        created_at=utc(shape.created_at),
        state=state,
        verified_email=shape.verified_email,
        tax_exempt=bool(shape.tax_exempt),
        orders_count=shape.orders_count,
        spent=money_of(spent, shape.currency) if is_told(spent) else None,
        currency=shape.currency,
        locale=shape.locale,
        consents=_consents_of(shape, ref, issues),
        person=_person_of(shape),
    )
    return Mapped(records=(customer,), issues=tuple(issues))


def deleted_customer(ref: str, source: Source) -> Mapped:
    """Return the customer as gone; Shopify tells only its id."""
    return Mapped(records=(Customer(ref=ref, updated_at=stamp_of(source), deleted=True),))


def fetch_customer(ref: str) -> Mapped:
    """Return the wish to read the customer: the body holds only a part of it."""
    return Mapped(fetch=(Fetch(resource="customers", ref=ref),))


def _person_of(shape: CustomerShape) -> CustomerPerson | None:
    shapes = shape.addresses or ([shape.default_address] if shape.default_address else [])
    addresses = tuple(a for a in map(address_of, shapes) if a is not None)
    person = CustomerPerson(
        email=shape.email or None,
        phone=shape.phone or None,
        first_name=shape.first_name or None,
        last_name=shape.last_name or None,
        note=shape.note or None,
        addresses=addresses,
        tags=tags_of(shape.tags),
    )
    return None if person == _NOBODY else person


_NOBODY = CustomerPerson()


def _consents_of(shape: CustomerShape, ref: str, issues: list[Issue]) -> tuple[Consent, ...]:
    found = []
    told = (("email", shape.email_marketing_consent), ("sms", shape.sms_marketing_consent))
    for medium, consent in told:
        if consent is None or consent.state is None:
            continue
        state = consent.state.lower()
        if state not in _CONSENT:
            issues.append(unknown_code("consent_state", state, f"customer/{ref}", _CONSENT))
            state = "unknown"
        found.append(
            Consent(
                medium=medium,
                state=state,
                opt_in_level=consent.opt_in_level.lower() if consent.opt_in_level else None,
                updated_at=utc(consent.consent_updated_at),
            )
        )
    return tuple(found)
