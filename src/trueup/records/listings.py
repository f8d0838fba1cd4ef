"""Listings: which variant of which connection is which SKU."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.canon.product import Product
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows

_queries = load_queries("trueup.records")


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a SKU is sold and its stock can be written."""

    connection_id: int
    variant_ref: str
    item_ref: str | None
    sku: str
    active: bool
    stocked: bool
    product_ref: str | None = None
    title: str | None = None


async def replace_listings(
    conn: psycopg.AsyncConnection[Any], products: Sequence[tuple[int, Product]]
) -> list[Listing]:
    """Note the variants of products as they are now, in the transaction that stored them.

    Args:
        conn: in the transaction of the batch.
        products: (connection_id, product), each product once.

    Returns:
        The listings that were set or ended.
    """
    if not products:
        return []
    rows = [
        (connection_id, product, variant)
        for connection_id, product in products
        if not product.deleted
        for variant in product.variants
        if variant.sku
    ]
    async with conn.cursor(row_factory=class_row(Listing)) as cursor:
        await cursor.execute(
            _queries.replace_listings,
            {
                "connection_ids": [connection_id for connection_id, _, _ in rows],
                "variant_refs": [variant.ref for _, _, variant in rows],
                "item_refs": [variant.item_ref for _, _, variant in rows],
                "skus": [variant.sku for _, _, variant in rows],
                "product_refs": [product.ref for _, product, _ in rows],
                "titles": [
                    f"{product.title} {variant.title}".strip() for _, product, variant in rows
                ],
                "stocked": [variant.stocked is not False for _, _, variant in rows],
                "product_connections": [connection_id for connection_id, _ in products],
                "products": [product.ref for _, product in products],
            },
        )
        return await cursor.fetchall()


async def skus_of_items(
    conn: psycopg.AsyncConnection[Any], items: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], str]:
    """Return the SKU of each (connection_id, item_ref) that is listed."""
    if not items:
        return {}
    cursor = await conn.execute(
        _queries.find_listings_by_item,
        {
            "connection_ids": [connection_id for connection_id, _ in items],
            "item_refs": [item_ref for _, item_ref in items],
        },
    )
    return {
        (connection_id, item_ref): sku for connection_id, item_ref, sku in await cursor.fetchall()
    }


async def list_listings(
    conn: psycopg.AsyncConnection[Any], sku: str | None = None
) -> list[Listing]:
    """Return where a SKU is listed; everything that is listed where `sku` is None."""
    async with conn.cursor(row_factory=class_row(Listing)) as cursor:
        await cursor.execute(_queries.list_listings, {"sku": sku})
        return await cursor.fetchall()


async def listings_of_skus(
    conn: psycopg.AsyncConnection[Any], skus: Sequence[str], connection_ids: Sequence[int]
) -> list[Listing]:
    """Return where some SKUs are listed and sold, at some connections."""
    async with conn.cursor(row_factory=class_row(Listing)) as cursor:
        await cursor.execute(
            _queries.listings_of_skus, {"skus": list(skus), "connection_ids": list(connection_ids)}
        )
        return await cursor.fetchall()


async def count_listings(conn: psycopg.AsyncConnection[Any], connection_id: int) -> int:
    """Return how many variants of a connection are listed under a SKU."""
    rows = await fetch_rows(conn, _queries.count_listings, connection_id=connection_id)
    return int(rows[0]["listings"])
