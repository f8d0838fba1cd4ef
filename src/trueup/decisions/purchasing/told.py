"""An order at a supplier, as a person would say it: why, what, and what else was possible. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from trueup.decisions.model import Alternative
from trueup.decisions.purchasing.basket import Line
from trueup.decisions.purchasing.supply import Item
from trueup.kernel.money import Money

_NAMED_MAX: Final = 5
_ALTERNATIVES_MAX: Final = 12


def reason_of(
    supplier: str,
    lines: Sequence[Line],
    items: Mapping[str, Item],
    left: Mapping[str, Decimal],
    review_days: int,
) -> str:
    """Return why something is ordered, the SKU that is sold out first before the others.

    Args:
        supplier: its name.
        lines: of the order, also those that money did not suffice for.
        items: what was known, by SKU.
        left: money that the budget left, by currency.
        review_days: how long the order shall last beyond what it must.
    """
    needs = sorted(
        (line for line in lines if line.urgent),
        key=lambda line: (
            not line.units,
            items[line.stock.sku].sold_out_on or date.max,
            line.stock.sku,
        ),
    )
    first = needs[0]
    parts = [_first(items[first.stock.sku], supplier)]
    if needs[1:]:
        count = "1 more SKU needs" if len(needs) == 2 else f"{len(needs) - 1} more SKUs need"
        parts.append(f"{count} an order there now: {_named(needs[1:])}.")
    joined = [line for line in lines if not line.urgent]
    if joined:
        parts.append(
            f"{_named(joined)} would need one within {review_days} days, and "
            f"{'joins' if len(joined) == 1 else 'join'} it."
        )
    days = max(line.stock.terms.days for line in lines)
    parts.append(f"The order after this one can be here in {days} days.")
    cut = [line for line in lines if line.units < line.wanted]
    if cut:
        parts.append(_cut(cut, left))
    return " ".join(parts)


def what_of(lines: Sequence[Line], supplier: str, total: Money | None) -> str:
    """Return what is drafted, before anybody does it."""
    said = f" for {total.rounded()}" if total is not None else ""
    if len(lines) == 1:
        ordered = f"{lines[0].units} {lines[0].stock.sku}"
    else:
        ordered = f"{sum(line.units for line in lines)} units of {len(lines)} SKUs"
    return f"draft a purchase order of {ordered} at {supplier}{said}"


def alternatives_of(
    supplier: str, lines: Sequence[Line], left: Mapping[str, Decimal], service_percent: int
) -> tuple[Alternative, ...]:
    """Return what could be done instead; of many lines what matters most first."""
    found = [
        Alternative(
            what="wait",
            why_not="what is left lasts until more could come with a chance of less than "
            f"{service_percent} %",
        )
    ]
    cut = [line for line in lines if line.units < line.wanted]
    found += [
        Alternative(
            what=f"order {line.wanted} {line.stock.sku} instead of {line.units}",
            why_not=f"the budget leaves {_money(line, left)}, and what it buys instead is likelier "
            "to be wanted",
        )
        for line in cut
    ]
    joined = [line for line in lines if not line.urgent and line.units]
    if joined:
        found.append(
            Alternative(
                what=f"leave {_named(joined)} for an order of "
                f"{'its' if len(joined) == 1 else 'their'} own",
                why_not="it would be needed before the next review",
            )
        )
    found += [each for line in lines if line.units for each in _of_line(line, supplier)]
    return tuple(found[:_ALTERNATIVES_MAX])


def _of_line(line: Line, supplier: str) -> Iterator[Alternative]:
    terms, what = line.stock.terms, f"order {line.missing} {line.stock.sku}"
    if line.wanted < line.missing:
        why_not = f"that is more than is sold in {terms.order_days_max} days"
        yield Alternative(what=what, why_not=why_not)
    elif line.wanted > line.missing:
        why_not = f"{supplier} sends {terms.quantity_min} at least"
        if terms.pack > 1:
            why_not = f"it comes in packs of {terms.pack}"
        yield Alternative(what=what, why_not=why_not)


def _first(item: Item, supplier: str) -> str:
    coming = sum(units for _, units in item.arrivals)
    when = "soon" if item.sold_out_on is None else f"about {item.sold_out_on}"
    return (
        f"{item.sku} will be sold out {when}: {item.available} are left and {coming} on the way, "
        f"{item.demand.per_day:.2g} are sold a day, and more takes {item.lead_days} days from "
        f"{supplier}."
    )


def _cut(cut: Sequence[Line], left: Mapping[str, Decimal]) -> str:
    told = [f"{line.units} of {line.wanted} {line.stock.sku}" for line in cut[:_NAMED_MAX]]
    more = f" and less of {len(cut) - _NAMED_MAX} more" if len(cut) > _NAMED_MAX else ""
    money = sorted({_money(line, left) for line in cut})
    return f"The budget leaves {' and '.join(money)}, so it buys {', '.join(told)}{more}."


def _money(line: Line, left: Mapping[str, Decimal]) -> str:
    currency = line.stock.cost.currency if line.stock.cost is not None else ""
    return str(Money(left.get(currency, Decimal(0)), currency).rounded())


def _named(lines: Sequence[Line]) -> str:
    names = [line.stock.sku for line in lines]
    if len(names) > _NAMED_MAX:
        return f"{', '.join(names[:_NAMED_MAX])} and {len(names) - _NAMED_MAX} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
