"""Order bodies as a busy shop sends them: about 4 KB of JSON, two lines, paid."""

from datetime import datetime

import msgspec

LINES = 2
FIXED_AT = datetime.fromisoformat("2026-03-02T09:00:00-05:00")


def sku_name(number: int) -> str:
    """Return the SKU of a number."""
    return f"SKU-{number:05d}"


def order_body(number: int, *, skus: tuple[str, ...], at: datetime = FIXED_AT) -> bytes:
    """Return the body of one paid order of `LINES` lines, one unit each.

    Args:
        number: makes the order, its customer and its lines distinct.
        skus: one per line.
        at: when it was placed.
    """
    stamp = at.isoformat(timespec="seconds")
    order_id = 5_000_000_000_000 + number
    lines = [_line(order_id, n, sku) for n, sku in enumerate(skus)]
    subtotal = f"{20 * len(lines)}.00"
    total = f"{20 * len(lines) + 5}.00"
    address = _address(number)
    return msgspec.json.encode(
        {
            "id": order_id,
            "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
            "name": f"#{1000 + number}",
            "number": number,
            "order_number": 1000 + number,
            "created_at": stamp,
            "updated_at": stamp,
            "processed_at": stamp,
            "closed_at": None,
            "cancelled_at": None,
            "cancel_reason": None,
            "currency": "EUR",
            "presentment_currency": "EUR",
            "financial_status": "paid",
            "fulfillment_status": None,
            "source_name": "web",
            "test": False,
            "taxes_included": True,
            "confirmed": True,
            "email": f"buyer{number}@example.com",
            "contact_email": f"buyer{number}@example.com",
            "phone": None,
            "note": None,
            "tags": "",
            "total_line_items_price": subtotal,
            "total_line_items_price_set": _pair(subtotal),
            "subtotal_price": subtotal,
            "subtotal_price_set": _pair(subtotal),
            "total_discounts": "0.00",
            "total_discounts_set": _pair("0.00"),
            "total_shipping_price_set": _pair("5.00"),
            "total_tax": "0.00",
            "total_tax_set": _pair("0.00"),
            "total_tip_received": "0.00",
            "total_price": total,
            "total_price_set": _pair(total),
            "current_total_price": total,
            "current_subtotal_price": subtotal,
            "total_outstanding": "0.00",
            "discount_codes": [],
            "discount_applications": [],
            "tax_lines": [],
            "line_items": lines,
            "shipping_lines": [
                {
                    "id": order_id + 7,
                    "title": "Standard",
                    "code": "Standard",
                    "price": "5.00",
                    "price_set": _pair("5.00"),
                    "discounted_price": "5.00",
                    "discounted_price_set": _pair("5.00"),
                    "tax_lines": [],
                    "discount_allocations": [],
                }
            ],
            "fulfillments": [],
            "refunds": [],
            "customer": {
                "id": 7_000_000_000_000 + number,
                "email": f"buyer{number}@example.com",
                "first_name": "Bench",
                "last_name": f"Buyer {number}",
                "created_at": stamp,
                "updated_at": stamp,
            },
            "billing_address": address,
            "shipping_address": address,
        }
    )


def _line(order_id: int, n: int, sku: str) -> dict[str, object]:
    return {
        "id": order_id * 10 + n,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{order_id * 10 + n}",
        "variant_id": 4_000_000_000 + n,
        "product_id": 3_000_000_000 + n,
        "title": f"Article {sku}",
        "name": f"Article {sku}",
        "sku": sku,
        "quantity": 1,
        "current_quantity": 1,
        "fulfillable_quantity": 1,
        "price": "20.00",
        "price_set": _pair("20.00"),
        "total_discount": "0.00",
        "total_discount_set": _pair("0.00"),
        "requires_shipping": True,
        "taxable": True,
        "gift_card": False,
        "variant_inventory_management": "shopify",
        "fulfillment_status": None,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
        "properties": [],
    }


def _pair(amount: str) -> dict[str, object]:
    money = {"amount": amount, "currency_code": "EUR"}
    return {"shop_money": money, "presentment_money": money}


def _address(number: int) -> dict[str, object]:
    return {
        "first_name": "Bench",
        "last_name": f"Buyer {number}",
        "name": f"Bench Buyer {number}",
        "address1": f"{number % 200 + 1} Sample Street",
        "address2": None,
        "city": "Sampleton",
        "zip": f"{10000 + number % 80000}",
        "province": None,
        "country": "Germany",
        "country_code": "DE",
        "phone": None,
        "company": None,
    }
