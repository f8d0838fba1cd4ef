"""Whose record is it: the person under whose key the personal fields are sealed."""

from collections.abc import Mapping

import msgspec

from trueup.canon.customer import Address, Customer
from trueup.canon.link import normal_email, normal_phone
from trueup.canon.record import Record
from trueup.govern.persons import Persona
from trueup.govern.vault import Vault
from trueup.records.model import Stored

_ADDRESSES = ("billing", "shipping", "destination", "address")
_OF_PEOPLE = frozenset(
    (
        *("order", "customer", "shipment", "refund", "return", "payment"),
        *("fulfillment_event", "tender_transaction", "privacy_request"),
        *("ticket", "message", "parcel"),
    )
)


def persona_of(
    vault: Vault,
    connection_id: int,
    record: Record,
    entity_records: Mapping[tuple[str, str], Stored],
) -> Persona | None:
    """Return the person a record speaks of; None where it speaks of nobody.

    A record of an order, or of a ticket, belongs to the person of that where it is known, so that
    one key darkens them all.
    """
    email, phone = contact_of(record)
    customer = _customer_ref(record)
    root = root_of(record.entity())
    if customer is None and root != (record.kind, record.ref):
        whole = entity_records.get(root)
        if whole is not None and whole.person is not None:
            return Persona(person=whole.person)
    email_index = vault.index("email", email) if email else None
    phone_index = vault.index("phone", phone) if phone else None
    if customer is not None:
        person = vault.index("customer", f"{connection_id}\x1f{customer}")
    elif email_index is not None:
        person = vault.index("guest", email)
    elif phone_index is not None:
        person = vault.index("guest", phone)
    elif record.person is not None or record.unites:
        person = vault.index("entity", f"{connection_id}\x1f{record.entity()}")
    else:
        return None
    return Persona(person=person, email_index=email_index, phone_index=phone_index)


def persona_of_entity(vault: Vault, connection_id: int, entity: str) -> Persona | None:
    """Return as whose an event counts of which nobody says whose it is; None where it is nobody's.

    A payment that comes before its order, or a hint without a record, may name people all the same:
    its body lies under a key of the order's own, which goes when the order's person goes.
    """
    kind, _, ref = entity.partition("/")
    if kind not in _OF_PEOPLE:
        return None
    if kind == Customer.kind:
        return Persona(person=vault.index("customer", f"{connection_id}\x1f{ref}"))
    return Persona(person=vault.index("entity", f"{connection_id}\x1f{entity}"))


def root_of(entity: str) -> tuple[str, str]:
    """Return kind and ref of the record that an entity is named after."""
    kind, _, ref = entity.partition("/")
    return kind, ref


def contact_of(record: Record) -> tuple[str, str]:
    """Return e-mail and phone, normalised for look-ups; empty where there is none."""
    person = record.person
    if person is None:
        return "", ""
    email, phone = getattr(person, "email", None), getattr(person, "phone", None)
    return normal_email(email), normal_phone(phone, region_of(person))


def addresses_of(person: msgspec.Struct) -> list[Address]:
    """Return the postal addresses that a record's personal part holds."""
    held = [getattr(person, name, None) for name in _ADDRESSES]
    return [each for each in (*held, *getattr(person, "addresses", ())) if each is not None]


def region_of(person: msgspec.Struct) -> str | None:
    """Return the country by which a phone number without a prefix is read."""
    return next((each.country for each in addresses_of(person) if each.country), None)


def _customer_ref(record: Record) -> str | None:
    if isinstance(record, Customer):
        return record.ref
    return getattr(record, "customer_ref", None)
