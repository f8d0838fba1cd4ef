"""When to order, and how many units: a reorder point and a level to order up to. Pure."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from trueup.ledger.demand import Arrival, Demand, units_lasting


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """By what an order is measured.

    Attributes:
        lead_days: until what is ordered today is there.
        review_days: how long an order shall last beyond that.
        service_percent: how likely stock shall last until an order has come.
        order_days_max: never order more than is sold in so many days.
        quantity_min: the fewest units that the supplier sends.
        pack: of how many units an order is a multiple.
    """

    lead_days: int
    review_days: int
    service_percent: int
    order_days_max: int
    quantity_min: int = 1
    pack: int = 1

    @property
    def days(self) -> int:
        """From today until the order after this one can have come."""
        return self.lead_days + self.review_days

    @property
    def chance(self) -> float:
        """How likely stock may be sold out before an order has come."""
        return 1 - self.service_percent / 100

    def sent(self, units: int) -> int:
        """Return how many units come where so many are ordered: the fewest, in whole packs."""
        return math.ceil(max(self.quantity_min, units) / self.pack) * self.pack


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many units a SKU is ordered, and up to how many.

    Attributes:
        point: fewer may not last until an order of tomorrow has come.
        joins: fewer may not last until an order of the next review has come.
        up_to: what is there and on its way after an order.
        most: never order more.
    """

    point: int
    joins: int
    up_to: int
    most: int


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordered, and what is missing of the level that is ordered up to."""

    units: int
    missing: int


def levels_of(demand: Demand, terms: Terms) -> Levels:
    """Return the levels by the mean and the unevenness of what was sold."""
    until = terms.lead_days + 1
    point = units_lasting(demand, until, terms.chance)
    return Levels(
        point=point,
        joins=units_lasting(demand, until + terms.review_days, terms.chance),
        up_to=point + math.ceil(demand.per_day * terms.review_days),
        most=max(0, round(demand.per_day * terms.order_days_max)),
    )


def quantity_of(
    levels: Levels,
    available: int,
    arrivals: Sequence[Arrival],
    today: date,
    terms: Terms,
    *,
    joins: bool = False,
) -> Quantity | None:
    """Return how many units to order; None: there is enough, or nothing is sold.

    It is ordered once stock may not last until an order of tomorrow has come, with the chance that
    was chosen; up to what lasts as long, and what is sold in `review_days` more. Not less than the
    supplier sends at least.

    Args:
        levels: of the SKU.
        available: units, without what is on its way.
        arrivals: what is on its way.
        today: of the look.
        terms: of the supplier.
        joins: something else is ordered there anyway, so what would need an order until the next
            review needs one now.
    """
    until = terms.lead_days + 1 + (terms.review_days if joins else 0)
    # What runs out before an order could come is not helped by one: only that day counts.
    there = available + coming_by(arrivals, today + timedelta(days=until))
    if levels.most == 0 or there >= (levels.joins if joins else levels.point):
        return None
    coming = coming_by(arrivals, today + timedelta(days=terms.days))
    missing = levels.up_to - available - coming
    if missing <= 0:
        return None
    return Quantity(units=terms.sent(min(missing, levels.most)), missing=missing)


def coming_by(arrivals: Sequence[Arrival], day: date) -> int:
    """Return how many units arrive by a day."""
    return sum(each.units for each in arrivals if each.on <= day)
