"""One order out of the order export: its first row tells it, each row tells one line."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trueup.connectors.shopify.table import Row

ORDER_COLUMNS = (
    *("Name", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total"),
    *("Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Id"),
)
_STAMPS = ("Created at", "Paid at", "Fulfilled at", "Cancelled at")


def order_body(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the order in the shape of a webhook's body.

    Raises:
        ConfigError: a cell is not what its column holds: line, column, expected, found.
    """
    head = rows[0]
    ref = head.text("Id")
    if not (ref.isascii() and ref.isdecimal() and len(ref) <= 20):
        raise head.fault("Id", "the number of an order", "other text" if ref else "nothing")
    stamps = [instant for column in _STAMPS if (instant := head.instant(column)) is not None]
    if not head.text("Created at"):
        raise head.fault("Created at", "an instant such as 2026-01-31 09:00:00 +0100", "nothing")
    if not head.text("Currency") or not head.text("Total"):
        column = "Total" if head.text("Currency") else "Currency"
        raise head.fault(column, "a value", "nothing")
    taxes = _taxes(head)
    return {
        "id": ref,
        "name": head.text("Name"),
        "created_at": head.instant("Created at"),
        "updated_at": max(stamps),
        "cancelled_at": head.instant("Cancelled at"),
        "currency": head.text("Currency"),
        "taxes_included": _is_included(head),
        "financial_status": head.maybe("Financial Status"),
        "fulfillment_status": head.maybe("Fulfillment Status"),
        "source_name": head.maybe("Source"),
        "email": head.maybe("Email"),
        "phone": head.maybe("Phone"),
        "note": head.maybe("Notes"),
        "tags": head.text("Tags"),
        "billing_address": _address(head, "Billing"),
        "shipping_address": _address(head, "Shipping"),
        "line_items": [_line(row, f"{ref}-{n}") for n, row in enumerate(rows, 1)],
        "shipping_lines": _shipping(head),
        "tax_lines": taxes,
        "discount_codes": _codes(head),
        "total_price": head.amount("Total"),
        "subtotal_price": head.amount("Subtotal"),
        "total_tax": head.amount("Taxes"),
        "total_discounts": head.amount("Discount Amount"),
        "original_total_duties_set": _bag(head, "Duties"),
        "total_outstanding": head.amount("Outstanding Balance"),
    }


def _line(row: Row, ref: str) -> dict[str, Any]:
    price = row.amount("Lineitem price")
    if price is None:
        raise row.fault("Lineitem price", "an amount such as 12.50", "nothing")
    return {
        "id": ref,
        "title": row.text("Lineitem name"),
        "quantity": row.units("Lineitem quantity"),
        "price": price,
        "sku": row.maybe("Lineitem sku"),
        "requires_shipping": row.flag("Lineitem requires shipping"),
        "total_discount": row.amount("Lineitem discount"),
        # The export does not name variants; what has a SKU is taken to be stocked.
        "variant_inventory_management": "shopify" if row.maybe("Lineitem sku") else None,
    }


def _shipping(row: Row) -> list[dict[str, Any]]:
    price = row.amount("Shipping")
    if price is None:
        return []
    return [{"id": "1", "title": row.text("Shipping Method"), "price": price}]


def _codes(row: Row) -> list[dict[str, Any]]:
    amount = row.amount("Discount Amount")
    if amount is None or not Decimal(amount):
        return []
    return [{"code": row.maybe("Discount Code"), "amount": amount}]


def _taxes(row: Row) -> list[dict[str, Any]]:
    taxes = []
    for number in range(1, 6):
        price = row.amount(f"Tax {number} Value")
        if price is not None:
            taxes.append({"title": row.text(f"Tax {number} Name"), "price": price})
    return taxes


def _is_included(row: Row) -> bool:
    """Tell whether prices hold the tax: the export does not say so, but its sums do."""
    parts = ("Subtotal", "Shipping", "Duties")
    without = sum((Decimal(row.amount(column) or 0) for column in parts), Decimal(0))
    return without == Decimal(row.amount("Total") or 0)


def _address(row: Row, kind: str) -> dict[str, Any] | None:
    return {
        "name": row.maybe(f"{kind} Name"),
        "company": row.maybe(f"{kind} Company"),
        "address1": row.maybe(f"{kind} Address1"),
        "address2": row.maybe(f"{kind} Address2"),
        "city": row.maybe(f"{kind} City"),
        "province": row.maybe(f"{kind} Province Name") or row.maybe(f"{kind} Province"),
        # A spreadsheet's guard against losing leading zeros.
        "zip": (row.maybe(f"{kind} Zip") or "").removeprefix("'") or None,
        "country_code": row.maybe(f"{kind} Country"),
        "phone": (row.maybe(f"{kind} Phone") or "").removeprefix("'") or None,
    }


def _bag(row: Row, column: str) -> dict[str, Any] | None:
    amount = row.amount(column)
    if amount is None:
        return None
    return {"shop_money": {"amount": amount, "currency_code": row.text("Currency")}}
