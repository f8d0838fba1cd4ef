"""Reservations: units that one of our own sellers asked for, and what became of them."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register


class ReservationState(StrEnum):
    """How far a reservation has come."""

    HELD = "held"  # reserved until it expires
    CONFIRMED = "confirmed"  # a sale: reserved until it is shipped or released
    SHIPPED = "shipped"
    RELEASED = "released"
    EXPIRED = "expired"
    REFUSED = "refused"  # there was not enough; nothing was ever reserved


class ReservationLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whole units of one SKU; `site` where they must lie at a certain one."""

    sku: str
    quantity: int
    site: str | None = None


class Shortage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was wanted of a SKU (at a site where one was named) and what was left of it."""

    sku: str
    wanted: int
    left: int
    site: str | None = None


@register
class Reservation(Record, frozen=True, kw_only=True):
    """One reservation; its lines never change.

    Attributes:
        created_at: when it was asked for.
        expires_at: when it is released if nobody confirms it.
        request: SHA-256 of what was asked for, in hexadecimal: a repeat asks for the same.
        for_order: what the seller calls the order.
        shortages: why it was refused.
    """

    kind: ClassVar[str] = "reservation"

    state: ReservationState
    lines: tuple[ReservationLine, ...]
    created_at: datetime
    expires_at: datetime
    request: str
    for_order: str | None = None
    shortages: tuple[Shortage, ...] = ()
