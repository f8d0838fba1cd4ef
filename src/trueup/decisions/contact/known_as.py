"""By what a CRM knows somebody: found in the records at the moment when it is ordered."""

from typing import Any

import msgspec
import psycopg

from trueup.canon.order import Order
from trueup.canon.record import decode
from trueup.decisions.contact.addressee import Place, find_addressee, place_of
from trueup.hub import Hub
from trueup.records.contactable import person_of_record
from trueup.records.reads import records_named

Conn = psycopg.AsyncConnection[Any]


class KnownAs(msgspec.Struct, frozen=True, kw_only=True):
    """One name of somebody: their e-mail, else their phone, else their id at the shop.

    Attributes:
        persons: everybody who is the same customer.
        person: whose record told the name.
    """

    persons: tuple[bytes, ...]
    person: bytes
    email: str | None = None
    phone: str | None = None
    external_ref: str | None = None


async def known_as(conn: Conn, hub: Hub, order: str) -> KnownAs | None:
    """Return by what a CRM knows who placed an order; None where nothing is known of them."""
    who = await find_addressee(conn, hub, order)
    if who is None:
        return None
    if who.email is not None:
        return KnownAs(persons=who.persons, person=who.email.person, email=who.email.address)
    if who.phone is not None:
        return KnownAs(persons=who.persons, person=who.phone.person, phone=who.phone.address)
    place = place_of(order)
    if not isinstance(place, Place):
        return None
    person = await person_of_record(conn, place.connection_id, place.kind, place.ref)
    rows = await records_named(conn, place.kind, [(place.connection_id, place.ref)])
    for record in (decode(place.kind, row["body"]) for row in rows):
        if person is not None and isinstance(record, Order) and record.customer_ref:
            return KnownAs(persons=who.persons, person=person, external_ref=record.customer_ref)
    return None
