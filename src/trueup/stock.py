"""Stock that people report: each movement is an event of our own, through the log, once per ref."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.inventory import InventoryLevel, MovementKind, StockMovement
from trueup.canon.record import decode
from trueup.contract.connector import Piece
from trueup.errors import InsufficientStock, KeyReused
from trueup.hub import Hub
from trueup.ingest import Handed, Taken, take_in
from trueup.intake.model import Connection
from trueup.ledger.reads import list_balances, list_sites
from trueup.ledger.serials import refuse_elsewhere
from trueup.pull.access import Access
from trueup.pull.levels import read_levels
from trueup.records.listings import list_listings
from trueup.records.reads import find_records

Conn = psycopg.AsyncConnection[Any]

TOPIC = "stock/movement"
_ALL = 10_000_000


class Movement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One movement in the form of the connector `manual`."""

    ref: str
    movement: MovementKind
    sku: str
    quantity: int
    site: str
    occurred_at: datetime
    to_site: str | None = None
    reason: str | None = None
    serials: tuple[str, ...] = ()


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What the books of SKUs would begin with, by a channel's levels.

    Attributes:
        movements: one a SKU and site.
        opened: SKUs whose books are open already.
        unlisted: items at the vendor that are no SKU of ours.
        moving: SKUs that moved while they were read; left for another try.
        empty: SKUs of which nothing is there; their books open with the first units that come.
    """

    movements: tuple[Movement, ...]
    opened: tuple[str, ...]
    unlisted: tuple[str, ...]
    moving: tuple[str, ...]
    empty: tuple[str, ...]


async def report_movements(
    conninfo: str, hub: Hub, connection: Connection, movements: Sequence[Movement]
) -> Taken:
    """Put movements through the log and apply them.

    Args:
        conninfo: of the database.
        hub: knows the connection.
        connection: of the connector `manual`.
        movements: a ref that the log has with the same content is a repeat.
    """
    handed = [
        Handed(name=each.ref, piece=Piece(topic=TOPIC, body=msgspec.json.encode(each)))
        for each in movements
    ]
    return await take_in(conninfo, hub, connection, handed)


async def is_repeat(conn: Conn, connection: Connection, movement: Movement) -> bool:
    """Whether a movement was reported already under its ref.

    Raises:
        KeyReused: the ref was used for another movement.
    """
    for row in await find_records(conn, StockMovement.kind, movement.ref):
        if row["connection_id"] != connection.connection_id:
            continue
        known = decode(StockMovement.kind, row["body"])
        fields = ("movement", "sku", "quantity", "site", "to_site", "serials")
        if any(getattr(known, name) != getattr(movement, name) for name in fields):
            raise KeyReused("This ref names another movement already.", ref=movement.ref)
        return True
    return False


async def check_set_aside(conn: Conn, movement: Movement) -> None:
    """Make sure that as many units are set aside as a movement lets go.

    Raises:
        InsufficientStock: there are fewer; says how many.
    """
    if movement.movement is not MovementKind.QUARANTINE or movement.quantity >= 0:
        return
    sites = await list_sites(conn, movement.sku)
    there = sum(row["quarantine"] for row in sites if row["site"] == movement.site)
    if there < -movement.quantity:
        raise InsufficientStock(
            f"{there} units of {movement.sku} are set aside at {movement.site}, and "
            f"{-movement.quantity} can not be let go; see: trueup show sku {movement.sku}",
            sku=movement.sku,
            site=movement.site,
            left=there,
        )


async def check_serials(conn: Conn, connection: Connection, movement: Movement) -> None:
    """Make sure that the serials that a person moves lie where they are moved from.

    What was found or counted is a fact, and is not looked at.

    Raises:
        SerialElsewhere: one of them lies elsewhere; says what is known of it.
    """
    found = movement.movement is MovementKind.ADJUSTMENT and movement.quantity > 0
    if found or movement.movement is MovementKind.COUNT:
        return
    told = StockMovement(
        ref=movement.ref,
        updated_at=movement.occurred_at,
        movement=movement.movement,
        sku=movement.sku,
        quantity=movement.quantity,
        site=movement.site,
        to_site=movement.to_site,
        serials=movement.serials,
    )
    async with conn.transaction():
        await refuse_elsewhere(conn, told, connection.connection_id)


async def plan_opening(access: Access) -> Opening:
    """Return what the books of SKUs that are not open yet would begin with.

    What is on hand is what the channel calls available and what our books have reserved: so the
    first number that any channel is told is the one that stands there now. The books are read
    before and after the vendor's levels; a SKU that moved meanwhile is left for another try.
    """
    hub, connection = access.hub, access.connection
    before = await _balances(access.conn)
    levels = await read_levels(access)
    after = await _balances(access.conn)
    listings = await list_listings(access.conn)
    sku_of = {
        each.item_ref: each.sku
        for each in listings
        if each.connection_id == connection.connection_id and each.active and each.stocked
    }
    site_of = hub.site_of(connection.connection_id)
    counted_at = _counted_locations(connection)
    units: dict[tuple[str, str], int] = defaultdict(int)
    opened, moving, unlisted = set(), set(), set()
    for level in levels:
        sku = sku_of.get(level.item_ref)
        if sku is None:
            unlisted.add(level.item_ref)
        elif after.get(sku, _NEVER)["counted"]:
            opened.add(sku)
        elif before.get(sku, _NEVER)["sequence"] != after.get(sku, _NEVER)["sequence"]:
            moving.add(sku)
        elif not counted_at or level.location_ref in counted_at:
            units[sku, site_of(level.location_ref)] += _units(level)
    default = site_of(None)
    for sku in {sku for sku, _ in units}:
        balance = after.get(sku, _NEVER)
        # Units that left before the books were opened are part of what the channel still shows.
        units[sku, default] += balance["reserved"] - balance["on_hand"]
    now = access.clock.now()
    movements = tuple(
        Movement(
            ref=f"opening/{sku}/{site}"[:120],
            movement=MovementKind.OPENING,
            sku=sku,
            quantity=quantity,
            site=site,
            occurred_at=now,
            reason=f"what {connection.name} shows",
        )
        for (sku, site), quantity in sorted(units.items())
        if quantity
    )
    begun = {movement.sku for movement in movements}
    return Opening(
        movements=movements,
        opened=tuple(sorted(opened)),
        unlisted=tuple(sorted(unlisted)),
        moving=tuple(sorted(moving)),
        empty=tuple(sorted({sku for sku, _ in units} - begun)),
    )


_NEVER: dict[str, Any] = {"sequence": 0, "counted": False, "reserved": 0, "on_hand": 0}


async def _balances(conn: Conn) -> dict[str, dict[str, Any]]:
    return {row["sku"]: row for row in await list_balances(conn, count=_ALL)}


def _counted_locations(connection: Connection) -> frozenset[str]:
    """Return the locations whose stock counts; empty where all of them do."""
    pairs = connection.settings.get("location_sites", "").split(",")
    named = {pair.partition("=")[0].strip() for pair in pairs if "=" in pair}
    written = connection.settings.get("stock_location", "")
    return frozenset(named | {written}) - {""}


def _units(level: InventoryLevel) -> int:
    """Return what stands there to be sold; what is on hand where only that is told."""
    if level.available is not None:
        return level.available
    return level.on_hand or 0
