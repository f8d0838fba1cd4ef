"""Shipments (a storefront calls them fulfilments): which units of which lines went out."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.customer import Address
from trueup.canon.record import Record, register


class ShipmentState(StrEnum):
    """Whether a shipment counts."""

    PENDING = "pending"  # asked for; nothing left yet
    SHIPPED = "shipped"  # the units have left the site
    CANCELLED = "cancelled"  # undone; the units are back
    FAILED = "failed"  # never left
    UNKNOWN = "unknown"


class ShipmentLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one order line in a shipment."""

    line_ref: str
    quantity: int
    sku: str | None = None


class ShipmentPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a shipment: with its number anybody can read where a parcel goes."""

    email: str | None = None
    destination: Address | None = None
    tracking_numbers: tuple[str, ...] = ()
    tracking_urls: tuple[str, ...] = ()


@register
class Shipment(Record, frozen=True, kw_only=True):
    """One shipment of one order.

    Attributes:
        created_at: when it was made.
        shipped_at: when its units left, where the source tells that apart.
    """

    kind: ClassVar[str] = "shipment"

    state: ShipmentState
    lines: tuple[ShipmentLine, ...] = ()
    created_at: datetime | None = None
    shipped_at: datetime | None = None
    location_ref: str | None = None
    carrier: str | None = None
    parcel_code: str | None = None  # the source's own word for the parcel's last scan
    service: str | None = None
    person: ShipmentPerson | None = None
