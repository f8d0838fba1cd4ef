"""Which parcels a carrier is asked for: its own and those that other systems name, to the end."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.link import LinkSpace, normal_value
from trueup.canon.parcel import FINAL_STATUSES, ParcelPerson, ParcelStatus
from trueup.canon.shipment import ShipmentPerson
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.sealed import open_row

_queries = load_queries("trueup.records")

FOLLOWED_MAX = 20_000
"""So many shipments, and so many parcels, are looked at; the newest first."""

_FINAL = sorted(status.value for status in FINAL_STATUSES)


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel of which the end is not known.

    Attributes:
        number: its tracking number, as it is compared.
        status: as the connection's carrier told it last; None where it told nothing yet.
        told_at: when something was told of it last.
    """

    number: str
    status: ParcelStatus | None
    told_at: datetime


def carrier_name(name: str) -> str:
    """Return a carrier's name as it is compared: letters and digits in lower case."""
    return "".join(each for each in name.casefold() if each.isalnum())


async def open_parcels(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    connection_id: int,
    *,
    carriers: Collection[str],
    since_at: datetime,
) -> list[Open]:
    """Return the parcels that a connection's carrier may have news of, each once.

    Of a person who was erased nothing can be opened, so nobody asks for their parcels.

    Args:
        conn: any session.
        vault: opens tracking numbers.
        connection_id: of the carrier.
        carriers: as other systems write its name.
        since_at: what nobody told anything of since then is over.
    """
    of = {"connection_id": connection_id, "since_at": since_at, "final": _FINAL}
    parcels = await fetch_rows(conn, _queries.parcels_to_follow, **of, count=FOLLOWED_MAX)
    shipments: Sequence[Row] = ()
    if carriers:
        names = sorted({carrier_name(name) for name in carriers})
        shipments = await fetch_rows(
            conn, _queries.shipments_to_follow, **of, carriers=names, count=FOLLOWED_MAX
        )
    persons = {bytes(row["person"]) for row in (*parcels, *shipments) if row["person"] is not None}
    keys = await read_keys(conn, vault, persons) if persons else {}
    found: dict[str, Open] = {}
    for row in parcels:
        number = _number_of_parcel(vault, row, keys)
        if number:
            status = ParcelStatus(row["status"])
            found[number] = Open(number=number, status=status, told_at=row["occurred_at"])
    for row in shipments:
        for number in _numbers_of_shipment(vault, row, keys):
            found.setdefault(number, Open(number=number, status=None, told_at=row["occurred_at"]))
    return list(found.values())


def _number_of_parcel(vault: Vault, row: Row, keys: Mapping[bytes, bytes]) -> str:
    """Return by what a parcel is asked for; empty where its person was erased."""
    if row["person"] is not None and bytes(row["person"]) not in keys:
        return ""
    opened = open_row(vault, row, row["kind"], keys)
    person = ParcelPerson() if opened is None else msgspec.json.decode(opened, type=ParcelPerson)
    return normal_value(LinkSpace.TRACKING, person.tracking_number or row["ref"])


def _numbers_of_shipment(vault: Vault, row: Row, keys: Mapping[bytes, bytes]) -> Iterable[str]:
    opened = open_row(vault, row, row["kind"], keys)
    if opened is None:
        return
    open_digests = {bytes(digest) for digest in row["open"]}
    for told in msgspec.json.decode(opened, type=ShipmentPerson).tracking_numbers:
        number = normal_value(LinkSpace.TRACKING, told)
        if number and vault.index(LinkSpace.TRACKING, number) in open_digests:
            yield number
