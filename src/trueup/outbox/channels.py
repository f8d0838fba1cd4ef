"""Channels: which listings are told of stock, and what channels say of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from trueup.canon.inventory import InventoryLevel
from trueup.hub import Hub
from trueup.ledger.post import lock_balances
from trueup.outbox.enqueue import drop_listings, want_listings
from trueup.outbox.model import Wanted
from trueup.records.listings import Listing, skus_of_items

Conn = psycopg.AsyncConnection[Any]


async def tell_listings(
    conn: Conn, hub: Hub, listings: Sequence[Listing], numbers: Mapping[str, int]
) -> None:
    """Begin to tell channels of listings, and end it for those that are gone.

    Args:
        conn: in the transaction that stored the listings.
        hub: knows where each connection's stock is written.
        listings: that were set or ended.
        numbers: of the SKUs.
    """
    if not listings:
        return
    active = {listing.sku for listing in listings if listing.active}
    balances = await lock_balances(conn, {sku: numbers[sku] for sku in active})
    wanted, gone = [], []
    for listing in listings:
        location = hub.stock_location(listing.connection_id)
        if location is None or not (listing.active and listing.stocked and listing.item_ref):
            gone.append((listing.connection_id, listing.sku))
            continue
        available, sequence, counted = balances[listing.sku]
        wanted.append(
            Wanted(
                connection_id=listing.connection_id,
                sku=listing.sku,
                target={
                    "item_ref": listing.item_ref,
                    "location_ref": location,
                    "product_ref": listing.product_ref or "",
                    "variant_ref": listing.variant_ref,
                    "sku": listing.sku,
                },
                available=available,
                sequence=sequence,
                counted=counted,
            )
        )
    kept = {(w.connection_id, w.sku) for w in wanted}
    await drop_listings(conn, sorted(set(gone) - kept))
    await want_listings(conn, list({(w.connection_id, w.sku): w for w in wanted}.values()))


async def levels_written(
    conn: Conn, hub: Hub, levels: Iterable[tuple[int, InventoryLevel]]
) -> list[tuple[int, str, int]]:
    """Return what channels say stands where the hub writes: (connection_id, sku, units)."""
    latest = {
        (connection_id, level.item_ref): level.available
        for connection_id, level in levels
        if level.available is not None
        and hub.stock_location(connection_id) in {"", level.location_ref}
    }
    skus = await skus_of_items(conn, list(latest))
    return [(item[0], sku, latest[item] or 0) for item, sku in sorted(skus.items())]
