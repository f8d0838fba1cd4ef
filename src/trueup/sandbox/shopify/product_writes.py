"""What an app changes at a product: whether it is shown and sold."""

from typing import Any

from trueup.sandbox.shopify.bodies_catalogue import product_body
from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.view import Ask, Pick, number_of
from trueup.sandbox.shopify.views_catalogue import ProductView

__all__ = ["update"]


def update(ask: Ask, given: dict[str, Any]) -> Pick:
    """Set a product's status; the same again changes nothing and tells nobody."""
    allow(ask, "productUpdate", "write_products")
    shop = ask.shop
    product = shop.products.get(number_of(given["id"], "Product") or 0)
    if product is None:
        error = Pick("UserError", field=["id"], message="Product does not exist")
        return Pick("ProductUpdatePayload", product=None, user_errors=[error])
    status = (given.get("status") or product.status).lower()
    if status != product.status:
        shop.begin()
        product.status, product.updated_at = status, shop.now()
        shop.emit("products/update", lambda: product_body(shop, product))
    return Pick("ProductUpdatePayload", product=ProductView(ask, product), user_errors=[])
