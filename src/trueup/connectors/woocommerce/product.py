"""Products with their variations, and what the shop says lies there."""

from decimal import Decimal
from html import unescape

import msgspec

from trueup.canon.inventory import InventoryLevel
from trueup.canon.issue import Issue
from trueup.canon.product import Product, Variant
from trueup.connectors.woocommerce.fault import note, unknown_word
from trueup.connectors.woocommerce.shape import (
    CountedShape,
    ProductShape,
    VariantShape,
    WholeShape,
    instant_of,
    needed_instant,
)
from trueup.contract.amount import NO_CURRENCY, amount_of, price
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.contract.fault import Unsound
from trueup.kernel.limits import UNITS_MAX
from trueup.kernel.money import Money

_STATES = {
    "publish": "active",
    "private": "unlisted",
    "draft": "draft",
    "pending": "draft",
    "future": "draft",
    "trash": "archived",
}
_OVERSELL = frozenset(("yes", "notify"))


def map_product(shape: ProductShape) -> Mapped:
    """Return a product without variations; any other must be read with them."""
    if shape.type == "variation":
        return _fetch(shape.parent_id or 0)
    if shape.variations:
        return _fetch(shape.id)
    issues: list[Issue] = []
    sold = () if shape.type == "grouped" else (_variant_of(shape, shape, issues),)
    return _mapped(shape, sold, issues)


def map_whole(shape: WholeShape) -> Mapped:
    """Return a product with its variations."""
    product = shape.product
    issues: list[Issue] = []
    variants = tuple(_variant_of(each, product, issues) for each in shape.variations)
    return _mapped(product, variants, issues, shape.variations)


def deleted_product(ref: str, source: Source) -> Mapped:
    """Return the product as gone; only its id is told."""
    at = source.raised_at or source.received_at
    return Mapped(records=(Product(ref=ref, updated_at=at, title="", deleted=True),))


def map_level(shape: CountedShape, source: Source) -> Mapped:
    """Return what the shop says lies there; it has one place for everything."""
    level = shape.level
    if level.manage_stock is not True:
        return Mapped(ignored="the shop counts no stock of its own for it")
    ref = str(level.id)
    return Mapped(
        records=(
            InventoryLevel(
                ref=f"{ref}@",
                updated_at=instant_of(shape.read_at.isoformat() if shape.read_at else None)
                or source.raised_at
                or source.received_at,
                item_ref=ref,
                location_ref="",
                available=units_of(level.stock_quantity),
                sku=level.sku or None,
            ),
        )
    )


def units_of(raw: msgspec.Raw) -> int | None:
    """Return whole units; None where none are told. PHP writes 5 as 5 or as 5.0.

    Raises:
        Unsound: they are not whole, or beyond all bounds.
    """
    units = amount_of(raw)
    if units is None:
        return None
    if units != units.to_integral_value() or abs(units) > UNITS_MAX:
        raise Unsound("a part of a unit", "whole units")
    return int(units)


def _mapped(
    shape: ProductShape,
    variants: tuple[Variant, ...],
    issues: list[Issue],
    variations: list[VariantShape] | None = None,
) -> Mapped:
    ref, word = str(shape.id), shape.status or ""
    state = _STATES.get(word)
    if state is None:
        issues.append(unknown_word("product_status", word, f"product/{ref}"))
    stamps = [needed_instant(shape.date_modified_gmt, shape.date_created_gmt)]
    stamps += [at for v in variations or () if (at := instant_of(v.date_modified_gmt))]
    product = Product(
        ref=ref,
        updated_at=max(stamps),
        title=unescape(shape.name or ""),
        state=state or "unknown",
        product_type=shape.type or None,
        handle=shape.slug or None,
        created_at=instant_of(shape.date_created_gmt),
        tags=tuple(sorted({unescape(tag.name) for tag in shape.tags or () if tag.name})),
        variants=variants,
        deleted=word == "trash",
    )
    return Mapped(records=(product,), issues=tuple(issues))


def _variant_of(shape: VariantShape, parent: ProductShape, issues: list[Issue]) -> Variant:
    ref, is_variation = str(shape.id), shape.id != parent.id
    sku = shape.sku or None
    if is_variation and sku is not None and sku == parent.sku:
        # WooCommerce shows the parent's SKU where a variation has none of its own.
        sku = None
    if is_variation and shape.manage_stock == "parent":
        issues.append(_shared(ref))
    if sku is not None and "," in sku:
        issues.append(_unsearchable(ref))
    stocked = shape.manage_stock is True
    return Variant(
        ref=ref,
        title=unescape(shape.name or "") if is_variation else "",
        item_ref=ref if stocked and sku is not None and "," not in sku else None,
        sku=sku,
        barcode=shape.global_unique_id or None,
        price=_money_of(shape.price),
        compare_at=_compare_at(shape),
        stocked=stocked,
        oversell=(shape.backorders or "") in _OVERSELL,
        requires_shipping=shape.virtual is not True,
    )


def _money_of(raw: msgspec.Raw) -> Money | None:
    amount = amount_of(raw)
    return None if amount is None else price(amount, NO_CURRENCY).booked


def _compare_at(shape: VariantShape) -> Money | None:
    """Return the price before the sale, where there is one."""
    regular: Decimal | None = amount_of(shape.regular_price)
    if regular is None or regular == amount_of(shape.price):
        return None
    return price(regular, NO_CURRENCY).booked


def _fetch(number: int) -> Mapped:
    if number <= 0:
        raise Unsound("nothing", "the product that the variation belongs to")
    return Mapped(fetch=(Fetch(resource="products", ref=str(number)),))


def _shared(ref: str) -> Issue:
    return note(
        "stock_shared",
        f"variant/{ref}",
        "stock that is counted for the variation itself",
        "stock that all variations of the product share",
        "Trueup sets no stock of it. Let the shop manage stock at the variation to change that.",
    )


def _unsearchable(ref: str) -> Issue:
    return note(
        "sku_unsearchable",
        f"variant/{ref}",
        "an SKU without a comma",
        "an SKU with a comma, which the shop can not be asked for among others",
        "Trueup sets no stock of it. Change the SKU in the shop.",
    )
