"""Products with their variants."""

from decimal import Decimal

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.product import Product, Variant
from trueup.connectors.shopify.amount import is_told, money_of
from trueup.connectors.shopify.refs import ref_of, stamp_of, tags_of, unknown_code, utc
from trueup.connectors.shopify.shape import NOTHING, Amount, Id, Instant, Shape, Units
from trueup.contract.amount import NO_CURRENCY
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.kernel.money import Money

_STATES = dict.fromkeys(("active", "archived", "draft", "unlisted"), True)
_ONLY = "Default Title"
"""What Shopify calls the variant of a product that has only one; it is no name for anybody."""
_GRAMS = {
    "g": Decimal(1),
    "grams": Decimal(1),
    "kg": Decimal(1000),
    "kilograms": Decimal(1000),
    "oz": Decimal("28.349523125"),
    "ounces": Decimal("28.349523125"),
    "lb": Decimal("453.59237"),
    "pounds": Decimal("453.59237"),
}


class VariantShape(Shape, frozen=True, kw_only=True):
    """One variant."""

    id: Id
    title: str | None = None
    sku: str | None = None
    barcode: str | None = None
    price: Amount = NOTHING
    compare_at_price: Amount = NOTHING
    position: int | None = None
    inventory_item_id: Id | None = None
    inventory_management: str | msgspec.UnsetType | None = msgspec.UNSET
    inventory_policy: str | None = None
    requires_shipping: bool | None = None
    grams: Units | None = None
    weight: Amount = NOTHING
    weight_unit: str | None = None


class ProductShape(Shape, frozen=True, kw_only=True):
    """One product; above a hundred variants Shopify lists the rest as bare ids."""

    id: Id
    title: str | None = None
    status: str | None = None
    vendor: str | None = None
    product_type: str | None = None
    handle: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    tags: str | list[str] | None = None
    variants: list[VariantShape] | None = None
    variant_gids: list[msgspec.Raw] | None = None


def map_product(shape: ProductShape, source: Source) -> Mapped:
    """Return the product; or the wish to read it whole where variants are left out."""
    ref = str(ref_of(shape.id))
    variants = shape.variants
    if shape.title is None or variants is None or len(shape.variant_gids or ()) > len(variants):
        return Mapped(fetch=(Fetch(resource="products", ref=ref),))
    issues: list[Issue] = []
    state = (shape.status or "").lower()
    if state and state not in _STATES:
        issues.append(unknown_code("product_status", state, f"product/{ref}", _STATES))
        state = "unknown"
    product = Product(
        ref=ref,
        updated_at=stamp_of(source, shape.updated_at, shape.created_at),
        title=shape.title,
        state=state or "active",
        vendor=shape.vendor or None,
        product_type=shape.product_type or None,
        handle=shape.handle or None,
        created_at=utc(shape.created_at),
        tags=tags_of(shape.tags),
        variants=tuple(_variant_of(variant) for variant in variants),
    )
    return Mapped(records=(product,), issues=tuple(issues))


def deleted_product(ref: str, source: Source) -> Mapped:
    """Return the product as gone; Shopify tells only its id."""
    return Mapped(records=(Product(ref=ref, updated_at=stamp_of(source), title="", deleted=True),))


def _variant_of(shape: VariantShape) -> Variant:
    management = shape.inventory_management
    return Variant(
        ref=str(ref_of(shape.id)),
        title="" if shape.title is None or shape.title == _ONLY else shape.title,
        item_ref=ref_of(shape.inventory_item_id),
        sku=shape.sku or None,
        barcode=shape.barcode or None,
        price=_money_of(shape.price),
        compare_at=_money_of(shape.compare_at_price),
        stocked=None if management is msgspec.UNSET else bool(management),
        oversell=(shape.inventory_policy or "").lower() == "continue",
        requires_shipping=shape.requires_shipping is not False,
        weight_g=_grams_of(shape),
        position=shape.position,
    )


def _money_of(raw: msgspec.Raw) -> Money | None:
    """Return a catalogue price; it is in the shop's currency, which the body does not name."""
    return money_of(raw, NO_CURRENCY) if is_told(raw) else None


def _grams_of(shape: VariantShape) -> int | None:
    if shape.grams is not None:
        return shape.grams
    factor = _GRAMS.get((shape.weight_unit or "").lower())
    if factor is None or not is_told(shape.weight):
        return None
    return int((money_of(shape.weight, None).amount * factor).to_integral_value())
