"""When to order, and how many units: a reorder point and a level to order up to. Pure."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from trueup.ledger.demand import Arrival, Demand, chance_sold_out, units_lasting


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


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordered, and what is missing of the level that is ordered up to."""

    units: int
    missing: int


def quantity_of(
    demand: Demand, available: int, arrivals: Sequence[Arrival], today: date, terms: Terms
) -> Quantity | None:
    """Return how many units to order; None: there is enough, or nothing is sold.

    It is ordered once stock may not last until an order of tomorrow has come, with the chance that
    was chosen; up to what lasts as long, and what is sold in `review_days` more. Not less than the
    supplier sends at least.
    """
    most = max(0, round(demand.per_day * terms.order_days_max))
    until = terms.lead_days + 1
    # What runs out before an order could come is not helped by one: only that day counts.
    in_time = [each for each in arrivals if each.on <= today + timedelta(days=until)]
    there = available + sum(each.units for each in in_time)
    if most == 0 or chance_sold_out(demand, there, (), today, until) <= terms.chance:
        return None
    last = today + timedelta(days=terms.days)
    coming = sum(each.units for each in arrivals if each.on <= last)
    lasting = units_lasting(demand, until, terms.chance)
    missing = lasting + math.ceil(demand.per_day * terms.review_days) - available - coming
    if missing <= 0:
        return None
    return Quantity(units=terms.sent(min(missing, most)), missing=missing)
