"""REST-shaped bodies of what follows an order: payments, parcels, refunds, returns, edits."""

from trueup.sandbox.shopify.bodies_catalogue import address_body
from trueup.sandbox.shopify.bodies_lines import line_body
from trueup.sandbox.shopify.bodies_money import Body, money_number, money_set, money_text
from trueup.sandbox.shopify.model import (
    Fulfillment,
    Line,
    Order,
    OrderReturn,
    Refund,
    RefundLine,
    Transaction,
)
from trueup.sandbox.shopify.money import Pair
from trueup.sandbox.shopify.shop import Shop, gid

__all__ = ["edit_body", "fulfillment_body", "refund_body", "return_body", "transaction_body"]


def transaction_body(shop: Shop, order: Order, each: Transaction) -> Body:
    """Return the body of `order_transactions/create`, also found in refunds."""
    return {
        "id": each.id,
        "order_id": order.id,
        "amount": money_text(order, each.amount),
        "authorization": f"auth-{each.id}" if each.kind == "authorization" else None,
        "created_at": shop.local_text(each.created_at),
        "currency": order.exchange.shop,
        "device_id": None,
        "error_code": None,
        "gateway": each.gateway,
        "kind": each.kind,
        "location_id": order.location_id,
        "message": None,
        "parent_id": each.parent_id,
        "payment_id": f"{order.token[:12]}.{each.id % 1000}",
        "processed_at": shop.local_text(each.created_at),
        "receipt": {},
        "source_name": order.source_name,
        "status": each.status,
        "test": each.test,
        "total_unsettled_set": None,
        "user_id": None,
        "manual_payment_gateway": False,
        "amount_set": money_set(order, each.amount),
        "admin_graphql_api_id": gid("OrderTransaction", each.id),
    }


def fulfillment_body(shop: Shop, order: Order, each: Fulfillment) -> Body:
    """Return the body of `fulfillments/*`, also found in orders."""
    urls = [f"https://track.example/{number}" for number in each.numbers]
    return {
        "id": each.id,
        "order_id": order.id,
        "status": each.status,
        "created_at": shop.local_text(each.created_at),
        "service": "manual",
        "updated_at": shop.local_text(each.updated_at),
        "tracking_company": each.company,
        "shipment_status": each.shipment_status,
        "location_id": each.location_id,
        "origin_address": None,
        "email": order.customer.email if order.customer else None,
        "destination": address_body(order.address),
        "tracking_number": each.numbers[0] if each.numbers else None,
        "tracking_numbers": list(each.numbers),
        "tracking_url": urls[0] if urls else None,
        "tracking_urls": urls,
        "receipt": {},
        "name": each.name,
        "admin_graphql_api_id": gid("Fulfillment", each.id),
        "line_items": [line_body(order, line) | {"quantity": n} for line, n, _ in each.lines],
    }


def refund_body(shop: Shop, order: Order, each: Refund) -> Body:
    """Return the body of `refunds/create`, also found in orders."""
    return {
        "id": each.id,
        "order_id": order.id,
        "created_at": shop.local_text(each.created_at),
        "note": each.note,
        "user_id": None,
        "processed_at": shop.local_text(each.created_at),
        "restock": any(line.restock_type != "no_restock" for line in each.lines),
        "duties": [],
        "total_duties_set": money_set(order, each.duties),
        "return": None
        if each.return_id is None
        else {"id": each.return_id, "admin_graphql_api_id": gid("Return", each.return_id)},
        "refund_shipping_lines": [],
        "order_adjustments": _adjustments(order, each),
        "admin_graphql_api_id": gid("Refund", each.id),
        "refund_line_items": [_refund_line(order, line) for line in each.lines],
        "transactions": [transaction_body(shop, order, paid) for paid in each.transactions],
    }


def _refund_line(order: Order, each: RefundLine) -> Body:
    return {
        "id": each.id,
        "line_item_id": each.line.id,
        "location_id": each.location_id,
        "quantity": each.quantity,
        "restock_type": each.restock_type,
        "subtotal": money_number(order, each.subtotal),
        "subtotal_set": money_set(order, each.subtotal),
        "total_tax": money_number(order, each.tax),
        "total_tax_set": money_set(order, each.tax),
        "line_item": line_body(order, each.line),
    }


def _adjustments(order: Order, refund: Refund) -> list[Body]:
    found = []
    if refund.shipping or refund.shipping_tax:
        found.append(
            _adjustment(
                order,
                refund,
                "shipping_refund",
                "Shipping refund",
                (-refund.shipping, -refund.shipping_tax),
            )
        )
    if refund.discrepancy:
        none = refund.discrepancy - refund.discrepancy
        found.append(
            _adjustment(
                order,
                refund,
                "refund_discrepancy",
                "Refund discrepancy",
                (refund.discrepancy, none),
            )
        )
    return found


def _adjustment(
    order: Order, refund: Refund, kind: str, reason: str, amounts: tuple[Pair, Pair]
) -> Body:
    amount, tax = amounts
    return {
        "id": refund.adjustment_id + (kind != "shipping_refund"),
        "order_id": order.id,
        "refund_id": refund.id,
        "amount": money_text(order, amount),
        "tax_amount": money_text(order, tax),
        "kind": kind,
        "reason": reason,
        "amount_set": money_set(order, amount),
        "tax_amount_set": money_set(order, tax),
    }


def return_body(order: Order, each: OrderReturn) -> Body:
    """Return the body of `returns/*`."""
    return {
        "id": each.id,
        "admin_graphql_api_id": gid("Return", each.id),
        "status": each.status,
        "order": {"id": order.id, "admin_graphql_api_id": gid("Order", order.id)},
        "total_return_line_items": len(each.lines),
        "name": each.name,
        "return_line_items": [
            {
                "id": line.id,
                "admin_graphql_api_id": gid("ReturnLineItem", line.id),
                "fulfillment_line_item": {
                    "id": line.fulfillment_line_id,
                    "admin_graphql_api_id": gid("FulfillmentLineItem", line.fulfillment_line_id),
                    "line_item": {
                        "id": line.line.id,
                        "admin_graphql_api_id": gid("LineItem", line.line.id),
                    },
                },
                "quantity": line.quantity,
                "return_reason": line.reason,
                "return_reason_note": line.note,
                "customer_note": line.wish,
            }
            for line in each.lines
        ],
    }


def edit_body(
    shop: Shop, order: Order, edit_id: int, *,
    added: list[tuple[Line, int]], taken: list[tuple[Line, int]],
) -> Body:  # fmt: skip
    """Return the body of `orders/edited`."""
    return {
        "order_edit": {
            "id": edit_id,
            "app_id": None,
            "created_at": shop.local_text(order.updated_at),
            "notify_customer": False,
            "order_id": order.id,
            "staff_note": "",
            "user_id": None,
            "line_items": {
                "additions": [{"id": line.id, "delta": units} for line, units in added],
                "removals": [{"id": line.id, "delta": units} for line, units in taken],
            },
            "discounts": {"line_item": {"additions": [], "removals": []}},
            "shipping_lines": {"additions": [], "removals": []},
        }
    }
