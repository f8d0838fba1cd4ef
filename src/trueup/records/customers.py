"""Customers: found by any of their names, in any system."""

from typing import Any

import psycopg

from trueup.canon.customer import Customer
from trueup.canon.link import SPACES_OF_PEOPLE, LinkSpace, normal_phone, normal_value
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.govern.vault import Vault
from trueup.records.links import Digests, digests_of
from trueup.records.people import Joined, Keys, join_persons
from trueup.records.reads import find_records

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


async def find_customer(conn: Conn, vault: Vault, keys: Keys, name: str) -> Joined | None:
    """Return the customer who has an e-mail, a phone or an id; None where nobody has.

    Args:
        conn: any session.
        vault: makes the keyed digests by which names are found.
        keys: which names join people.
        name: as a person typed it; a vendor's id of a customer, or a customer's own id too.
    """
    rows = await find_records(conn, Customer.kind, name)
    persons = {bytes(row["person"]) for row in rows if row["person"] is not None}
    persons |= await _named(conn, vault, keys, name)
    if not persons:
        persons = await _known(conn, name)
    return await join_persons(conn, persons, keys) if persons else None


async def _named(conn: Conn, vault: Vault, keys: Keys, name: str) -> set[bytes]:
    digests = digests_of_person(vault, keys, name)
    rows = await fetch_rows(
        conn,
        _queries.persons_named,
        namespaces=[namespace for namespace, _ in digests],
        digests=[digest for _, digest in digests],
    )
    return {bytes(row["person"]) for row in rows}


def digests_of_person(vault: Vault, keys: Keys, name: str) -> Digests:
    """Return the digests of a name that a person may have, whatever kind of name it is."""
    pairs = [
        (space.value, normal_value(space, name))
        for space in sorted(SPACES_OF_PEOPLE & keys.spaces)
        if space is not LinkSpace.PHONE
    ]
    if LinkSpace.PHONE in keys.spaces and any(each.isdigit() for each in name):
        pairs.append((LinkSpace.PHONE.value, normal_phone(name, keys.region)))
    return digests_of(vault, [pair for pair in pairs if pair[1]])


async def _known(conn: Conn, name: str) -> set[bytes]:
    """Return the person whose own id this is."""
    try:
        person = bytes.fromhex(name)
    except ValueError:
        return set()
    rows = await fetch_rows(conn, _queries.person_exists, person=person)
    return {person} if rows else set()
