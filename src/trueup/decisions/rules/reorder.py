"""Reorder: a SKU may be sold out before its supplier could send more; draft a purchase order.

When and how much is worked out by `trueup.decisions.purchasing`, from what was sold in 13 weeks.
Once an order is known, here or on the way, the next one is another decision.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.canon.command import DraftPurchase
from trueup.canon.purchase import SupplierItem
from trueup.db.rows import Row
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, Values
from trueup.decisions.purchasing.quantity import Quantity, Terms, quantity_of
from trueup.decisions.purchasing.replayed import (
    Came,
    Item,
    Policy,
    matched,
    play_all,
    reorder,
    thirteen_weeks,
)
from trueup.decisions.rule import Beside, Look, Replay, Rule, Settings, Waited
from trueup.kernel.money import Money
from trueup.ledger.demand import FIRST_DAYS, STEADY_DAYS, Arrival, Demand, chance_sold_out
from trueup.ledger.outlook import days_before, outlooks_of, outlooks_to_reorder
from trueup.records.expected import incoming_of
from trueup.records.reads import supplier_items_of

KIND = DraftPurchase.command
PAGE_SKUS = 1000
ON_HAND: Final = "on hand, units"
_CENT = Decimal("0.01")


class ReorderSettings(Settings, frozen=True, kw_only=True):
    """When and how much is ordered.

    Attributes:
        service_percent: how likely stock shall last until an order has come.
        review_days: how long an order shall last beyond that.
        order_days_max: never order more than is sold in so many days.
        packs: by SKU, of how many units an order is a multiple.
    """

    service_percent: Annotated[int, msgspec.Meta(ge=50, le=99)] = 95
    review_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 7
    order_days_max: Annotated[int, msgspec.Meta(ge=1, le=730)] = 120
    packs: Mapping[str, Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]] = {}


class ReorderValues(Values, frozen=True, kw_only=True):
    """One SKU that may be sold out, and who sends it.

    Attributes:
        demand: of 13 weeks.
        arrivals: (day, units) on their way.
        supplier_id: the connection whose system knows the supplier and drafts orders there.
        quantity_min: the fewest units that the supplier sends.
    """

    sku: str
    today: date
    available: int
    arrivals: tuple[tuple[date, int], ...]
    demand: Demand
    sold_out_on: date | None
    lead_days: int
    supplier_id: int
    supplier_ref: str
    supplier: str
    quantity_min: int
    cost: Money | None


async def read(
    look: Look, settings: ReorderSettings, subject: str | None
) -> list[Facts[ReorderValues]]:
    """Return the SKUs that may be sold out and that a supplier sends, by the outlook of last."""
    today = look.now.astimezone(UTC).date()
    if subject is None:
        rows = await _all_to_reorder(look, today, settings)
    else:
        rows = await outlooks_of(look.conn, [subject.removeprefix("sku/")])
    skus = [row["sku"] for row in rows]
    items = await _items(look, skus)
    coming: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for line in await incoming_of(look.conn, sorted(items)):
        if line.expected_on is not None and line.expected_on >= today:
            coming[line.sku].append((line.expected_on, line.units))
    return [
        _facts(row, *items[row["sku"]], coming[row["sku"]], today)
        for row in rows
        if row["sku"] in items
    ]


async def _all_to_reorder(look: Look, today: date, settings: ReorderSettings) -> list[Row]:
    """Return every SKU that may need an order; one that were left out would be taken back."""
    found: list[Row] = []
    more_days = settings.review_days + 1
    page = await outlooks_to_reorder(look.conn, today, more_days, count=PAGE_SKUS)
    while page:
        found += page
        after = page[-1]["sku"]
        page = await outlooks_to_reorder(look.conn, today, more_days, count=PAGE_SKUS, after=after)
    return found


async def _items(look: Look, skus: Sequence[str] | None) -> dict[str, tuple[int, SupplierItem]]:
    """Return who sends each SKU: the soonest; of those alike the cheapest, then by name.

    Only suppliers whose system drafts orders when it is asked to.
    """

    def order(offer: tuple[int, SupplierItem]) -> tuple[bool, int, bool, Decimal, str]:
        _, item = offer
        return (
            item.lead_days is None,
            item.lead_days or 0,
            item.cost is None,
            item.cost.amount if item.cost is not None else Decimal(0),
            item.supplier_ref,
        )

    offers: dict[str, list[tuple[int, SupplierItem]]] = defaultdict(list)
    for number, item in await supplier_items_of(look.conn, skus):
        folder = look.hub.folder_of(number)
        if folder is not None and folder.manifest.action(KIND) is not None and item.sku:
            offers[item.sku].append((number, item))
    return {sku: min(each, key=order) for sku, each in offers.items()}


def _facts(
    row: Row, supplier_id: int, item: SupplierItem, coming: list[tuple[date, int]], today: date
) -> Facts[ReorderValues]:
    values = ReorderValues(
        sku=row["sku"],
        today=today,
        available=row["available"],
        arrivals=tuple(sorted(coming)),
        demand=Demand(
            per_day=row["steady_per_day"],
            dispersion=row["steady_dispersion"],
            days=row["steady_days"],
            selling_days=row["selling_days"],
            doubt=1 / max(1, row["steady_days"]),
        ),
        sold_out_on=row["expected_on"],
        lead_days=row["lead_days"] if item.lead_days is None else item.lead_days,
        supplier_id=supplier_id,
        supplier_ref=item.supplier_ref,
        supplier=item.supplier or item.supplier_ref,
        quantity_min=max(1, item.quantity_min or 1),
        cost=item.cost,
    )
    return Facts(
        subject=f"sku/{row['sku']}",
        episode=_episode(row["topped_at"]),
        values=values,
        evidence=(f"sku/{row['sku']}", f"connection/{supplier_id}/supplier_item/{item.ref}"),
    )


def _episode(topped_at: datetime | None) -> str:
    """Name the time since there last came to be more: of it there is one decision."""
    if topped_at is None:
        return "first"
    return topped_at.astimezone(UTC).isoformat(timespec="seconds")


def propose(facts: Facts[ReorderValues], settings: ReorderSettings) -> Proposal | None:
    """Return a draft for what is missing until the order after this one; None: nothing is."""
    known = facts.values
    terms = _terms(settings, known.sku, known.lead_days, known.quantity_min)
    days = terms.days
    until = known.today + timedelta(days=days)
    arrivals = [Arrival(on=on, units=each) for on, each in known.arrivals if on <= until]
    found = quantity_of(known.demand, known.available, arrivals, known.today, terms)
    if found is None:
        return None
    units = found.units
    more = [*arrivals, Arrival(on=known.today + timedelta(days=known.lead_days), units=units)]
    return Proposal(
        reason=_reason(known, days),
        actions=(_draft(known, units),),
        effect=Effect(
            measure="chance_sold_out",
            says="the chance that it is sold out",
            came=("it was never sold out", "it was sold out"),
            without=_chance(known, arrivals, days),
            within=_chance(known, more, days),
            measured_at=datetime.combine(until, time(), UTC),
        ),
        alternatives=_alternatives(known, settings, terms, found),
    )


def _terms(settings: ReorderSettings, sku: str, lead_days: int, quantity_min: int) -> Terms:
    return Terms(
        lead_days=lead_days,
        review_days=settings.review_days,
        service_percent=settings.service_percent,
        order_days_max=settings.order_days_max,
        quantity_min=quantity_min,
        pack=settings.packs.get(sku, 1),
    )


def _reason(known: ReorderValues, days: int) -> str:
    coming = sum(units for _, units in known.arrivals)
    when = "soon" if known.sold_out_on is None else f"about {known.sold_out_on}"
    return (
        f"{known.sku} will be sold out {when}: {known.available} are left and {coming} on the way, "
        f"{known.demand.per_day:.2g} are sold a day, and more takes {known.lead_days} days from "
        f"{known.supplier}. The order after this one can be here in {days} days."
    )


def _draft(known: ReorderValues, units: int) -> Action:
    cost, currency = known.cost, known.cost.currency if known.cost is not None else ""
    total = None if cost is None else Money(cost.amount * units, cost.currency)
    said = f" for {total.rounded()}" if total is not None else ""
    return Action(
        connection_id=known.supplier_id,
        key=f"purchase/{known.sku}",
        content=DraftPurchase(
            number=f"TU-{known.sku}-{known.today:%Y%m%d}",
            supplier_ref=known.supplier_ref,
            currency=currency,
            lines=((known.sku, units, cost),),
            expected_on=known.today + timedelta(days=known.lead_days),
        ),
        what=f"draft a purchase order of {units} {known.sku} at {known.supplier}{said}",
        amount=total,
        commits=True,
    )


def _chance(known: ReorderValues, arrivals: Sequence[Arrival], days: int) -> Decimal:
    """Return how likely it is sold out on the last day, to a hundredth."""
    units = known.available + sum(each.units for each in arrivals)
    found = chance_sold_out(known.demand, units, (), known.today, days)
    return Decimal(str(round(found, 4))).quantize(_CENT)


def _alternatives(
    known: ReorderValues, settings: ReorderSettings, terms: Terms, quantity: Quantity
) -> tuple[Alternative, ...]:
    units, missing = quantity.units, quantity.missing
    found = [
        Alternative(
            what="wait",
            why_not="what is left lasts until more could come with a chance of less than "
            f"{settings.service_percent} %",
        )
    ]
    if units < missing:
        found.append(
            Alternative(
                what=f"order {missing}",
                why_not=f"that is more than is sold in {settings.order_days_max} days",
            )
        )
    if units > missing:
        why_not = f"{known.supplier} sends {terms.quantity_min} at least"
        if terms.pack > 1:
            why_not = f"it comes in packs of {terms.pack}"
        found.append(Alternative(what=f"order {missing}", why_not=why_not))
    return tuple(found)


async def play(look: Look, settings: ReorderSettings, since: date, until: date) -> Replay:
    """Let the rule reorder on the days that were, beside the mean of 13 weeks.

    What was really ordered is left out; each way begins with what lay there the evening before.
    """
    offers = await _items(look, None)
    days_max = (until - since).days + 2 + STEADY_DAYS
    past = await days_before(
        look.conn, sorted(offers), until + timedelta(days=1), days_max=days_max
    )
    items = {
        sku: Item(past=days, terms=_terms(settings, sku, *_sent(look, offers[sku][1])))
        for sku, days in past.items()
        if len(days) > FIRST_DAYS
    }
    if not items:
        sentence = (
            f"From {since} to {until} it would have ordered 0 times: no SKU of a known supplier "
            "has more than two weeks of days."
        )
        figures = {"skus": 0.0, "orders": 0.0}
        return Replay(since=since, until=until, figures=figures, sentence=sentence)
    costs = {sku: offers[sku][1].cost for sku in items}
    return await asyncio.to_thread(_played, items, costs, since, until)


def _sent(look: Look, item: SupplierItem) -> tuple[int, int]:
    """Return in how many days a supplier sends, and how many units at least."""
    lead_days = look.hub.lead_days if item.lead_days is None else item.lead_days
    return lead_days, max(1, item.quantity_min or 1)


def _played(
    items: Mapping[str, Item], costs: Mapping[str, Money | None], since: date, until: date
) -> Replay:
    ours, mean = _ways(items, since, reorder), _ways(items, since, thirteen_weeks())
    total, beside = _sum(ours), _sum(mean)
    more_days = matched([*items.values()], since, total.missed)
    ways = [
        _told("the rule", ours, costs),
        _told("13-week mean", mean, costs),
    ]
    said = "no stock that was tried makes the mean of 13 weeks miss as little"
    if more_days is not None:
        as_good = _ways(items, since, thirteen_weeks(more_days))
        ways.append(_told(f"13-week mean, +{more_days} days", as_good, costs))
        held = _sum(as_good).held
        less = round(100 * (1 - total.held / held)) if held else 0
        said = (
            f"to miss as little, the mean of 13 weeks needs {more_days} days more in stock, of "
            f"which the rule holds {abs(less)} % {'less' if less >= 0 else 'more'}"
        )
    return Replay(
        since=since,
        until=until,
        figures={"skus": float(len(items)), "orders": float(total.orders)},
        sentence=(
            f"From {since} to {until} it would have ordered {total.orders} times for {len(items)} "
            f"SKUs of known suppliers and missed {total.missed} of {total.wanted} units; the mean "
            f"of 13 weeks, {beside.missed}; {said}."
        ),
        beside=tuple(ways),
        drawn=ON_HAND,
    )


def _ways(items: Mapping[str, Item], since: date, policy: Policy) -> dict[str, Came]:
    return {sku: play_all([item], since, policy) for sku, item in items.items()}


def _sum(came: Mapping[str, Came]) -> Came:
    return sum(came.values(), Came())


def _told(name: str, came: Mapping[str, Came], costs: Mapping[str, Money | None]) -> Beside:
    """Return what a way came to: units and days of all SKUs, and money that lay in stock."""
    total, tied_up = _sum(came), dict[str, Decimal]()
    for sku, each in came.items():
        cost = costs[sku]
        if cost is not None and each.days:
            lay = cost.amount * each.held / each.days
            tied_up[cost.currency] = tied_up.get(cost.currency, Decimal(0)) + lay
    figures = {
        "sold out, days": total.sold_out_days,
        "missed, units": total.missed,
        ON_HAND: _a_day(came, lambda each: each.held),
        "of it too long": _a_day(came, lambda each: each.excess),
        "orders": total.orders,
    }
    money = {f"tied up, {each}": str(Money(lay, each).rounded()) for each, lay in tied_up.items()}
    return Beside(name=name, figures=tuple((figures | money).items()))


def _a_day(came: Mapping[str, Came], unit_days: Callable[[Came], int]) -> int:
    """Return how many units lay there on an average day."""
    return round(sum(unit_days(each) / each.days for each in came.values() if each.days))


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return 1 where a SKU was sold out on an evening since it was proposed, else 0.

    None where its days are too long ago to be known.
    """
    until = max(each.until for each in waited).astimezone(UTC).date()
    skus = sorted({each.subject.removeprefix("sku/") for each in waited})
    days = await days_before(look.conn, skus, until + timedelta(days=1))
    found: list[Decimal | None] = []
    for each in waited:
        first, last = each.since.astimezone(UTC).date(), each.until.astimezone(UTC).date()
        past = days.get(each.subject.removeprefix("sku/"), [])
        known = [day for day in past if first < day.on <= last]
        ran_out = any(day.left <= 0 for day in known)
        found.append(Decimal(ran_out) if known else None)
    return found


RULE = Rule(
    name="reorder",
    version=2,
    title="Drafts a purchase order where a SKU may be sold out before its supplier can send more.",
    kinds=frozenset({KIND}),
    settings=ReorderSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
