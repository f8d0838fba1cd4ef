"""REST-shaped bodies of orders, as webhooks carry them (about 4 KB for a usual order)."""

from trueup.sandbox.shopify import totals
from trueup.sandbox.shopify.bodies_after import fulfillment_body, refund_body
from trueup.sandbox.shopify.bodies_catalogue import address_body, customer_body
from trueup.sandbox.shopify.bodies_lines import line_body, shipping_body
from trueup.sandbox.shopify.bodies_money import (
    Body,
    discount_body,
    money_set,
    money_text,
    tax_body,
)
from trueup.sandbox.shopify.model import LineGroup, Order, TaxLine
from trueup.sandbox.shopify.money import ZERO, Pair
from trueup.sandbox.shopify.shop import Shop, gid

__all__ = ["order_body"]


def order_body(shop: Shop, order: Order) -> Body:
    """Return the whole order as it stands now."""
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        **_identity(shop, order),
        **_sums(order),
        **_people(shop, order),
        "discount_applications": [discount_body(each) for each in order.discounts],
        "discount_codes": _codes(order),
        "fulfillments": [fulfillment_body(shop, order, each) for each in order.fulfillments],
        "line_items": [line_body(order, line) for line in order.lines],
        "line_item_groups": [_group_body(each) for each in _groups(order)],
        "payment_terms": None,
        "refunds": [refund_body(shop, order, each) for each in order.refunds],
        "shipping_lines": [shipping_body(order, each) for each in order.shipping_lines],
        "tax_lines": [tax_body(order, each) for each in _order_taxes(order)],
    }


def _identity(shop: Shop, order: Order) -> Body:
    gateways: list[str] = []
    for each in order.transactions:
        if each.gateway not in gateways:
            gateways.append(each.gateway)
    key = f"{order.token[:8]}{order.id}"
    return {
        "app_id": 580111,
        "browser_ip": None,
        "buyer_accepts_marketing": False,
        "cancel_reason": order.cancel_reason,
        "cancelled_at": shop.local_text(order.cancelled_at),
        "cart_token": None,
        "checkout_id": order.id + 7,
        "checkout_token": order.token,
        "client_details": None,
        "closed_at": shop.local_text(order.closed_at),
        "confirmation_number": order.token[:9].upper(),
        "confirmed": True,
        "created_at": shop.local_text(order.created_at),
        "currency": order.exchange.shop,
        "customer_locale": "en",
        "financial_status": order.financial_status,
        "fulfillment_status": totals.fulfillment_status(order),
        "landing_site": None,
        "location_id": order.location_id,
        "merchant_of_record_app_id": None,
        "name": order.name,
        "note": order.note,
        "note_attributes": [],
        "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": f"https://{shop.domain}/{shop.id}/orders/{order.token}"
        f"/authenticate?key={key}",
        "payment_gateway_names": gateways,
        "po_number": None,
        "presentment_currency": order.exchange.presentment,
        "processed_at": shop.local_text(order.created_at),
        "reference": None,
        "referring_site": None,
        "source_identifier": None,
        "source_name": order.source_name,
        "source_url": None,
        "tags": ", ".join(order.tags),
        "tax_exempt": False,
        "taxes_included": order.taxes_included,
        "test": order.test,
        "token": order.token,
        "updated_at": shop.local_text(order.updated_at),
        "user_id": None,
    }


def _sums(order: Order) -> Body:
    sold, now = totals.ordered(order), totals.current(order)
    money_in, money_back = totals.received(order)
    due = ZERO if order.cancelled_at else now.total - (money_in - money_back)
    has_duties = bool(sold.duties)
    body: Body = {
        "total_weight": sum(line.grams * line.quantity for line in order.lines),
        "total_tip_received": money_text(order, sold.tip),
        "total_outstanding": money_text(order, due),
        "total_cash_rounding_payment_adjustment_set": money_set(order, ZERO),
        "total_cash_rounding_refund_adjustment_set": money_set(order, ZERO),
        "current_total_additional_fees_set": None,
        "original_total_additional_fees_set": None,
        "current_total_duties_set": money_set(order, now.duties) if has_duties else None,
        "original_total_duties_set": money_set(order, sold.duties) if has_duties else None,
        "duties_included": False,
        "estimated_taxes": False,
    }
    named: dict[str, Pair] = {
        "current_subtotal_price": now.subtotal,
        "current_total_discounts": now.discounts,
        "current_total_price": now.total,
        "current_total_tax": now.tax,
        "subtotal_price": sold.subtotal,
        "total_discounts": sold.discounts,
        "total_line_items_price": sold.lines,
        "total_price": sold.total,
        "total_tax": sold.tax,
    }
    for name, amount in named.items():
        body[name] = money_text(order, amount)
        body[f"{name}_set"] = money_set(order, amount)
    body["total_shipping_price_set"] = money_set(order, sold.shipping)
    body["current_shipping_price_set"] = money_set(order, now.shipping)
    return body


def _people(shop: Shop, order: Order) -> Body:
    customer = order.customer
    known = customer is not None and not customer.redacted
    return {
        "contact_email": customer.email if customer and known else None,
        "email": (customer.email or "") if customer and known else "",
        "phone": customer.phone if customer and known else None,
        "billing_address": address_body(order.address),
        "shipping_address": address_body(order.address),
        "customer": customer_body(shop, customer, inside_order=True) if customer else None,
    }


def _codes(order: Order) -> list[Body]:
    found: list[Body] = []
    for discount in order.discounts:
        if discount.kind != "discount_code":
            continue
        parts = [
            part.amount
            for holder in order.holders
            for part in holder.allocations
            if part.discount is discount
        ]
        found.append(
            {
                "code": discount.title,
                "amount": money_text(order, sum(parts, ZERO)),
                "type": discount.value_type,
            }
        )
    return found


def _order_taxes(order: Order) -> list[TaxLine]:
    summed: dict[tuple[str, object], TaxLine] = {}
    for holder in order.holders:
        for tax in holder.tax_lines:
            key = (tax.title, tax.rate)
            before = summed.get(key)
            amount = tax.price if before is None else before.price + tax.price
            summed[key] = TaxLine(tax.title, tax.rate, amount)
    return list(summed.values())


def _groups(order: Order) -> list[LineGroup]:
    return list({line.group.id: line.group for line in order.lines if line.group}.values())


def _group_body(group: LineGroup) -> Body:
    return {
        "id": group.id,
        "title": group.title,
        "quantity": group.quantity,
        "variant_id": group.variant_id,
        "variant_sku": group.sku,
        "product_id": group.product_id,
        "properties": [],
    }
