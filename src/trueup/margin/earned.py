"""What an order earns: its contribution margin, each number with how it is known. Pure.

Revenue is what was sold net of tax and discounts, with what was charged for shipping. From it go
refunds, what the goods cost, fees of payments and marketplaces, what it cost to send it, and
advertising. Numbers of another currency than the order's are not counted, and that is said.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.cost import Cost
from trueup.canon.order import Order, OrderLine
from trueup.canon.payout import BalanceEntry, EntryKind
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.kernel.money import Money
from trueup.ledger.kits import Kits
from trueup.ledger.money import EXACT, MoneyAccount, Teller
from trueup.ledger.rules import is_stocked
from trueup.ledger.sold import money_of_sale
from trueup.margin.layers import Certainty, Taken, least_known
from trueup.margin.shares import share_out

_NOTHING: Final = Decimal(0)
_NOT_EARNED: Final = frozenset(
    (
        *(MoneyAccount.RECEIVABLE, MoneyAccount.TAXES, MoneyAccount.DUTIES),
        MoneyAccount.GIFT_CARDS,
    )
)
"""What is owed on: to the state, or to whoever holds a card."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """An exact amount, how it is known, and from what, in words."""

    amount: Decimal = _NOTHING
    certainty: Certainty = Certainty.TOLD
    how: str = ""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What something earned in one currency: an order, a SKU or a channel.

    Attributes:
        units: sold, without what came back.
        revenue: net of tax and discounts, shipping income included; before refunds.
        refunds, goods, fees, shipping, ads: what goes from it, above zero.
    """

    key: str
    label: str
    connection: str
    currency: str
    units: int
    revenue: Figure
    refunds: Figure
    goods: Figure
    fees: Figure
    shipping: Figure
    ads: Figure
    placed_at: datetime | None = None

    @property
    def margin(self) -> Decimal:
        """The contribution margin: revenue less all that goes from it; exact."""
        rest = self.revenue.amount
        for each in (self.refunds, self.goods, self.fees, self.shipping, self.ads):
            rest = EXACT.subtract(rest, each.amount)
        return rest

    @property
    def certainty(self) -> Certainty:
        """How the margin is known: as well as its least known number."""
        return least_known(
            each.certainty
            for each in (
                *(self.revenue, self.refunds, self.goods),
                *(self.fees, self.shipping, self.ads),
            )
        )

    @property
    def share(self) -> float | None:
        """The margin as a share of what was kept; None where nothing was."""
        kept = self.revenue.amount - self.refunds.amount
        return float(round(self.margin / kept, 4)) if kept > 0 else None


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one order.

    Attributes:
        records: of its entity, by number; the order among them.
        entries: of providers' accounts, that are of the order or its payments.
        costs: that were told of the order.
        goods: what its units cost, by stocked SKU.
    """

    order: Order
    connection_id: int
    connection: str
    teller: Teller
    records: Mapping[int, Record]
    entries: tuple[BalanceEntry, ...] = ()
    costs: tuple[Cost, ...] = ()
    goods: Mapping[str, Taken] = {}


def earned_of(sale: Sale, kits: Kits, usual: Mapping[str, tuple[Money, str]]) -> Earned:
    """Return what an order earned by what was told; what was not told is unknown, and nothing.

    Args:
        sale: what is known of it.
        kits: what codes that are sold stand for.
        usual: what a unit of a SKU is said to cost, for units that have not left.
    """
    order = sale.order
    worth = money_of_sale(sale.records, sale.connection_id, teller=sale.teller)
    revenue = refunds = unplaced = _NOTHING
    for number, positions in worth.items():
        of_refund = isinstance(sale.records[number], Refund)
        own = isinstance(sale.records[number], Order)
        for position, amount in positions.items():
            if position.account in _NOT_EARNED or position.currency != order.currency:
                continue
            if own:
                revenue = EXACT.subtract(revenue, amount)
                unplaced += abs(amount) if position.account is MoneyAccount.UNPLACED else _NOTHING
            elif of_refund:
                refunds = EXACT.add(refunds, amount)
    told = Figure(amount=revenue, how="the order, net of tax and discounts")
    if unplaced:
        how = f"{unplaced} of the order's total is in none of its parts"
        told = Figure(amount=revenue, certainty=Certainty.ESTIMATED, how=how)
    return Earned(
        key=f"{sale.connection}/{order.ref}",
        label=order.number or order.ref,
        connection=sale.connection,
        currency=order.currency,
        units=sum(_kept_units(line) for line in order.lines if is_stocked(line)),
        revenue=told,
        refunds=Figure(amount=refunds, how="its refunds, without tax"),
        goods=_goods(sale, kits, usual),
        fees=_fees(sale),
        shipping=_shipping(sale),
        ads=Figure(certainty=Certainty.UNKNOWN, how="nobody tells of advertising"),
        placed_at=order.placed_at,
    )


def _kept_units(line: OrderLine) -> int:
    return line.quantity if line.quantity_current is None else line.quantity_current


def parts_wanted(order: Order, kits: Kits) -> Counter[str]:
    """Return the stocked units that an order still wants, kits by their parts."""
    units: Counter[str] = Counter()
    for line in order.lines:
        if is_stocked(line) and order.cancelled_at is None:
            sku = line.sku or ""
            for part, each in (kits.parts_of(sku, order.placed_at) or {sku: 1}).items():
                units[part] += each * _kept_units(line)
    return units


def _goods(sale: Sale, kits: Kits, usual: Mapping[str, tuple[Money, str]]) -> Figure:
    code, amount = sale.order.currency, _NOTHING
    certainties, how = {Certainty.TOLD}, dict[str, None]()
    for sku, taken in sorted(sale.goods.items()):
        amount = EXACT.add(amount, taken.cost.get(code, _NOTHING))
        certainties.add(taken.certainty)
        how |= dict.fromkeys(taken.how)
        for other in sorted(taken.cost.keys() - {code}):
            certainties.add(Certainty.UNKNOWN)
            how[f"{sku} cost {taken.cost[other]} {other}, and that is not in it"] = None
    gone = Counter({sku: taken.units for sku, taken in sale.goods.items()})
    for sku, units in sorted((parts_wanted(sale.order, kits) - gone).items()):
        price = usual.get(sku)
        if price is None or price[0].currency != code:
            certainties.add(Certainty.UNKNOWN)
            how[f"{units} {sku} have not left, and nobody tells what they cost"] = None
            continue
        certainties.add(Certainty.ESTIMATED)
        amount = EXACT.add(amount, EXACT.multiply(price[0].amount, Decimal(units)))
        how[f"{units} {sku} have not left: {price[1]}"] = None
    return Figure(amount=amount, certainty=least_known(certainties), how="; ".join(how))


def _fees(sale: Sale) -> Figure:
    code, amount, count, foreign = sale.order.currency, _NOTHING, 0, 0
    for entry in sale.entries:
        own = -entry.gross.amount if entry.entry is EntryKind.FEE else _NOTHING
        if entry.gross.currency != code:
            foreign += 1
            continue
        count += 1
        amount = EXACT.add(amount, EXACT.add(own, entry.fee.amount))
    if not count:
        how = "no entry of a provider's account tells it"
        how = how if not foreign else "it was taken in another currency"
        return Figure(certainty=Certainty.UNKNOWN, how=how)
    certainty = Certainty.UNKNOWN if foreign else Certainty.TOLD
    return Figure(amount=amount, certainty=certainty, how=f"{count} entries of providers' accounts")


def _shipping(sale: Sale) -> Figure:
    code = sale.order.currency
    own = [each for each in sale.costs if each.amount.currency == code]
    if not sale.costs:
        return Figure(certainty=Certainty.UNKNOWN, how="no cost of sending it is told")
    amount = sum((each.amount.amount for each in own), _NOTHING)
    certainty = Certainty.TOLD if len(own) == len(sale.costs) else Certainty.UNKNOWN
    kinds = ", ".join(sorted({each.cost_kind.value for each in sale.costs}))
    return Figure(amount=amount, certainty=certainty, how=f"told: {kinds}")


# -- what is not told ------------------------------------------------------------------------------


def estimated(rows: Sequence[Earned], ads: Mapping[tuple[date, str], Decimal]) -> list[Earned]:
    """Return orders with estimates of what nobody told of them, each marked as one.

    Fees by the share of revenue that they are at the orders of the same channel and currency that
    tell them; sending by their mean; advertising of a day by share of that day's revenue.

    Args:
        rows: orders of whole days.
        ads: what advertising cost, by day and currency; where none is told of a day, and none
            before or after it, it is unknown.
    """
    groups: dict[tuple[str, str], list[Earned]] = {}
    for row in rows:
        groups.setdefault((row.connection, row.currency), []).append(row)
    rates = {key: (_fee_rate(of), _mean_shipping(of)) for key, of in groups.items()}
    shares = _ad_shares(rows, ads)
    return [
        _estimate(row, *rates[row.connection, row.currency], shares.get(row.key)) for row in rows
    ]


_Rate = tuple[Decimal, Decimal, int]
"""A sum over another one, and of how many orders."""


def _fee_rate(rows: Sequence[Earned]) -> _Rate | None:
    told = [r for r in rows if r.fees.certainty is Certainty.TOLD and r.revenue.amount > 0]
    fees = sum((r.fees.amount for r in told), _NOTHING)
    revenue = sum((r.revenue.amount for r in told), _NOTHING)
    return (fees, revenue, len(told)) if told else None


def _mean_shipping(rows: Sequence[Earned]) -> _Rate | None:
    told = [r for r in rows if r.shipping.certainty is Certainty.TOLD]
    total = sum((r.shipping.amount for r in told), _NOTHING)
    return (total, Decimal(len(told)), len(told)) if told else None


def _part(rate: _Rate, of: Decimal, currency: str) -> Decimal:
    return Money(rate[0] * of / rate[1], currency).rounded().amount


def _is_untold(figure: Figure) -> bool:
    return figure.certainty is Certainty.UNKNOWN and not figure.amount


def _estimate(
    row: Earned, fees: _Rate | None, shipping: _Rate | None, ads: Figure | None
) -> Earned:
    changes: dict[str, Figure] = {} if ads is None else {"ads": ads}
    if fees is not None and _is_untold(row.fees):
        how = f"the share that fees are of the revenue of {fees[2]} orders of {row.connection}"
        amount = _part(fees, max(row.revenue.amount, _NOTHING), row.currency)
        changes["fees"] = Figure(amount=amount, certainty=Certainty.ESTIMATED, how=how)
    if shipping is not None and _is_untold(row.shipping):
        how = f"the mean of {shipping[2]} orders of {row.connection}"
        amount = _part(shipping, Decimal(1), row.currency) if row.units else _NOTHING
        changes["shipping"] = Figure(amount=amount, certainty=Certainty.ESTIMATED, how=how)
    return msgspec.structs.replace(row, **changes) if changes else row


_NO_ADS: Final = Figure(how="no advertising is told on a day among days that are")


def _ad_shares(
    rows: Sequence[Earned], ads: Mapping[tuple[date, str], Decimal]
) -> dict[str, Figure]:
    by_day: dict[tuple[date, str], list[Earned]] = {}
    for row in rows:
        if row.placed_at is not None:
            by_day.setdefault((row.placed_at.date(), row.currency), []).append(row)
    days = sorted(day for day, _ in ads)
    found: dict[str, Figure] = {}
    for key, of in by_day.items():
        if key not in ads:
            # A day among days that are told, of which nothing is told, had none.
            if days and days[0] < key[0] < days[-1] and key[0] not in days:
                found |= dict.fromkeys((row.key for row in of), _NO_ADS)
            continue
        weights = [max(row.revenue.amount, _NOTHING) for row in of]
        how = f"a share of what advertising cost on {key[0]}, by revenue"
        for row, amount in zip(of, share_out(ads[key], weights, key[1]), strict=True):
            found[row.key] = Figure(amount=amount, certainty=Certainty.ESTIMATED, how=how)
    return found
