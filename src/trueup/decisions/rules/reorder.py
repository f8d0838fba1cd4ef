"""Reorder: SKUs may be sold out before their supplier could send more; draft a purchase order.

One draft a supplier: what needs an order now, and what would need one until the next review. When
and how much is worked out by `trueup.decisions.purchasing`, from what was sold in 13 weeks. Once an
order of a SKU is known, here or on the way, the next one of it is another decision.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from trueup.canon.command import DraftPurchase
from trueup.canon.purchase import SupplierItem
from trueup.config import Amounts
from trueup.db.rows import Row
from trueup.decisions.leave import is_played, list_replays
from trueup.decisions.model import Action, Effect, Facts, Proposal, Values
from trueup.decisions.purchasing import replayed
from trueup.decisions.purchasing.basket import (
    Line,
    Stock,
    basket_of,
    near_of,
    spent_on,
    urgent_of,
    within,
)
from trueup.decisions.purchasing.budget import WEEK, Budget, Wanted, allot
from trueup.decisions.purchasing.learned import Anew, may_learn
from trueup.decisions.purchasing.model import FIGURE, Source, counts, read_learned
from trueup.decisions.purchasing.quantity import Terms, levels_of
from trueup.decisions.purchasing.supply import KIND, Item, Supplier, offers_of, short_of
from trueup.decisions.purchasing.times import Said, batches_of, episode_of, said_of
from trueup.decisions.purchasing.told import alternatives_of, reason_of, what_of
from trueup.decisions.reads import lines_committed, lines_said
from trueup.decisions.rule import Beside, Look, Replay, Rule, Settings, Waited
from trueup.kernel.money import Money
from trueup.ledger.demand import FIRST_DAYS, STEADY_DAYS, Arrival, Day
from trueup.ledger.outlook import days_before

NAME: Final = "reorder"
ON_HAND: Final = "on hand, units"
_CENT = Decimal("0.01")
_ALL_DAYS: Final = 3650
"""Whatever is sold at all may need an order, where something else than the outlook says when."""

_SAID_FOR = timedelta(days=182)
"""What was said longer ago is forgotten: what nothing came of is then proposed once more."""


class ReorderSettings(Settings, frozen=True, kw_only=True):
    """When and how much is ordered.

    Attributes:
        service_percent: how likely stock shall last until an order has come.
        review_days: how long an order shall last beyond that; what would need an order within so
            many days joins one.
        order_days_max: never order more than is sold in so many days.
        packs: by SKU, of how many units an order is a multiple.
        budget_per_order: money that is ordered at one supplier within `review_days`, by currency;
            a currency that is not named is not bounded.
        budget_per_week: the same at all suppliers together within seven days.
    """

    service_percent: Annotated[int, msgspec.Meta(ge=50, le=99)] = 95
    review_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 14
    order_days_max: Annotated[int, msgspec.Meta(ge=1, le=730)] = 120
    packs: Mapping[str, Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]] = {}
    budget_per_order: Amounts = Amounts()
    budget_per_week: Amounts = Amounts()


class ReorderValues(Values, frozen=True, kw_only=True):
    """What may be sold out of what one supplier sends.

    Attributes:
        supplier_id: the connection whose system knows the supplier and drafts orders there.
        items: by SKU.
        budget_left: what budgets leave for it; nothing of a currency: it is not bounded.
        models: what tells the demand of items that are learned.
    """

    today: date
    supplier_id: int
    supplier_ref: str
    supplier: str
    items: tuple[Item, ...]
    budget_left: tuple[Money, ...] = ()
    models: tuple[Source, ...] = ()


async def read(
    look: Look, settings: ReorderSettings, subject: str | None
) -> list[Facts[ReorderValues]]:
    """Return the suppliers of what may be sold out, by the outlook of last."""
    today = look.now.astimezone(UTC).date()
    learned = counts(await _replay(look, settings))
    more_days = _ALL_DAYS if learned else settings.review_days + 1
    found = await short_of(look, today, more_days)
    suppliers = [each for each in found if subject in (None, each.subject)]
    source = None
    if learned:
        suppliers, source = await _relearned(look, suppliers, settings, today)
    said = await _said(look, suppliers)
    batches = [
        batch
        for supplier in suppliers
        for batch in _batches(supplier, said[supplier.subject], settings, today)
    ]
    committed = []
    if settings.budget_per_order or settings.budget_per_week:
        since = look.now - max(WEEK, timedelta(days=settings.review_days))
        committed = await lines_committed(look.conn, NAME, since)
    left = allot(batches, committed, _budget(settings), look.now)
    return [_facts(batch, left[n], source, today) for n, batch in enumerate(batches)]


async def _replay(look: Look, settings: ReorderSettings) -> Row | None:
    """Return the newest replay, if it was played as the rule is now."""
    replay = (await list_replays(look.conn)).get(NAME)
    return replay if is_played(RULE, settings, replay) else None


async def _relearned(
    look: Look, suppliers: Sequence[Supplier], settings: ReorderSettings, today: date
) -> tuple[list[Supplier], Source | None]:
    """Return suppliers with the demand of their SKUs as the trained model tells it, and which."""
    asked = {
        item.sku: (_terms_of(item, settings), item.available + sum(n for _, n in item.arrivals))
        for supplier in suppliers
        for item in supplier.items
    }
    learned = await read_learned(look, today, asked)
    if learned is None:
        return [*suppliers], None
    replace = msgspec.structs.replace
    found = [
        replace(
            supplier,
            items=tuple(
                replace(item, demand=learned.demands[item.sku], learned=True)
                if item.sku in learned.demands
                else item
                for item in supplier.items
            ),
        )
        for supplier in suppliers
    ]
    return found, learned.source


async def _said(look: Look, suppliers: Sequence[Supplier]) -> dict[str, list[Said]]:
    """Return what was said about each supplier, and about its SKUs alone, in order."""
    whose = {each.subject: each.subject for each in suppliers}
    whose |= {f"sku/{item.sku}": each.subject for each in suppliers for item in each.items}
    said: dict[str, list[Said]] = defaultdict(list)
    for row in await lines_said(look.conn, NAME, whose, look.now - _SAID_FOR):
        said[whose[row["subject"]]].append(said_of(row))
    return said


def _batches(
    supplier: Supplier, said: Sequence[Said], settings: ReorderSettings, today: date
) -> Iterable[Wanted]:
    times = {item.sku: (item.sku, item.since) for item in supplier.items}
    known = {each.episode for each in said}
    for batch in batches_of(times.values(), said):
        asked = [_stock(item, settings) for item in supplier.items if item.sku in batch.skus]
        stocks = near_of(asked, today)
        urgent = urgent_of(stocks, today)
        if not urgent:
            continue
        episode = batch.episode or episode_of((times[sku] for sku in urgent), said)
        yield Wanted(supplier=supplier, episode=episode, stocks=stocks, is_new=episode not in known)


def _facts(
    batch: Wanted, left: Mapping[str, Decimal], source: Source | None, today: date
) -> Facts[ReorderValues]:
    supplier = batch.supplier
    skus = {stock.sku for stock in batch.stocks}
    items = tuple(item for item in supplier.items if item.sku in skus)
    offers = f"connection/{supplier.number}/supplier_item"
    return Facts(
        subject=supplier.subject,
        episode=batch.episode,
        values=ReorderValues(
            today=today,
            supplier_id=supplier.number,
            supplier_ref=supplier.ref,
            supplier=supplier.name,
            items=items,
            budget_left=tuple(Money(amount, each) for each, amount in sorted(left.items())),
            models=(source,) if source and any(item.learned for item in items) else (),
        ),
        evidence=tuple(
            ref for item in items for ref in (f"sku/{item.sku}", f"{offers}/{item.offer_ref}")
        ),
    )


def propose(facts: Facts[ReorderValues], settings: ReorderSettings) -> Proposal | None:
    """Return a draft for what is missing until the order after this one; None: nothing is."""
    known = facts.values
    left = {each.currency: each.amount for each in known.budget_left}
    stocks = [_stock(item, settings) for item in known.items]
    wanted = within(basket_of(stocks, known.today), left, known.today)
    lines = [line for line in wanted if line.units]
    if not lines:
        return None
    items = {item.sku: item for item in known.items}
    return Proposal(
        reason=reason_of(known.supplier, wanted, items, left, settings.review_days),
        actions=tuple(
            _draft(known, some, f"{facts.episode[:4]}{place or ''}")
            for place, some in enumerate(_by_currency(lines))
        ),
        effect=_effect(known, lines),
        alternatives=alternatives_of(known.supplier, wanted, left, settings.service_percent),
    )


def _stock(item: Item, settings: ReorderSettings) -> Stock:
    terms = _terms_of(item, settings)
    return Stock(
        sku=item.sku,
        available=item.available,
        arrivals=tuple(Arrival(on=on, units=units) for on, units in item.arrivals),
        demand=item.demand,
        levels=levels_of(item.demand, terms),
        terms=terms,
        cost=item.cost,
    )


def _terms_of(item: Item, settings: ReorderSettings) -> Terms:
    return _terms(settings, item.sku, item.lead_days, item.quantity_min)


def _terms(settings: ReorderSettings, sku: str, lead_days: int, quantity_min: int) -> Terms:
    return Terms(
        lead_days=lead_days,
        review_days=settings.review_days,
        service_percent=settings.service_percent,
        order_days_max=settings.order_days_max,
        quantity_min=quantity_min,
        pack=settings.packs.get(sku, 1),
    )


def _by_currency(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines of each order: of one currency, and those without a price with the first."""
    currencies = sorted({line.stock.cost.currency for line in lines if line.stock.cost is not None})
    first = currencies[0] if currencies else ""
    orders: dict[str, list[Line]] = {each: [] for each in currencies or [""]}
    for line in lines:
        orders[line.stock.cost.currency if line.stock.cost is not None else first].append(line)
    return list(orders.values())


def _draft(known: ReorderValues, lines: Sequence[Line], suffix: str) -> Action:
    told = spent_on(lines)
    whole = all(line.stock.cost is not None for line in lines)
    currency = next((x.stock.cost.currency for x in lines if x.stock.cost is not None), "")
    total = Money(told.get(currency, Decimal(0)), currency) if whole else None
    lead_days = max(line.stock.terms.lead_days for line in lines)
    return Action(
        connection_id=known.supplier_id,
        key=f"purchase/{known.supplier_ref}",
        content=DraftPurchase(
            number=f"TU-{known.supplier_ref}-{known.today:%Y%m%d}-{suffix}",
            supplier_ref=known.supplier_ref,
            currency=currency,
            lines=tuple((line.stock.sku, line.units, line.stock.cost) for line in lines),
            expected_on=known.today + timedelta(days=lead_days),
        ),
        what=what_of(lines, known.supplier, total),
        amount=total,
        commits=True,
    )


def _effect(known: ReorderValues, lines: Sequence[Line]) -> Effect:
    """Return what share of the lines is sold out before the order after this one, at last."""
    days = max(line.stock.terms.days for line in lines)
    return Effect(
        measure="share_sold_out",
        says="the chance that it is sold out"
        if len(lines) == 1
        else f"the share of these {len(lines)} SKUs that are sold out",
        came=("it was never sold out", "it was sold out")
        if len(lines) == 1
        else ("none of them was sold out", "some of them were sold out"),
        without=_mean(line.stock.chance(known.today) for line in lines),
        within=_mean(line.stock.chance(known.today, line.units) for line in lines),
        measured_at=datetime.combine(known.today + timedelta(days=days), time(), UTC),
    )


def _mean(chances: Iterable[float]) -> Decimal:
    found = [*chances]
    return Decimal(str(round(sum(found) / len(found), 4))).quantize(_CENT)


async def play(look: Look, settings: ReorderSettings, since: date, until: date) -> Replay:
    """Let the rule reorder on the days that were, beside the mean of 13 weeks.

    What was really ordered is left out; each way begins with what lay there the evening before.
    """
    offers = await offers_of(look, None)
    days_max = (until - since).days + 2 + STEADY_DAYS
    past = await days_before(
        look.conn, sorted(offers), until + timedelta(days=1), days_max=days_max
    )
    items = {
        sku: _played_item(sku, days, *offers[sku], look.hub.lead_days, settings)
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
    return await asyncio.to_thread(_played, [*items.values()], _budget(settings), since, until)


def _played_item(
    sku: str,
    days: Sequence[Day],
    number: int,
    offer: SupplierItem,
    lead_days: int,
    settings: ReorderSettings,
) -> replayed.Item:
    told_days = lead_days if offer.lead_days is None else offer.lead_days
    return replayed.Item(
        sku=sku,
        supplier=f"{number}/{offer.supplier_ref}",
        past=days,
        terms=_terms(settings, sku, told_days, max(1, offer.quantity_min or 1)),
        cost=offer.cost,
    )


def _budget(settings: ReorderSettings) -> Budget:
    return Budget(
        per_order=dict(settings.budget_per_order),
        per_week=dict(settings.budget_per_week),
        review_days=settings.review_days,
    )


def _played(items: Sequence[replayed.Item], budget: Budget, since: date, until: date) -> Replay:
    costs = {item.sku: item.cost for item in items}
    ours = replayed.play_all(items, since, replayed.reorder(budget))
    mean = replayed.play_all(items, since, replayed.thirteen_weeks())
    total = ours.total
    more_days = replayed.matched(items, since, total.missed)
    ways = [_told("the rule", ours, costs), _told("13-week mean", mean, costs)]
    said = "no stock that was tried makes the mean of 13 weeks miss as little"
    if more_days is not None:
        as_good = replayed.play_all(items, since, replayed.thirteen_weeks(more_days))
        ways.append(_told(f"13-week mean, +{more_days} days", as_good, costs))
        held = as_good.total.held
        less = round(100 * (1 - total.held / held)) if held else 0
        said = (
            f"to miss as little, the mean of 13 weeks needs {more_days} days more in stock, of "
            f"which the rule holds {abs(less)} % {'less' if less >= 0 else 'more'}"
        )
    counts_learned = False
    if may_learn(items, since):
        learned = replayed.play_all(items, since, replayed.reorder(budget, Anew()))
        ways.append(_told("the rule by learned demand", learned, costs))
        counts_learned = learned.total.missed <= total.missed and learned.total.held <= total.held
        said += "; by learned demand it would have missed "
        said += f"{learned.total.missed}, {'which counts' if counts_learned else 'so it does not'}"
    return Replay(
        since=since,
        until=until,
        figures={
            "skus": float(len(items)),
            "orders": float(ours.orders),
            FIGURE: float(counts_learned),
        },
        sentence=(
            f"From {since} to {until} it would have ordered {ours.orders} times for {len(items)} "
            f"SKUs of known suppliers and missed {total.missed} of {total.wanted} units; the mean "
            f"of 13 weeks, {mean.total.missed}; {said}."
        ),
        beside=tuple(ways),
        drawn=ON_HAND,
    )


def _told(name: str, played: replayed.Played, costs: Mapping[str, Money | None]) -> Beside:
    """Return what a way came to: units and days of all SKUs, and money that lay in stock."""
    came, total, tied_up = played.came, played.total, dict[str, Decimal]()
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
        "orders": played.orders,
    }
    money = {f"tied up, {each}": str(Money(lay, each).rounded()) for each, lay in tied_up.items()}
    return Beside(name=name, figures=tuple((figures | money).items()))


def _a_day(came: Mapping[str, replayed.Came], unit_days: Callable[[replayed.Came], int]) -> int:
    """Return how many units lay there on an average day."""
    return round(sum(unit_days(each) / each.days for each in came.values() if each.days))


async def measure(look: Look, waited: Sequence[Waited]) -> list[Decimal | None]:
    """Return what share of what was ordered was sold out on an evening since it was proposed.

    None where the days of none are known any more.
    """
    until = max(each.until for each in waited).astimezone(UTC).date()
    skus = {sku for each in waited for sku in _skus(each)}
    days = await days_before(look.conn, sorted(skus), until + timedelta(days=1))
    found: list[Decimal | None] = []
    for each in waited:
        first, last = each.since.astimezone(UTC).date(), each.until.astimezone(UTC).date()
        past = [[day for day in days.get(sku, ()) if first < day.on <= last] for sku in _skus(each)]
        known = [some for some in past if some]
        ran_out = sum(any(day.left <= 0 for day in some) for some in known)
        share = Decimal(str(round(ran_out / len(known), 4))) if known else None
        found.append(share)
    return found


def _skus(waited: Waited) -> list[str]:
    """Return what a decision ordered, or would have."""
    return [line[0] for action in waited.actions for line in action["content"]["lines"]]


RULE = Rule(
    name=NAME,
    version=3,
    title="Drafts one purchase order a supplier, of what may be sold out before it can send more.",
    kinds=frozenset({KIND}),
    settings=ReorderSettings,
    read=read,
    propose=propose,
    play=play,
    measure=measure,
)
