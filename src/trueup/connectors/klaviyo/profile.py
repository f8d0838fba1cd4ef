"""Profiles: who somebody is, and what they agreed to."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from trueup.canon.customer import Address, Consent, Customer, CustomerPerson
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.connectors.klaviyo.fault import unknown
from trueup.connectors.klaviyo.shape import (
    ConsentShape,
    LocationShape,
    ProfileShape,
    SubscriptionsShape,
    SuppressionShape,
    WhoShape,
)
from trueup.contract.connector import Source

_STATES = {
    "SUBSCRIBED": "subscribed",
    "UNSUBSCRIBED": "unsubscribed",
    "NEVER_SUBSCRIBED": "not_subscribed",
}
# What keeps Klaviyo from sending, whatever was agreed to. Spam is written in two ways.
_SUPPRESSED = {
    "UNSUBSCRIBE": "unsubscribed",
    "SPAM_COMPLAINT": "unsubscribed",
    "SPAM_REPORT": "unsubscribed",
    "USER_SUPPRESSED": "unsubscribed",
    "HARD_BOUNCE": "invalid",
    "INVALID_EMAIL": "invalid",
}
_WEIGHT = ("unsubscribed", "unknown", "invalid")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


def customer_of(profile: ProfileShape, source: Source, issues: list[Issue]) -> Customer:
    """Return a profile as a customer.

    Its stamp is the newest that it tells: consent may change without `updated`.
    """
    about = profile.attributes
    consents = tuple(_consents(about.subscriptions, f"customer/{profile.id}", issues))
    told = [about.updated, about.created, *(each.updated_at for each in consents)]
    told += [shape.last_updated for _, shape in _media(about.subscriptions)]
    stamps = [at.astimezone(UTC) for at in told if at is not None]
    person = CustomerPerson(
        email=about.email or None,
        phone=about.phone_number or None,
        first_name=about.first_name or None,
        last_name=about.last_name or None,
        addresses=_addresses(about.location, about.organization),
    )
    return Customer(
        ref=profile.id,
        updated_at=max(stamps, default=source.received_at.astimezone(UTC)),
        created_at=about.created.astimezone(UTC) if about.created else None,
        locale=about.locale or None,
        consents=consents,
        links=links_of(about),
        person=person,
    )


def links_of(who: WhoShape) -> tuple[Link, ...]:
    """Return by what somebody is known in other systems; the external id is the shop's own."""
    named = (
        (LinkSpace.EMAIL, who.email),
        (LinkSpace.PHONE, who.phone_number),
        (LinkSpace.CUSTOMER, who.external_id),
    )
    return tuple(Link(space, value) for space, value in named if value)


def _media(told: SubscriptionsShape | None) -> Iterator[tuple[str, ConsentShape]]:
    if told is None:
        return
    for medium, channel in (
        ("email", told.email),
        ("sms", told.sms),
        ("whatsapp", told.whatsapp),
        ("push", told.mobile_push),
    ):
        if channel is not None and channel.marketing is not None:
            yield medium, channel.marketing


def _consents(told: SubscriptionsShape | None, ref: str, issues: list[Issue]) -> Iterator[Consent]:
    for medium, shape in _media(told):
        state = _state(medium, shape, ref, issues)
        stamps = [shape.consent_timestamp, *(s.timestamp for s in shape.suppression or ())]
        yield Consent(
            medium=medium,
            state=state,
            opt_in_level=_level(shape) if state == "subscribed" else None,
            updated_at=max((at.astimezone(UTC) for at in stamps if at), default=None),
        )


def _state(medium: str, shape: ConsentShape, ref: str, issues: list[Issue]) -> str:
    """Return whether marketing may be sent: what keeps Klaviyo from it weighs more than consent."""
    found = [_suppressed(medium, each, ref, issues) for each in shape.suppression or ()]
    for state in _WEIGHT:
        if state in found:
            return state
    if shape.consent in _STATES:
        return _STATES[shape.consent]
    pointer = f"/attributes/subscriptions/{medium}/marketing/consent"
    issues.append(unknown(pointer, shape.consent, ref, code="klaviyo.consent_unknown"))
    return "unknown"


def _suppressed(medium: str, shape: SuppressionShape, ref: str, issues: list[Issue]) -> str:
    if shape.reason in _SUPPRESSED:
        return _SUPPRESSED[shape.reason]
    pointer = f"/attributes/subscriptions/{medium}/marketing/suppression/-/reason"
    issues.append(unknown(pointer, shape.reason, ref, code="klaviyo.suppression_unknown"))
    return "unknown"


def _level(shape: ConsentShape) -> str | None:
    if shape.double_optin is None:
        return None
    return "confirmed_opt_in" if shape.double_optin else "single_opt_in"


def _addresses(told: LocationShape | None, company: str | None) -> tuple[Address, ...]:
    if told is None:
        return ()
    lines = tuple(line for line in (told.address1, told.address2) if line)
    country = told.country or ""
    address = Address(
        company=company or None,
        lines=lines,
        city=told.city or None,
        province=told.region or None,
        postcode=told.zip or None,
        # A country's name in some language is no code, and is not guessed into one.
        country=country.upper() if _COUNTRY.fullmatch(country) else None,
    )
    return (address,) if address != Address(company=address.company) else ()


def newest(shape: ProfileShape) -> datetime | None:
    """Return the profile's own stamp of its last change."""
    at = shape.attributes.updated or shape.attributes.created
    return at.astimezone(UTC) if at else None
