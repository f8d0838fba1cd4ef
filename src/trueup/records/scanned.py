"""What carriers say of parcels, and to which region each goes: for models, in pages."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.parcel import Parcel, ParcelPerson
from trueup.canon.record import decode
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import invariant
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.sealed import open_row

_queries = load_queries("trueup.records")

PAGE: Final = 2000
POSTCODE_CHARS: Final = 2
"""So much of a postcode names a part of a country; where there is none, its province does."""


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel, without what is personal of it.

    Attributes:
        region: the country that it goes to, and the part of it; empty where nothing can be read,
            as of a person who was erased.
    """

    record_id: int
    parcel: Parcel
    region: str


async def parcels_scanned(
    conn: psycopg.AsyncConnection[Any], vault: Vault, since: datetime, *, count: int
) -> list[Scanned]:
    """Return the parcels of which something was told since an instant.

    Args:
        conn: any session.
        vault: opens destinations.
        since: what nobody told anything of since then is left out.
        count: parcels at most.
    """
    found: list[Scanned] = []
    while len(found) < count:
        rows = await fetch_rows(
            conn,
            _queries.parcels_scanned,
            since=since,
            after=found[-1].record_id if found else 0,
            count=min(PAGE, count - len(found)),
        )
        persons = {bytes(row["person"]) for row in rows if row["person"] is not None}
        keys = await read_keys(conn, vault, persons) if persons else {}
        found += [_scanned(vault, row, keys) for row in rows]
        if len(rows) < PAGE:
            break
    return found


async def regions_of(
    conn: psycopg.AsyncConnection[Any], vault: Vault, record_ids: Collection[int]
) -> dict[int, str]:
    """Return the region that each of some parcels goes to, by its record; empty as of `Scanned`."""
    rows = await fetch_rows(conn, _queries.parcels_sealed, record_ids=sorted(record_ids))
    persons = {bytes(row["person"]) for row in rows if row["person"] is not None}
    keys = await read_keys(conn, vault, persons) if persons else {}
    return {row["record_id"]: _region(vault, row, keys) for row in rows}


def _scanned(vault: Vault, row: Row, keys: Mapping[bytes, bytes]) -> Scanned:
    parcel = decode(Parcel.kind, row["body"])
    invariant(isinstance(parcel, Parcel), "records of a kind are of its type")
    assert isinstance(parcel, Parcel)  # noqa: S101 - for the reader of types
    return Scanned(record_id=row["record_id"], parcel=parcel, region=_region(vault, row, keys))


def _region(vault: Vault, row: Row, keys: Mapping[bytes, bytes]) -> str:
    opened = open_row(vault, row, Parcel.kind, keys)
    if opened is None:
        return ""
    goes_to = msgspec.json.decode(opened, type=ParcelPerson).destination
    if goes_to is None:
        return ""
    postcode = (goes_to.postcode or "").strip()[:POSTCODE_CHARS]
    parts = (goes_to.country or "", (postcode or (goes_to.province or "").strip()).casefold())
    return "-".join(part for part in parts if part)
