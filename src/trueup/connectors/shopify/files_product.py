"""One product out of the product export: its first row tells it, most rows tell one variant."""

from collections.abc import Sequence
from typing import Any

from trueup.connectors.shopify.table import Row

PRODUCT_COLUMNS = ("Handle", "Title", "Option1 Value", "Variant Price")
_BEGINNING = "1970-01-01T00:00:00Z"
"""The export tells no change stamp, so anything else that is known of a product is newer."""


def product_body(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the product in the shape of a webhook's body.

    Raises:
        ConfigError: a cell is not what its column holds: line, column, expected, found.
    """
    head = rows[0]
    handle = head.text("Handle")
    if not head.text("Title"):
        raise head.fault("Title", "the product's title in its first row", "nothing")
    published = head.flag("Published")
    return {
        "id": handle,
        "title": head.text("Title"),
        # Older exports have no status: what is not published is a draft.
        "status": head.maybe("Status") or ("draft" if published is False else "active"),
        "vendor": head.maybe("Vendor"),
        "product_type": head.maybe("Type"),
        "handle": handle,
        "updated_at": _BEGINNING,
        "tags": head.text("Tags"),
        "variants": [
            _variant(row, handle, position)
            for position, row in enumerate(filter(_is_variant, rows), 1)
        ],
    }


def _is_variant(row: Row) -> bool:
    """A row may tell nothing but one more picture."""
    return bool(row.text("Option1 Value") or row.text("Variant Price") or row.text("Variant SKU"))


def _variant(row: Row, handle: str, position: int) -> dict[str, Any]:
    options = [row.text(f"Option{number} Value") for number in (1, 2, 3)]
    title = " / ".join(option for option in options if option)
    grams = row.text("Variant Grams")
    return {
        "id": row.maybe("Variant SKU") or f"{handle}#{position}",
        "title": title,
        "sku": (row.maybe("Variant SKU") or "").removeprefix("'") or None,
        "barcode": (row.maybe("Variant Barcode") or "").removeprefix("'") or None,
        "price": row.amount("Variant Price"),
        "compare_at_price": row.amount("Variant Compare At Price"),
        "position": position,
        "inventory_management": row.maybe("Variant Inventory Tracker"),
        "inventory_policy": row.maybe("Variant Inventory Policy"),
        "requires_shipping": row.flag("Variant Requires Shipping"),
        "weight": row.amount("Variant Grams") if grams else None,
        "weight_unit": "g",
    }
