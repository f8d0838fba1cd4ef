"""Barcodes: which SKU a label is, as the products of all connections tell it."""

from collections.abc import Sequence
from typing import Any

import psycopg

from trueup.canon.product import Product
from trueup.db.queries import load_queries
from trueup.records.label import Label, barcode_key
from trueup.records.model import Stored

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


async def note_barcodes(conn: Conn, changed: Sequence[Stored]) -> None:
    """Keep the barcodes of the products that a batch changed."""
    products = [(s.connection_id, s.body) for s in changed if isinstance(s.body, Product)]
    if not products:
        return
    rows = {
        (connection_id, variant.ref): (product.ref, barcode_key(variant.barcode), variant.sku)
        for connection_id, product in products
        for variant in (() if product.deleted else product.variants)
        if variant.barcode and barcode_key(variant.barcode) and variant.sku
    }
    await conn.execute(
        _queries.replace_barcodes,
        {
            "product_connections": [connection_id for connection_id, _ in products],
            "products": [product.ref for _, product in products],
            "connection_ids": [connection_id for connection_id, _ in rows],
            "variant_refs": [variant_ref for _, variant_ref in rows],
            "product_refs": [row[0] for row in rows.values()],
            "codes": [row[1] for row in rows.values()],
            "skus": [row[2] for row in rows.values()],
        },
    )


async def skus_of_label(conn: Conn, label: Label) -> list[str]:
    """Return the SKUs that a label may be: by its barcode, else the SKU of this very code.

    Several SKUs may go by one barcode; whoever scans is asked then.
    """
    cursor = await conn.execute(_queries.skus_of_barcode, {"code": label.code})
    found = [sku for (sku,) in await cursor.fetchall()]
    if found:
        return found
    cursor = await conn.execute(_queries.is_sku, {"sku": label.text})
    return [sku for (sku,) in await cursor.fetchall()]
