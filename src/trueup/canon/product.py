"""Products and their variants; a variant with its SKU is what is sold and counted."""

from datetime import datetime
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sellable variant.

    Attributes:
        ref: the vendor's variant id.
        item_ref: the vendor's id of the thing whose stock is counted.
        sku: as the source wrote it; None where it has none.
        stocked: the source counts stock for it; None if not told.
        oversell: the source goes on selling at zero.
    """

    ref: str
    title: str = ""
    item_ref: str | None = None
    sku: str | None = None
    barcode: str | None = None
    price: Money | None = None
    compare_at: Money | None = None
    cost: Money | None = None
    stocked: bool | None = None
    oversell: bool = False
    requires_shipping: bool = True
    weight_g: int | None = None
    position: int | None = None


@register
class Product(Record, frozen=True, kw_only=True):
    """One product of one system with all its variants."""

    kind: ClassVar[str] = "product"

    title: str
    state: str = "active"  # active, archived, draft, unlisted, unknown
    vendor: str | None = None
    product_type: str | None = None
    handle: str | None = None
    created_at: datetime | None = None
    tags: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()


@register
class InventoryItem(Record, frozen=True, kw_only=True):
    """The countable thing behind a variant, as the source tells it on its own."""

    kind: ClassVar[str] = "inventory_item"

    sku: str | None = None
    cost: Money | None = None
    stocked: bool | None = None
    requires_shipping: bool | None = None
    origin_country: str | None = None
    customs_code: str | None = None
