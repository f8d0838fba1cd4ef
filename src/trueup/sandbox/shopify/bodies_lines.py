"""REST-shaped lines: goods, shipping and the discounts that lie on them."""

from trueup.sandbox.shopify.bodies_money import Body, money_set, money_text, tax_body
from trueup.sandbox.shopify.model import Allocation, Line, Order, ShippingLine
from trueup.sandbox.shopify.shop import gid

__all__ = ["line_body", "shipping_body"]


def line_body(order: Order, line: Line) -> Body:
    """Return one line of an order."""
    variant = line.variant
    body: Body = {
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current,
        "fulfillable_quantity": line.fulfillable,
        "fulfillment_service": "manual",
        "fulfillment_status": line.fulfillment_status,
        "gift_card": line.gift_card,
        "grams": line.grams,
        "name": line.title if not line.variant_title else f"{line.title} - {line.variant_title}",
        "price": money_text(order, line.unit_price),
        "price_set": money_set(order, line.unit_price),
        "product_exists": variant is not None,
        "product_id": variant.product.id if variant else None,
        "properties": [{"name": name, "value": value} for name, value in line.properties],
        "quantity": line.quantity,
        "requires_shipping": line.requires_shipping,
        "sales_line_item_group_id": line.group.id if line.group else None,
        "sku": line.sku,
        "taxable": line.taxable,
        "title": line.title,
        "total_discount": money_text(order, line.discount),
        "total_discount_set": money_set(order, line.discount),
        "variant_id": variant.id if variant else None,
        "variant_inventory_management": "shopify" if variant and variant.item.tracked else None,
        "variant_title": line.variant_title,
        "vendor": line.vendor,
        "tax_lines": [tax_body(order, tax) for tax in line.tax_lines],
        "duties": [
            {
                "id": duty.id,
                "harmonized_system_code": duty.code,
                "country_code_of_origin": duty.country_code,
                "shop_money": money_set(order, duty.price)["shop_money"],
                "presentment_money": money_set(order, duty.price)["presentment_money"],
                "tax_lines": [],
                "admin_graphql_api_id": gid("Duty", duty.id),
            }
            for duty in line.duties
        ],
        "discount_allocations": [_allocation(order, each) for each in line.allocations],
    }
    # The vendor counts in `total_discount` only
    # discounts given on the line itself, so with an order-wide code it stays zero.
    if line.allocations and all(each.discount.method == "across" for each in line.allocations):
        zero = line.discount - line.discount
        body["total_discount"] = money_text(order, zero)
        body["total_discount_set"] = money_set(order, zero)
    if line.tip:
        body["tip_payment_gateway"] = "bogus"
        body["tip_payment_method"] = "visa"
    return body


def shipping_body(order: Order, line: ShippingLine) -> Body:
    """Return one shipping line."""
    return {
        "id": line.id,
        "carrier_identifier": None,
        "code": line.code,
        "current_discounted_price_set": money_set(order, line.net - line.refunded),
        "discounted_price": money_text(order, line.net),
        "discounted_price_set": money_set(order, line.net),
        "is_removed": False,
        "phone": None,
        "price": money_text(order, line.price),
        "price_set": money_set(order, line.price),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": line.title,
        "tax_lines": [tax_body(order, tax) for tax in line.tax_lines],
        "discount_allocations": [_allocation(order, each) for each in line.allocations],
    }


def _allocation(order: Order, part: Allocation) -> Body:
    return {
        "amount": money_text(order, part.amount),
        "amount_set": money_set(order, part.amount),
        "discount_application_index": part.discount.index,
    }
