"""Facts that several pages show."""

from datetime import datetime

import msgspec

from trueup.canon.price import Price


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """The exact amount as text, and its ISO 4217 currency."""

    amount: str
    currency: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What was available after one event."""

    at: datetime
    available: int
    event_id: int
    reason: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What was available of one SKU over time, oldest first.

    `thinned` says that not every event has its point.
    """

    sku: str
    points: tuple[Point, ...]
    thinned: bool


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """What one bound on oversells comes to in a sell-out; `bound` is null without any buffer."""

    bound: float | None
    turned_away: float
    oversell_chance: float


def money_of(price: Price) -> Money:
    """Return a price as booked."""
    return Money(amount=str(price.booked.amount), currency=price.booked.currency)
