"""Channels: which listings are told of stock, and what channels say of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from trueup.canon.inventory import InventoryLevel
from trueup.hub import Hub
from trueup.ledger.kits import Kits
from trueup.ledger.kitting import available_at, kits_standing
from trueup.ledger.model import StockChange
from trueup.ledger.post import lock_balances
from trueup.outbox.enqueue import drop_listings, keys_told, want_listings
from trueup.outbox.model import Wanted
from trueup.records.listings import Listing, listings_of_skus, skus_of_items

Conn = psycopg.AsyncConnection[Any]


async def tell_listings(
    conn: Conn, hub: Hub, listings: Sequence[Listing], numbers: Mapping[str, int], kits: Kits
) -> None:
    """Begin to tell channels of listings, and end it for those that are gone.

    A SKU that one channel lists more than once has a number for each listing, as if each were a
    channel of its own.

    Args:
        conn: in the transaction that stored the listings.
        hub: knows where each connection's stock is written.
        listings: that were set or ended.
        numbers: of the SKUs.
        kits: of which there are as many as can be put together.
    """
    if not listings:
        return
    touched = sorted({(listing.connection_id, listing.sku) for listing in listings})
    told = await _listings_told(conn, hub, touched)
    active = {sku for _, sku in told}
    balances = await lock_balances(conn, {sku: numbers[sku] for sku in active})
    for sku, (left, whole) in (await kits_standing(conn, kits, active)).items():
        balances[sku] = (left, balances[sku][1], whole)
    here = {
        number: await available_at(conn, kits, active, sites)
        for number, sites in sorted(hub.sell_sites.items())
        if any(connection_id == number for connection_id, _ in told)
    }
    keys = await _keys_of(conn, told)
    wanted: list[Wanted] = []
    for (connection_id, sku), each in told.items():
        available, sequence, counted = balances[sku]
        wanted += [
            Wanted(
                connection_id=connection_id,
                sku=sku,
                key=keys[connection_id, listing.variant_ref],
                target={
                    "item_ref": listing.item_ref or "",
                    "location_ref": hub.stock_location(connection_id, sku) or "",
                    "product_ref": listing.product_ref or "",
                    "variant_ref": listing.variant_ref,
                    "sku": sku,
                },
                available=here.get(connection_id, {}).get(sku, available),
                sequence=sequence,
                counted=counted,
            )
            for listing in each
        ]
    await drop_listings(conn, touched, [(each.connection_id, each.key) for each in wanted])
    await want_listings(conn, wanted)


def further_key(sku: str, variant_ref: str) -> str:
    """Return what a further listing of a SKU is called; the database says it the same way."""
    return f"{sku} (variant {variant_ref})"


async def _listings_told(
    conn: Conn, hub: Hub, touched: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], list[Listing]]:
    """Return where each SKU's number can be written at each connection."""
    skus, connection_ids = {sku for _, sku in touched}, {number for number, _ in touched}
    told: dict[tuple[int, str], list[Listing]] = {}
    for listing in await listings_of_skus(conn, sorted(skus), sorted(connection_ids)):
        pair = (listing.connection_id, listing.sku)
        located = hub.stock_location(*pair) is not None
        if pair in touched and listing.stocked and listing.item_ref and located:
            told.setdefault(pair, []).append(listing)
    return told


async def _keys_of(
    conn: Conn, told: Mapping[tuple[int, str], Sequence[Listing]]
) -> dict[tuple[int, str], str]:
    """Return the key of each listing: (connection_id, variant_ref) -> key.

    A listing keeps its key, so that what is known of its number stays with it. A new one has the
    SKU as its key, unless another listing has that one.
    """
    known = await keys_told(conn, sorted(told))
    found: dict[tuple[int, str], str] = {}
    for pair, listings in told.items():
        refs = {each.variant_ref for each in listings}
        kept = {ref: key for ref, key in known.get(pair, {}).items() if ref in refs}
        for each in listings:
            if each.variant_ref not in kept:
                taken = pair[1] in kept.values()
                key = further_key(pair[1], each.variant_ref) if taken else pair[1]
                kept[each.variant_ref] = key
        found |= {(pair[0], ref): key for ref, key in kept.items()}
    return found


async def at_selling_sites(
    conn: Conn, hub: Hub, changes: Sequence[StockChange], kits: Kits
) -> list[tuple[str, int, int]]:
    """Return (sku, connection_id, available) for channels that sell from some sites only."""
    codes = [change.sku for change in changes]
    found: list[tuple[str, int, int]] = []
    if codes:
        for connection_id, sites in sorted(hub.sell_sites.items()):
            left = await available_at(conn, kits, codes, sites)
            found += [(sku, connection_id, units) for sku, units in left.items()]
    return found


async def levels_written(
    conn: Conn, hub: Hub, levels: Iterable[tuple[int, InventoryLevel]]
) -> list[tuple[int, str, str, int]]:
    """Return what channels say stands there: (connection_id, sku, item_ref, units)."""
    latest = {
        (connection_id, level.item_ref): level.available
        for connection_id, level in levels
        if level.available is not None
        and hub.stock_location(connection_id) in {"", level.location_ref}
    }
    skus = await skus_of_items(conn, list(latest))
    return [(item[0], sku, item[1], latest[item] or 0) for item, sku in sorted(skus.items())]
