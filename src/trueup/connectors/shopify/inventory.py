"""Inventory items, what Shopify says lies where, and the places."""

import msgspec

from trueup.canon.inventory import InventoryLevel, Location
from trueup.canon.product import InventoryItem
from trueup.connectors.shopify.amount import Currency, is_told, money_of
from trueup.connectors.shopify.refs import address_of, ref_of, stamp_of
from trueup.connectors.shopify.shape import NOTHING, AddressShape, Amount, Id, Instant, Shape, Units
from trueup.contract.connector import Mapped, Source


class ItemShape(Shape, frozen=True, kw_only=True):
    """The countable thing behind a variant; a webhook tells its cost without a currency."""

    id: Id
    sku: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    requires_shipping: bool | None = None
    cost: Amount = NOTHING
    currency: Currency | None = None
    country_code_of_origin: str | None = None
    harmonized_system_code: str | None = None
    tracked: bool | None = None


class LevelShape(Shape, frozen=True, kw_only=True):
    """What lies of one item at one location."""

    inventory_item_id: Id
    location_id: Id
    available: Units | None = None
    on_hand: Units | None = None
    committed: Units | None = None
    incoming: Units | None = None
    sku: str | None = None
    updated_at: Instant | None = None
    gone: bool = False


class LocationShape(AddressShape, frozen=True, kw_only=True):
    """One place; its address stands in it."""

    id: Id
    active: bool | None = None
    fulfills_online_orders: bool | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


def map_item(shape: ItemShape, source: Source) -> Mapped:
    """Return the inventory item."""
    cost = shape.cost
    item = InventoryItem(
        ref=str(ref_of(shape.id)),
        updated_at=stamp_of(source, shape.updated_at, shape.created_at),
        sku=shape.sku or None,
        cost=money_of(cost, shape.currency) if is_told(cost) else None,
        stocked=shape.tracked,
        requires_shipping=shape.requires_shipping,
        origin_country=shape.country_code_of_origin or None,
        customs_code=shape.harmonized_system_code or None,
    )
    return Mapped(records=(item,))


def deleted_item(ref: str, source: Source) -> Mapped:
    """Return the inventory item as gone."""
    return Mapped(records=(InventoryItem(ref=ref, updated_at=stamp_of(source), deleted=True),))


def map_level(shape: LevelShape, source: Source) -> Mapped:
    """Return what Shopify says lies there."""
    return Mapped(records=(_level_of(shape, source, deleted=shape.gone),))


def disconnected_level(shape: LevelShape, source: Source) -> Mapped:
    """Return the level as gone: the item is no longer kept at the location."""
    return Mapped(records=(_level_of(shape, source, deleted=True),))


def _level_of(shape: LevelShape, source: Source, *, deleted: bool) -> InventoryLevel:
    item_ref = str(ref_of(shape.inventory_item_id))
    location_ref = str(ref_of(shape.location_id))
    return InventoryLevel(
        ref=f"{item_ref}@{location_ref}",
        updated_at=stamp_of(source, shape.updated_at),
        item_ref=item_ref,
        location_ref=location_ref,
        available=shape.available,
        on_hand=shape.on_hand,
        committed=shape.committed,
        incoming=shape.incoming,
        sku=shape.sku or None,
        deleted=deleted,
    )


def map_location(shape: LocationShape, source: Source) -> Mapped:
    """Return the place. Its name is not part of its address."""
    location = Location(
        ref=str(ref_of(shape.id)),
        updated_at=stamp_of(source, shape.updated_at, shape.created_at),
        name=shape.name or "",
        active=shape.active is not False,
        address=address_of(msgspec.structs.replace(_address(shape), name=None)),
        fulfils_online=shape.fulfills_online_orders,
    )
    return Mapped(records=(location,))


def deleted_location(ref: str, source: Source) -> Mapped:
    """Return the place as gone."""
    gone = Location(ref=ref, updated_at=stamp_of(source), name="", active=False, deleted=True)
    return Mapped(records=(gone,))


def _address(shape: LocationShape) -> AddressShape:
    # Older bodies write the code into `country`.
    code = shape.country_code or (shape.country if len(shape.country or "") == 2 else None)
    return AddressShape(
        company=shape.company,
        address1=shape.address1,
        address2=shape.address2,
        city=shape.city,
        province=shape.province,
        zip=shape.zip,
        country_code=code,
        phone=shape.phone,
    )
