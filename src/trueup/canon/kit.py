"""Kits: codes that are sold and not stocked, because they stand for units of other SKUs."""

from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register


class KitPart(msgspec.Struct, frozen=True, kw_only=True):
    """So many whole units of a SKU, which may be a kit in turn."""

    sku: str
    units: int


@register
class Kit(Record, frozen=True, kw_only=True):
    """What one unit of a code is made of, from `updated_at` on.

    A bundle has several parts; a pack of six is a kit of six units of one SKU, and another name of
    a SKU is a kit of one unit. `ref` is the code. Without parts it is no kit any more.
    """

    kind: ClassVar[str] = "kit"

    parts: tuple[KitPart, ...] = ()
