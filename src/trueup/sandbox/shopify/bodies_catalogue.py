"""REST-shaped bodies of products, inventory and customers, as webhooks carry them."""

from datetime import datetime
from typing import TypeAlias

from trueup.sandbox.shopify.model import (
    Address,
    Customer,
    InventoryItem,
    Level,
    Product,
    Variant,
)
from trueup.sandbox.shopify.money import amount_text
from trueup.sandbox.shopify.shop import Shop, gid

__all__ = ["address_body", "customer_body", "item_body", "level_body", "product_body"]

Body: TypeAlias = dict[str, object]


def level_body(shop: Shop, level: Level) -> Body:
    """Return the body of `inventory_levels/update`: only `available` is told."""
    return {
        "inventory_item_id": level.item_id,
        "location_id": level.location_id,
        "available": level.available,
        "updated_at": shop.local_text(level.updated_at),
        "admin_graphql_api_id": gid(
            "InventoryLevel", f"{level.location_id}?inventory_item_id={level.item_id}"
        ),
    }


def item_body(shop: Shop, item: InventoryItem) -> Body:
    """Return the body of `inventory_items/*`."""
    currency = shop.settings.currency
    return {
        "id": item.id,
        "sku": item.sku,
        "created_at": shop.local_text(item.created_at),
        "updated_at": shop.local_text(item.updated_at),
        "requires_shipping": item.requires_shipping,
        "cost": None if item.cost is None else amount_text(item.cost, currency),
        "country_code_of_origin": None,
        "province_code_of_origin": None,
        "harmonized_system_code": None,
        "tracked": item.tracked,
        "country_harmonized_system_codes": [],
        "admin_graphql_api_id": gid("InventoryItem", item.id),
    }


def product_body(shop: Shop, product: Product) -> Body:
    """Return the body of `products/*`."""
    return {
        "id": product.id,
        "title": product.title,
        "body_html": None,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "created_at": shop.local_text(product.created_at),
        "handle": product.handle,
        "updated_at": shop.local_text(product.updated_at),
        "published_at": shop.local_text(product.created_at),
        "template_suffix": None,
        "published_scope": "web",
        "tags": ", ".join(product.tags),
        "status": product.status,
        "admin_graphql_api_id": gid("Product", product.id),
        "variants": [_variant_body(shop, each) for each in product.variants],
        "options": [
            {
                "id": product.id + 1,
                "product_id": product.id,
                "name": "Title",
                "position": 1,
                "values": [each.title for each in product.variants],
            }
        ],
        "images": [],
        "image": None,
        "variant_gids": [
            {
                "admin_graphql_api_id": gid("ProductVariant", each.id),
                "updated_at": shop.local_text(each.updated_at),
            }
            for each in product.variants
        ],
    }


def _variant_body(shop: Shop, variant: Variant) -> Body:
    units = sum(level.available for key, level in shop.levels.items() if key[0] == variant.item.id)
    return {
        "id": variant.id,
        "product_id": variant.product.id,
        "title": variant.title,
        "price": amount_text(variant.price, shop.settings.currency),
        "sku": variant.sku,
        "position": variant.position,
        "inventory_policy": variant.policy,
        "compare_at_price": None,
        "fulfillment_service": "manual",
        "inventory_management": "shopify" if variant.item.tracked else None,
        "option1": variant.title,
        "option2": None,
        "option3": None,
        "created_at": shop.local_text(variant.created_at),
        "updated_at": shop.local_text(variant.updated_at),
        "taxable": variant.taxable,
        "barcode": variant.barcode,
        "grams": variant.grams,
        "image_id": None,
        "weight": variant.grams / 1000,
        "weight_unit": "kg",
        "inventory_item_id": variant.item.id,
        "inventory_quantity": units,
        "old_inventory_quantity": units,
        "requires_shipping": variant.item.requires_shipping,
        "admin_graphql_api_id": gid("ProductVariant", variant.id),
    }


def address_body(address: Address | None) -> Body | None:
    """Return an address as orders carry it."""
    if address is None:
        return None
    return {
        "first_name": address.first_name,
        "address1": address.address1,
        "phone": address.phone,
        "city": address.city,
        "zip": address.zip,
        "province": address.province,
        "country": address.country,
        "last_name": address.last_name,
        "address2": None,
        "company": None,
        "latitude": None,
        "longitude": None,
        "name": f"{address.first_name} {address.last_name}".strip(),
        "country_code": address.country_code,
        "province_code": address.province_code,
    }


def customer_body(shop: Shop, customer: Customer, *, inside_order: bool = False) -> Body:
    """Return a customer; inside an order the counters and address list are left out."""
    body: Body = {
        "id": customer.id,
        "email": customer.email,
        "created_at": shop.local_text(customer.created_at),
        "updated_at": shop.local_text(customer.updated_at),
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "state": "disabled",
        "note": customer.note,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "phone": customer.phone,
        "tags": ", ".join(customer.tags),
        "currency": shop.settings.currency,
        "tax_exemptions": [],
        "email_marketing_consent": _consent(
            shop, customer.email, customer.email_consent, customer.email_consent_at
        ),
        "sms_marketing_consent": _consent(
            shop, customer.phone, customer.sms_consent, customer.sms_consent_at
        ),
        "admin_graphql_api_id": gid("Customer", customer.id),
    }
    default = _customer_address(customer)
    if default is not None:
        body["default_address"] = default
    if inside_order:
        return body
    return body | {
        "orders_count": customer.orders_count,
        "total_spent": amount_text(customer.total_spent, shop.settings.currency),
        "last_order_id": customer.last_order_id,
        "last_order_name": customer.last_order_name,
        "addresses": [] if default is None else [default],
    }


def _customer_address(customer: Customer) -> Body | None:
    body = address_body(customer.address)
    if body is None or customer.address is None:
        return None
    return {
        "id": customer.address.id,
        "customer_id": customer.id,
        **body,
        "country_name": customer.address.country,
        "default": True,
    }


def _consent(
    shop: Shop, contact: str | None, state: str, changed_at: datetime | None
) -> Body | None:
    if contact is None:
        return None
    return {
        "state": state,
        "opt_in_level": "single_opt_in",
        "consent_updated_at": shop.local_text(changed_at),
    }
