"""People: by which names the records of one person are found in every system.

Nothing is merged. Whose records belong together follows from the names that they share now, so a
name that changes, or that somebody says does not count, changes everything that follows from it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.customer import Address
from trueup.canon.link import LinkSpace, normal_email, normal_phone, normal_text
from trueup.canon.message import Direction, Message
from trueup.canon.record import Record
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.records.links import Names
from trueup.records.person import addresses_of, region_of

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

DEFAULT_KEYS = frozenset((LinkSpace.EMAIL, LinkSpace.PHONE, LinkSpace.CUSTOMER))

PERSONS_MAX = 200
EACH_MAX = 20_000
SHARED_MAX = 20
"""A name that more persons have than this (an office's phone) tells nothing, and joins nobody."""

_STEPS_MAX = 6


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Which names join people, as the brand declares it.

    Attributes:
        spaces: of `SPACES_OF_PEOPLE`.
        region: the country of phone numbers without a prefix where a record names none.
    """

    spaces: frozenset[LinkSpace] = DEFAULT_KEYS
    region: str | None = None


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """Why two persons are one: a name they share."""

    namespace: str
    digest: bytes
    left: bytes
    right: bytes
    since: datetime


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """Persons that are one customer.

    Attributes:
        persons: all of them, sorted; the first is the customer's id.
        joins: why, oldest first.
        shared: (namespace, persons) of names that too many have, and that therefore join nobody.
        cuts: names that somebody said do not count, with the reason.
    """

    persons: tuple[bytes, ...]
    joins: tuple[Join, ...]
    shared: tuple[tuple[str, int], ...]
    cuts: tuple[Row, ...]


def people_names(record: Record, keys: Keys) -> Names:
    """Return (namespace, value) of the names of whom a record is about, as they are compared.

    A message that the brand wrote is no word of the customer, so it names nobody.
    """
    person = record.person
    if person is None or (isinstance(record, Message) and record.direction is not Direction.IN):
        return ()
    region = region_of(person) or keys.region
    email, phone = getattr(person, "email", None), getattr(person, "phone", None)
    found = [
        (LinkSpace.EMAIL, normal_email(email)),
        (LinkSpace.PHONE, normal_phone(phone, region)),
    ]
    if LinkSpace.ADDRESS in keys.spaces:
        found += [(LinkSpace.ADDRESS, _at_address(address)) for address in addresses_of(person)]
    return tuple((space.value, value) for space, value in found if value and space in keys.spaces)


async def join_persons(conn: Conn, persons: Iterable[bytes], keys: Keys) -> Joined:
    """Return everybody who is the same customer as some persons, and why.

    At most `PERSONS_MAX` persons; names that more than `SHARED_MAX` have are not followed.
    """
    found, joins, shared = await _walk(conn, set(persons), keys, PERSONS_MAX)
    cuts = await fetch_rows(conn, _queries.cuts_of_persons, persons=sorted(found))
    return Joined(
        persons=tuple(sorted(found)),
        joins=tuple(sorted(joins, key=lambda join: (join.since, join.digest))),
        shared=tuple(sorted(shared)),
        cuts=tuple(cuts),
    )


async def join_each(
    conn: Conn, persons: Iterable[bytes], keys: Keys
) -> dict[bytes, tuple[bytes, ...]]:
    """Return of each of some persons everybody who is the same customer, sorted.

    All are looked for together, step by step; at most `EACH_MAX` persons.
    """
    asked = set(persons)
    found, joins, _ = await _walk(conn, asked, keys, EACH_MAX)
    near: dict[bytes, set[bytes]] = {person: {person} for person in found}
    for join in joins:
        one, two = near[join.left], near[join.right]
        if one is not two:
            one |= two
            near |= dict.fromkeys(two, one)
    return {person: tuple(sorted(near[person])) for person in asked}


async def _walk(
    conn: Conn, persons: set[bytes], keys: Keys, persons_max: int
) -> tuple[set[bytes], Collection[Join], Collection[tuple[str, int]]]:
    """Return who is reached over shared names, by which, and names that too many share."""
    found = set(persons)
    reached: Collection[bytes] = sorted(found)
    joins: dict[tuple[str, bytes, bytes, bytes], Join] = {}
    shared: dict[bytes, tuple[str, int]] = {}
    spaces = sorted(space.value for space in keys.spaces)
    for _ in range(_STEPS_MAX):
        rows = await fetch_rows(
            conn,
            _queries.persons_beside,
            persons=list(reached),
            namespaces=spaces,
            shared_max=SHARED_MAX,
            count=persons_max * SHARED_MAX,
        )
        near: set[bytes] = set()
        for row in rows:
            digest = bytes(row["digest"])
            if row["other"] is None:
                shared[digest] = (row["namespace"], row["persons"])
                continue
            left, right = sorted((bytes(row["person"]), bytes(row["other"])))
            near.add(bytes(row["other"]))
            joins[row["namespace"], digest, left, right] = Join(
                namespace=row["namespace"],
                digest=digest,
                left=left,
                right=right,
                since=row["since"],
            )
        reached = sorted(near - found)
        found |= set(reached)
        if not reached or len(found) >= persons_max:
            break
    return found, joins.values(), shared.values()


async def cut_name(
    conn: Conn, namespace: str, digest: bytes, *, person: bytes | None, reason: str
) -> None:
    """Say that a name does not join a person to others; nobody at all where `person` is None."""
    await conn.execute(
        _queries.cut_name,
        {"namespace": namespace, "digest": digest, "person": person or b"", "reason": reason},
    )


async def mend_name(conn: Conn, namespace: str, digest: bytes, *, person: bytes | None) -> bool:
    """Take a cut back; False where there was none."""
    cursor = await conn.execute(
        _queries.mend_name, {"namespace": namespace, "digest": digest, "person": person or b""}
    )
    return cursor.rowcount > 0


def _at_address(address: Address) -> str:
    """Return a name at an address as it is compared; empty where a part is missing."""
    first = address.lines[0] if address.lines else None
    parts = [normal_text(each) for each in (address.name, first, address.postcode)]
    return "" if not all(parts) else "|".join((*parts, normal_text(address.country)))
