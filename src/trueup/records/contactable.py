"""Where somebody can be reached, in what language, and where they live, as their records say."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import phonenumbers
import psycopg

from trueup.canon.customer import Address, CustomerPerson
from trueup.canon.link import normal_email
from trueup.canon.message import MessagePerson
from trueup.canon.order import OrderPerson
from trueup.canon.ticket import TicketPerson
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.people import Keys, join_persons
from trueup.records.person import region_of
from trueup.records.sealed import identity_of

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

_COUNT: Final = 50
_PERSONS: Final[dict[str, type[msgspec.Struct]]] = {
    "order": OrderPerson,
    "customer": CustomerPerson,
    "ticket": TicketPerson,
    "message": MessagePerson,
}
_HOMES: Final = ("shipping", "billing")


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail or a phone (in E.164), with whom it is of: the person under whose key it lies."""

    address: str
    person: bytes


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address with its country, and whom it is of, as `Reached`."""

    address: Address
    person: bytes


class Contactable(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody can be reached, by the newest that their records tell.

    Attributes:
        persons: everybody who is the same customer.
        home: where they live or have things sent.
        locale: as a system told it, such as "de-AT".
    """

    persons: tuple[bytes, ...]
    email: Reached | None = None
    phone: Reached | None = None
    home: Home | None = None
    locale: str | None = None


async def person_of_record(conn: Conn, connection_id: int, kind: str, ref: str) -> bytes | None:
    """Return whose a record is; None where there is none, or it is nobody's."""
    rows = await fetch_rows(
        conn, _queries.person_of_record, connection_id=connection_id, kind=kind, ref=ref
    )
    return bytes(rows[0]["person"]) if rows and rows[0]["person"] is not None else None


async def find_contactable(
    conn: Conn, vault: Vault, keys: Keys, person: bytes, first: tuple[int, str, str] | None = None
) -> Contactable:
    """Return where a person can be reached.

    Args:
        conn: any session.
        vault: opens what is personal; of who was erased nothing is opened.
        keys: which names join people.
        person: one of theirs.
        first: connection, kind and ref of the record whose word counts before newer ones.
    """
    joined = await join_persons(conn, [person], keys)
    rows = await fetch_rows(
        conn,
        _queries.contactable_of,
        persons=list(joined.persons),
        kinds=sorted(_PERSONS),
        count=_COUNT,
    )
    opened = await _open(conn, vault, rows)
    opened.sort(key=lambda each: _place(each[0]) != first)  # else the newest stay first
    return Contactable(
        persons=joined.persons,
        email=next(filter(None, (_email(row, told) for row, told in opened)), None),
        phone=next(filter(None, (_phone(row, told, keys) for row, told in opened)), None),
        home=next(filter(None, (_lives(row, told) for row, told in opened)), None),
        locale=next((row["locale"] for row in rows if row["locale"]), None),
    )


async def _open(conn: Conn, vault: Vault, rows: Sequence[Row]) -> list[tuple[Row, msgspec.Struct]]:
    keys = await read_keys(conn, vault, {bytes(row["person"]) for row in rows}) if rows else {}
    found = []
    for row in rows:
        key = keys.get(bytes(row["person"]))
        if key is None:
            continue
        plain = vault.open_personal(bytes(row["personal"]), key, identity_of(*_place(row)))
        if plain is not None:
            found.append((row, msgspec.json.decode(plain, type=_PERSONS[row["kind"]])))
    return found


def _place(row: Row) -> tuple[int, str, str]:
    return row["connection_id"], row["kind"], row["ref"]


def _email(row: Row, told: msgspec.Struct) -> Reached | None:
    address = normal_email(getattr(told, "email", None))
    # What one sign parts is an address to a mail server; what it takes, it says itself.
    well = address.count("@") == 1 and not address.startswith("@") and not address.endswith("@")
    return Reached(address=address, person=bytes(row["person"])) if well else None


def _phone(row: Row, told: msgspec.Struct, keys: Keys) -> Reached | None:
    home = _home(told)
    text = getattr(told, "phone", None) or (home.phone if home is not None else None) or ""
    text = f"+{text[2:]}" if text.startswith("00") else text
    # Without a country nobody can say whose number it is: then there is none.
    try:
        number = phonenumbers.parse(text, region_of(told) or keys.region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Reached(address=str(whole), person=bytes(row["person"]))


def _lives(row: Row, told: msgspec.Struct) -> Home | None:
    address = _home(told)
    return None if address is None else Home(address=address, person=bytes(row["person"]))


def _home(told: msgspec.Struct) -> Address | None:
    if isinstance(told, CustomerPerson):
        return next((each for each in told.addresses if each.country), None)
    held = [getattr(told, name, None) for name in _HOMES]
    return next((each for each in held if each is not None and each.country), None)
