"""Reorder: a SKU will be sold out before its supplier could send more; draft a purchase order.

How much: what lasts from today until the order after this one can have come, with the chance that
was chosen, by the demand of the days before; less what is there and on its way; not less than the
supplier sends at least. Demand is taken as in the outlook (`trueup.ledger.demand`).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec

from trueup.canon.command import DraftPurchase
from trueup.canon.purchase import SupplierItem
from trueup.db.rows import Row
from trueup.decisions.model import Action, Alternative, Effect, Facts, Proposal, Values
from trueup.decisions.rule import Look, Replay, Rule, Settings, Waited
from trueup.kernel.money import Money
from trueup.ledger.demand import (
    Arrival,
    Day,
    Demand,
    chance_sold_out,
    demand_of,
    units_lasting,
)
from trueup.ledger.outlook import LOW_FROM, days_before, low_outlooks, outlooks_of
from trueup.records.expected import incoming_of
from trueup.records.reads import supplier_items_of

KIND = DraftPurchase.command
PAGE_SKUS = 1000
_CENT = Decimal("0.01")


class ReorderSettings(Settings, frozen=True, kw_only=True):
    """How much is ordered.

    Attributes:
        service_percent: how likely stock shall last until the order after this one has come.
        review_days: how long after this one the next order is thought of.
        order_days_max: never order more than is sold in so many days.
    """

    service_percent: Annotated[int, msgspec.Meta(ge=50, le=99)] = 95
    review_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 7
    order_days_max: Annotated[int, msgspec.Meta(ge=1, le=730)] = 120


class ReorderValues(Values, frozen=True, kw_only=True):
    """One SKU that is low, and who sends it.

    Attributes:
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
    """Return the SKUs that are low and that a supplier sends, by the outlook last worked out."""
    del settings
    if subject is None:
        rows = await _all_low(look)
    else:
        rows = [
            row
            for row in await outlooks_of(look.conn, [subject.removeprefix("sku/")])
            if row["low_since"] is not None
        ]
    skus = [row["sku"] for row in rows]
    items = await _items(look, skus)
    today = look.now.astimezone(UTC).date()
    coming: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for line in await incoming_of(look.conn, sorted(items)):
        if line.expected_on is not None and line.expected_on >= today:
            coming[line.sku].append((line.expected_on, line.units))
    return [
        _facts(row, *items[row["sku"]], coming[row["sku"]], today)
        for row in rows
        if row["sku"] in items
    ]


async def _all_low(look: Look) -> list[Row]:
    """Return every SKU that is low; one that were left out would be taken back."""
    found: list[Row] = []
    page = await low_outlooks(look.conn, count=PAGE_SKUS)
    while page:
        found += page
        last = page[-1]
        if last["expected_on"] is None:
            break  # those without a day come last, and a page of them has no next
        after = (last["expected_on"], last["sku"])
        page = await low_outlooks(look.conn, count=PAGE_SKUS, after=after)
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
            per_day=row["per_day"],
            dispersion=row["dispersion"],
            days=row["days"],
            selling_days=row["selling_days"],
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
        episode=row["low_since"].astimezone(UTC).isoformat(timespec="seconds"),
        values=values,
        evidence=(f"sku/{row['sku']}", f"connection/{supplier_id}/supplier_item/{item.ref}"),
    )


def propose(facts: Facts[ReorderValues], settings: ReorderSettings) -> Proposal | None:
    """Return a draft for what is missing until the order after this one; None: nothing is."""
    known = facts.values
    days = known.lead_days + settings.review_days
    until = known.today + timedelta(days=days)
    coming = sum(units for on, units in known.arrivals if on <= until)
    wanted = units_lasting(known.demand, days, 1 - settings.service_percent / 100)
    missing = wanted - known.available - coming
    most = max(0, round(known.demand.per_day * settings.order_days_max))
    if missing <= 0 or most == 0:
        return None
    units = max(known.quantity_min, min(missing, most))
    arrivals = [Arrival(on=on, units=each) for on, each in known.arrivals if on <= until]
    more = [*arrivals, Arrival(on=known.today + timedelta(days=known.lead_days), units=units)]
    return Proposal(
        reason=_reason(known, days),
        actions=(_draft(known, facts.episode, units),),
        effect=Effect(
            measure="chance_sold_out",
            says="the chance that it is sold out",
            came=("it was never sold out", "it was sold out"),
            without=_chance(known, arrivals, days),
            within=_chance(known, more, days),
            measured_at=datetime.combine(until, time(), UTC),
        ),
        alternatives=_alternatives(known, settings, units=units, missing=missing),
    )


def _reason(known: ReorderValues, days: int) -> str:
    coming = sum(units for _, units in known.arrivals)
    when = "soon" if known.sold_out_on is None else f"about {known.sold_out_on}"
    return (
        f"{known.sku} will be sold out {when}: {known.available} are left and {coming} on the way, "
        f"{known.demand.per_day:.2g} are sold a day, and more takes {known.lead_days} days from "
        f"{known.supplier}. The order after this one can be here in {days} days."
    )


def _draft(known: ReorderValues, episode: str, units: int) -> Action:
    cost, currency = known.cost, known.cost.currency if known.cost is not None else ""
    total = None if cost is None else Money(cost.amount * units, cost.currency)
    said = f" for {total.rounded()}" if total is not None else ""
    return Action(
        connection_id=known.supplier_id,
        key=f"purchase/{known.sku}",
        content=DraftPurchase(
            number=f"TU-{known.sku}-{episode[:10].replace('-', '')}",
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
    known: ReorderValues, settings: ReorderSettings, *, units: int, missing: int
) -> tuple[Alternative, ...]:
    found = [
        Alternative(
            what="wait",
            why_not=f"what is left lasts until then with a chance of less than "
            f"{100 - round(100 * LOW_FROM)} %",
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
        found.append(
            Alternative(what=f"order {missing}", why_not=f"{known.supplier} sends {units} at least")
        )
    return tuple(found)


async def play(look: Look, settings: ReorderSettings, since: date, until: date) -> Replay:
    """Go through the past day by day: when a SKU ran out, and whether that was said in time.

    What would have been ordered did not come, as nobody ordered it; so it is counted how often the
    rule spoke, and how many of the times a SKU ran out it had spoken as long before as more takes.
    """
    del settings  # they say how much, and not when
    items = await _items(look, None)
    days = await days_before(look.conn, sorted(items), until + timedelta(days=1))
    said = ran_out = in_time = 0
    for sku, past in days.items():
        told_days = items[sku][1].lead_days
        lead_days = look.hub.lead_days if told_days is None else told_days
        told, empty = _played(past, lead_days, since)
        said += len(told)
        ran_out += len(empty)
        in_time += sum(
            any((day - on).days >= lead_days for on in told if on < day) for day in empty
        )
    return Replay(
        since=since,
        until=until,
        figures={
            "proposals": float(said),
            "sold_out": float(ran_out),
            "said_in_time": float(in_time),
        },
        sentence=(
            f"From {since} to {until} it would have spoken {said} times. {ran_out} times a SKU of "
            f"a known supplier ran out; {in_time} of these it would have said at least as long "
            "before as more takes to come."
        ),
    )


def _played(past: Sequence[Day], lead_days: int, since: date) -> tuple[list[date], list[date]]:
    """Return the days on which one SKU would have been told of, and on which it ran out."""
    told: list[date] = []
    empty: list[date] = []
    low = False
    for n, day in enumerate(past):
        if n and past[n - 1].left > 0 >= day.left and day.on >= since:
            empty.append(day.on)
        if day.on < since:
            continue
        demand = demand_of(past[: n + 1])
        chance = chance_sold_out(demand, max(0, day.left), (), day.on, lead_days)
        if demand.per_day > 0 and chance >= LOW_FROM and not low:
            told.append(day.on)
        low = demand.per_day > 0 and chance >= LOW_FROM
    return told, empty


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
    version=1,
    title="Drafts a purchase order where a SKU will be sold out before its supplier can send more.",
    kinds=frozenset({KIND}),
    settings=ReorderSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
