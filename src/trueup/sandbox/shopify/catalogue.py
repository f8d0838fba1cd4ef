"""Products: put on sale, and changed later."""

from decimal import Decimal
from functools import partial

import msgspec

from trueup.errors import ConfigError
from trueup.sandbox.shopify import stock
from trueup.sandbox.shopify.bodies_catalogue import item_body, product_body
from trueup.sandbox.shopify.model import InventoryItem, Product, Variant
from trueup.sandbox.shopify.shop import Shop

__all__ = ["SkuSeed", "add_product", "seed", "update_product", "variant_of"]


class SkuSeed(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU as the merchant would type it in.

    Attributes:
        sku: None for a variant without SKU.
        available: units at the first location.
        price, cost: decimals as text, in the shop's currency.
        policy: `deny` refuses sales at zero, `continue` goes on selling.
    """

    sku: str | None
    title: str
    price: str = "20.00"
    available: int = 0
    barcode: str | None = None
    cost: str | None = None
    tracked: bool = True
    policy: str = "deny"
    vendor: str = "House"
    product_type: str = "Goods"
    variant_title: str = "Default Title"
    grams: int = 250
    taxable: bool = True
    requires_shipping: bool = True


def seed(shop: Shop, skus: list[SkuSeed]) -> list[Variant]:
    """Add one product per SKU without telling anyone (the shop was there before the hub)."""
    return [add_product(shop, [sku], quiet=True).variants[0] for sku in skus]


def add_product(shop: Shop, skus: list[SkuSeed], *, quiet: bool = False) -> Product:
    """Put a product with its variants on sale."""
    now = shop.now()
    first = skus[0]
    handle = first.title.lower().replace(" ", "-")
    product = Product(
        shop.new_id(), first.title, first.vendor, first.product_type, handle, now, now
    )
    shop.products[product.id] = product
    for position, sku in enumerate(skus, start=1):
        _add_variant(shop, product, sku, position)
    if not quiet:
        shop.emit("products/create", lambda: product_body(shop, product))
        for each in product.variants:
            shop.emit("inventory_items/create", partial(item_body, shop, each.item))
    return product


def _add_variant(shop: Shop, product: Product, sku: SkuSeed, position: int) -> None:
    now = shop.now()
    item = InventoryItem(
        shop.new_id(),
        sku.sku,
        now,
        now,
        tracked=sku.tracked,
        cost=None if sku.cost is None else Decimal(sku.cost),
        requires_shipping=sku.requires_shipping,
    )
    variant = Variant(
        shop.new_id(), product, item, sku.variant_title, sku.sku, sku.barcode,
        Decimal(sku.price), position, now, now, sku.policy, sku.taxable, sku.grams,
    )  # fmt: skip
    item.variant_id = variant.id
    product.variants.append(variant)
    shop.variants[variant.id] = variant
    shop.items[item.id] = item
    if sku.sku is not None:
        shop.by_sku.setdefault(sku.sku, variant)
    for index, place in enumerate(shop.locations.values()):
        level = stock.level_of(shop, item.id, place.id)
        level.available = sku.available if index == 0 else 0


def update_product(
    shop: Shop, sku: str, *, title: str | None, price: str | None, status: str | None
) -> Product:
    """Change a product's title, status, or the price of the variant with this SKU."""
    variant = variant_of(shop, sku)
    product = variant.product
    product.title = title or product.title
    product.status = status or product.status
    if price is not None:
        variant.price = Decimal(price)
        variant.updated_at = shop.now()
    product.updated_at = shop.now()
    shop.emit("products/update", lambda: product_body(shop, product))
    return product


def variant_of(shop: Shop, sku: str) -> Variant:
    """Return the variant with a SKU.

    Raises:
        ConfigError: the shop does not sell it (code `config.invalid`).
    """
    found = shop.by_sku.get(sku)
    if found is None:
        raise ConfigError("This shop does not sell that SKU.", shop=shop.settings.handle, sku=sku)
    return found
