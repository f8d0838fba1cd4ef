"""What lies in Amazon's warehouses, and what the merchant's listings offer."""

from typing import Annotated

import msgspec

from trueup.canon.inventory import InventoryLevel, Location
from trueup.canon.record import BEGINNING
from trueup.connectors.amazon.marketplace import FBA_PREFIX
from trueup.connectors.amazon.shape import Ref, Shape, Units
from trueup.connectors.amazon.stamp import instant_of
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX


class ReservedShape(Shape, frozen=True, kw_only=True):
    """Units that are picked, sorted or moved."""

    total_reserved_quantity: Units | None = None
    pending_customer_order_quantity: Units | None = None


class DetailsShape(Shape, frozen=True, kw_only=True):
    """Where the units are on their way."""

    fulfillable_quantity: Units | None = None
    inbound_working_quantity: Units | None = None
    inbound_shipped_quantity: Units | None = None
    inbound_receiving_quantity: Units | None = None
    reserved_quantity: ReservedShape | None = None


class SummaryShape(Shape, frozen=True, kw_only=True):
    """One item in Amazon's warehouses."""

    seller_sku: Ref
    fn_sku: str | None = None
    asin: str | None = None
    inventory_details: DetailsShape | None = None
    last_updated_time: str | None = None  # empty where nothing was ever received
    total_quantity: Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)] | None = None


class FbaShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A summary with the marketplace that it was asked for."""

    marketplace: Ref
    summary: SummaryShape


class FbaPlaceShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A marketplace whose FBA stock is read."""

    marketplace: Ref


def item_ref_of(sku: str, fn_sku: str | None) -> str:
    """Return the name of what Amazon counts; never the SKU, under which the listing is counted."""
    return fn_sku or f"fba:{sku}"


def map_fba(shape: FbaShape) -> Mapped:
    """Return what Amazon says is there of one item."""
    summary, details = shape.summary, shape.summary.inventory_details
    item = item_ref_of(summary.seller_sku, summary.fn_sku)
    place = f"{FBA_PREFIX}{shape.marketplace}"
    incoming = _sum(
        (
            details.inbound_working_quantity,
            details.inbound_shipped_quantity,
            details.inbound_receiving_quantity,
        )
        if details
        else ()
    )
    total = summary.total_quantity
    reserved = details.reserved_quantity if details else None
    level = InventoryLevel(
        ref=f"{item}@{place}",
        updated_at=instant_of(summary.last_updated_time) or BEGINNING,
        item_ref=item,
        location_ref=place,
        available=details.fulfillable_quantity if details else None,
        # Amazon counts what is on its way to the warehouse into the total.
        on_hand=None if total is None or incoming is None else max(0, total - incoming),
        committed=reserved.pending_customer_order_quantity if reserved else None,
        incoming=incoming,
        sku=summary.seller_sku,
    )
    return Mapped(records=(level,))


def map_fba_place(shape: FbaPlaceShape) -> Mapped:
    """Return Amazon's warehouses of a marketplace as one location."""
    place = Location(
        ref=f"{FBA_PREFIX}{shape.marketplace}",
        updated_at=BEGINNING,
        name=f"Amazon's warehouses ({shape.marketplace})",
        fulfils_online=True,
    )
    return Mapped(records=(place,))


def _sum(parts: tuple[int | None, ...]) -> int | None:
    told = [part for part in parts if part is not None]
    return sum(told) if told else None
