"""Places, products, and what lies where."""

from datetime import datetime
from decimal import Decimal

import msgspec

from trueup.canon.inventory import InventoryLevel, Location
from trueup.canon.issue import Issue
from trueup.canon.product import Product, Variant
from trueup.connectors.odoo.fault import fraction, invalid
from trueup.connectors.odoo.shape import (
    LevelShape,
    LocationShape,
    MoveLineShape,
    Named,
    ProductShape,
)
from trueup.connectors.odoo.value import (
    currency,
    instant,
    latest,
    money,
    named,
    number,
    ref_of,
    text,
    units,
)
from trueup.contract.connector import Fetch, Mapped

STOCKED = frozenset(("internal", "transit"))
"""Usages of places at which our own units lie; all others are elsewhere, or nowhere."""

_GRAMS = Decimal(1000)
_UNDATED = invalid("/write_date", "an instant such as 2026-11-21 10:00:00")


def map_location(body: bytes) -> Mapped:
    """Return the place."""
    shape = msgspec.json.decode(body, type=LocationShape)
    at = instant(shape.write_date)
    if at is None:
        return Mapped(issues=(_UNDATED,))
    location = Location(
        ref=str(shape.id),
        updated_at=at,
        name=text(shape.complete_name) or str(shape.id),
        active=shape.active and text(shape.usage) in STOCKED,
    )
    return Mapped(records=(location,))


def map_product(body: bytes) -> Mapped:
    """Return the variant as a product with one variant; Odoo counts and sells variants."""
    shape = msgspec.json.decode(body, type=ProductShape)
    template = named(shape.product_tmpl_id)
    at = latest((shape.write_date, template.write_date if template else None))
    if at is None:
        return Mapped(issues=(_UNDATED,))
    grams = number(shape.weight)
    category = named(shape.categ_id)
    title = text(shape.display_name) or ""
    ref = str(shape.id)
    variant = Variant(
        ref=ref,
        item_ref=ref,
        title=title,
        sku=text(shape.default_code),
        barcode=text(shape.barcode),
        price=money(shape.lst_price, currency(shape.currency_id)),
        cost=money(shape.standard_price, currency(shape.cost_currency_id)),
        stocked=shape.is_storable,
        weight_g=int((grams * _GRAMS).to_integral_value()) if grams and grams > 0 else None,
    )
    product = Product(
        ref=ref,
        updated_at=at,
        title=title,
        state="active" if shape.active else "archived",
        product_type=text(category.display_name) if category else None,
        created_at=instant(shape.create_date),
        variants=(variant,),
    )
    return Mapped(records=(product,))


def map_level(body: bytes, read_at: datetime) -> Mapped:
    """Return what lies of one product at one place: the sum over lots, packages and owners.

    Args:
        body: as `pull` puts it together.
        read_at: dates a place that holds nothing, where Odoo's reply did not.
    """
    shape = msgspec.json.decode(body, type=LevelShape)
    ref = f"{shape.product}@{shape.location}"
    issues: list[Issue] = []
    told = [(number(q.quantity), number(q.reserved_quantity or Decimal(0))) for q in shape.quants]
    whole = [(held, kept) for held, kept in told if held is not None and kept is not None]
    on_hand = committed = None
    if len(whole) == len(told):
        on_hand = units(sum((held for held, _ in whole), Decimal(0)))
        committed = units(sum((kept for _, kept in whole), Decimal(0)))
    if on_hand is None or committed is None:
        issues.append(fraction("/quants", f"inventory_level/{ref}"))
    level = InventoryLevel(
        ref=ref,
        updated_at=latest(q.write_date for q in shape.quants) or instant(shape.read_at) or read_at,
        item_ref=str(shape.product),
        location_ref=str(shape.location),
        available=None if on_hand is None or committed is None else on_hand - committed,
        on_hand=on_hand,
        committed=committed,
        sku=text(shape.default_code),
    )
    return Mapped(records=(level,), issues=tuple(issues))


def map_move_line(body: bytes) -> Mapped:
    """Return the wish to read what now lies at both ends, as far as they are ours.

    A place that was emptied has nothing in Odoo that would tell so by itself.
    """
    shape = msgspec.json.decode(body, type=MoveLineShape)
    product = ref_of(shape.product_id)
    if product is None:
        return Mapped(ignored="no product was moved")
    ends = [_stocked(end) for end in (shape.location_id, shape.location_dest_id)]
    refs = dict.fromkeys(f"{product}@{end}" for end in ends if end is not None)
    if not refs:
        return Mapped(ignored="it moved between places that hold none of our stock")
    return Mapped(fetch=tuple(Fetch(resource="inventory_level", ref=ref) for ref in refs))


def _stocked(end: Named) -> str | None:
    place = named(end)
    return str(place.id) if place and text(place.usage) in STOCKED else None
