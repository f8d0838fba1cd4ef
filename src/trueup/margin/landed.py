"""What units cost when they have come: their price, and their part of freight and duty. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from trueup.canon.cost import Allocation, Cost
from trueup.kernel.money import Money
from trueup.ledger.money import EXACT
from trueup.margin.layers import Certainty, Layer, least_known
from trueup.margin.shares import share_out


class Came(NamedTuple):
    """Units of one SKU that came with one arrival, or with one movement.

    Attributes:
        key: what names it.
        purchase: which purchase order they are of, as costs name it; None: of none.
        price: of one unit; None: nobody knows.
        weight_g, volume_cm3: of one unit.
    """

    at: datetime
    key: str
    sku: str
    units: int
    purchase: str | None = None
    price: Money | None = None
    certainty: Certainty = Certainty.UNKNOWN
    how: str = "nobody tells what it cost"
    weight_g: int | None = None
    volume_cm3: int | None = None


_Weigh = Callable[[Came], Decimal | None]

_BY: Final[dict[Allocation, _Weigh]] = {
    Allocation.VALUE: lambda each: each.price.amount * each.units if each.price else None,
    Allocation.WEIGHT: lambda each: Decimal(each.weight_g * each.units) if each.weight_g else None,
    Allocation.VOLUME: lambda each: (
        Decimal(each.volume_cm3 * each.units) if each.volume_cm3 else None
    ),
    Allocation.QUANTITY: lambda each: Decimal(each.units),
}


class Part(NamedTuple):
    """A unit's part of a cost: of which layer, and whether it was shared out as was asked."""

    key: str
    sku: str
    money: Money
    certainty: Certainty
    how: str


def layers_of(came: Iterable[Came], costs: Iterable[Cost]) -> dict[str, list[Layer]]:
    """Return the layers of each SKU, landed: what was paid for the units and to get them here.

    Args:
        came: what came, of all SKUs that some purchase brought.
        costs: of purchases; those of one that nothing came of wait.
    """
    known = list(came)
    parts: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for part in landed_parts(known, costs):
        parts[part.key, part.sku].append(part)
    layers: dict[str, list[Layer]] = defaultdict(list)
    for each in known:
        layers[each.sku].append(_layer(each, parts[each.key, each.sku]))
    return dict(layers)


def landed_parts(came: Sequence[Came], costs: Iterable[Cost]) -> list[Part]:
    """Return each cost shared out among the units that came of its purchase, to the last digit."""
    by_purchase: dict[str, list[Came]] = defaultdict(list)
    for each in sorted(came, key=lambda each: (each.at, each.key, each.sku)):
        if each.purchase is not None:
            by_purchase[each.purchase].append(each)
    return [
        part
        for cost in sorted(costs, key=lambda cost: cost.ref)
        if not cost.deleted
        for part in _parts_of(cost, by_purchase.get(cost.of_ref, []))
    ]


def _parts_of(cost: Cost, came: Sequence[Came]) -> list[Part]:
    if not came:
        return []
    told = [_BY[cost.allocation](each) for each in came]
    certainty, by = Certainty.TOLD, cost.allocation.value
    weights = [each for each in told if each is not None]
    same = cost.allocation is not Allocation.VALUE or len({_code(each) for each in came}) == 1
    if len(weights) < len(came) or not any(weights) or not same:
        # Without it for all of them no share would be right: units are known of every one.
        certainty, by = Certainty.ESTIMATED, f"quantity, as the {by} of some is not known"
        weights = [Decimal(each.units) for each in came]
    code = cost.amount.currency
    how = f"{cost.cost_kind.value} {cost.ref} by {by}"
    return [
        Part(each.key, each.sku, Money(amount, code), certainty, how)
        for each, amount in zip(came, share_out(cost.amount.amount, weights, code), strict=True)
    ]


def _code(came: Came) -> str:
    return "" if came.price is None else came.price.currency


def _layer(came: Came, parts: Sequence[Part]) -> Layer:
    """Return the layer of what came; a part in another currency than the price is not known."""
    if came.price is None:
        return Layer(came.at, came.key, came.units, None, came.certainty, came.how)
    code = came.price.currency
    amount = EXACT.multiply(came.price.amount, Decimal(came.units))
    how, certainties = [came.how], {came.certainty}
    for part in parts:
        if part.money.currency != code:
            certainties.add(Certainty.UNKNOWN)
            how.append(f"{part.how} is in {part.money.currency}, and not in it")
            continue
        amount = EXACT.add(amount, part.money.amount)
        certainties.add(part.certainty)
        how.append(part.how)
    certainty = least_known(certainties)
    return Layer(came.at, came.key, came.units, Money(amount, code), certainty, "; ".join(how))
