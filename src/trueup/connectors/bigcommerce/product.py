"""Products with their variants, what lies where, and the places."""

from trueup.canon.inventory import InventoryLevel, Location
from trueup.canon.issue import Issue
from trueup.canon.product import Product, Variant
from trueup.connectors.bigcommerce.fault import note, unknown_word
from trueup.connectors.bigcommerce.shape import (
    LevelShape,
    LocationShape,
    ProductShape,
    VariantShape,
)
from trueup.connectors.bigcommerce.stamp import instant_of, needed_instant
from trueup.contract.amount import NO_CURRENCY, amount_of, price
from trueup.contract.connector import Mapped, Source

_STATES = {"available": "active", "preorder": "active", "disabled": "unlisted"}
_TRACKINGS = frozenset(("none", "product", "variant"))


def map_product(shape: ProductShape) -> Mapped:
    """Return the product."""
    ref = str(shape.id)
    issues: list[Issue] = []
    variants = shape.variants or []
    if (shape.inventory_tracking or "none") not in _TRACKINGS:
        word = shape.inventory_tracking or ""
        issues.append(unknown_word("inventory_tracking", word, f"product/{ref}"))
    if shape.inventory_tracking == "product" and len(variants) > 1:
        issues.append(_shared(ref))
    state = _STATES.get(shape.availability or "")
    if state is None:
        issues.append(unknown_word("availability", shape.availability or "", f"product/{ref}"))
    if state == "active" and shape.is_visible is False:
        state = "unlisted"
    product = Product(
        ref=ref,
        updated_at=needed_instant(shape.date_modified, shape.date_created),
        title=shape.name or "",
        state=state or "unknown",
        product_type=shape.type or None,
        created_at=instant_of(shape.date_created),
        variants=tuple(_variant_of(each, shape, len(variants)) for each in variants),
    )
    return Mapped(records=(product,), issues=tuple(issues))


def map_level(shape: LevelShape, source: Source) -> Mapped:
    """Return what BigCommerce says lies there.

    It is stamped with the hour in which it was read, so that a page and a hint tell alike; within
    the hour the later asking counts.
    """
    item, place = str(shape.identity.variant_id), str(shape.location.location_id)
    read_at = instant_of(shape.read_at.isoformat() if shape.read_at else None)
    if read_at is not None:
        read_at = read_at.replace(minute=0, second=0, microsecond=0)
    level = InventoryLevel(
        ref=f"{item}@{place}",
        updated_at=read_at or source.raised_at or source.received_at,
        item_ref=item,
        location_ref=place,
        available=shape.location.available_to_sell,
        on_hand=shape.location.total_inventory_onhand,
        sku=shape.identity.sku or None,
    )
    return Mapped(records=(level,))


def map_location(shape: LocationShape) -> Mapped:
    """Return the place. Its address may be somebody's, and is not kept."""
    location = Location(
        ref=str(shape.id),
        updated_at=needed_instant(shape.updated_at, shape.created_at),
        name=shape.label or "",
        active=shape.enabled is not False,
        fulfils_online=shape.storefront_visibility,
    )
    return Mapped(records=(location,))


def _variant_of(shape: VariantShape, product: ProductShape, count: int) -> Variant:
    tracking = product.inventory_tracking
    is_counted = tracking == "variant" or (tracking == "product" and count == 1)
    cost = amount_of(shape.cost_price)
    own = amount_of(shape.price)
    sells_at = own if own is not None else amount_of(product.price)
    list_price = amount_of(product.retail_price)
    sku = shape.sku or (product.sku if count == 1 else None) or None
    return Variant(
        ref=str(shape.id),
        title=" ".join(each.label for each in shape.option_values or () if each.label),
        item_ref=str(shape.id) if is_counted and sku else None,
        sku=sku,
        barcode=shape.gtin or shape.upc or None,
        price=price(sells_at, NO_CURRENCY).booked if sells_at is not None else None,
        compare_at=price(list_price, NO_CURRENCY).booked if list_price else None,
        cost=price(cost, NO_CURRENCY).booked if cost else None,
        stocked=is_counted,
        requires_shipping=product.type != "digital",
    )


def _shared(ref: str) -> Issue:
    return note(
        "stock_shared",
        f"product/{ref}",
        "stock that is counted for each variant",
        "stock that all variants of the product share",
        "Trueup sets no stock of it. Track stock by variant in the store to change that.",
    )
