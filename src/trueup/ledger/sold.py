"""What an order is worth in money, with its refunds. Pure: the same records, the same positions.

An order debits `receivable` with what its customer owes, before refunds, and credits what that is
made of. A refund takes from what is owed; the payment that sends money back stands on the other
side. So what is left of an order on `receivable` is owed still, or was paid too much.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final

from trueup.canon.order import Order, OrderLine, PaymentStatus, TaxLine
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.kernel.money import Money, minor_digits
from trueup.ledger.money import (
    EXACT,
    SELLERS,
    MoneyAccount,
    MoneyPosition,
    MoneyPositions,
    Teller,
    money_of_record,
)

_NOTHING: Final = Decimal(0)
_SHARES: Final = Context(prec=EXACT.prec, rounding=ROUND_HALF_UP)
_PAID: Final = frozenset(
    (PaymentStatus.PAID, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.REFUNDED)
)
_UNPAID: Final = frozenset(
    (
        *(PaymentStatus.PENDING, PaymentStatus.AUTHORISED, PaymentStatus.VOIDED),
        *(PaymentStatus.EXPIRED, PaymentStatus.UNKNOWN),
    )
)
_SOLD: Final = (MoneyAccount.SALES, MoneyAccount.GIFT_CARDS, MoneyAccount.TIPS)
_Parts = dict[MoneyAccount, Decimal]
"""What an amount is made of, account by account; exact decimals."""


def money_of_sale(
    records: Mapping[int, Record], connection_id: int, *, teller: Teller
) -> dict[int, MoneyPositions]:
    """Return what each record of one sale is worth, account by account.

    Args:
        records: an order's records of `SALE_KINDS` as they stand now, by number, in any order.
            Without the order itself refunds and payments count alone.
        connection_id: who tells them.
        teller: what its word is worth. Where the seller tells an order itself, a copy of it in
            another system posts nothing.
    """
    order = next((each for each in records.values() if isinstance(each, Order)), None)
    if teller not in SELLERS or (order is not None and order.test):
        return {number: {} for number in records}
    refunds = [e for e in records.values() if isinstance(e, Refund) and not e.deleted]
    paid = teller is Teller.PAID_ORDERS and order is not None and order.payment_status in _PAID
    worth: dict[int, MoneyPositions] = {}
    with localcontext(EXACT):
        for number, each in records.items():
            if isinstance(each, Order):
                parts = {} if each.deleted else _of_order(each, refunds)
                currency = each.totals.total.booked.currency
                worth[number] = _positions(parts, connection_id, each.ref, currency)
                if paid and not each.deleted:
                    total = each.totals.total.booked.amount
                    _pay(worth[number], connection_id, each.ref, currency, total)
            elif isinstance(each, Refund):
                parts = {} if each.deleted else _of_refund(each, order)
                item, currency = each.order_ref or "", _currency_of(each)
                worth[number] = _positions(parts, connection_id, item, currency)
                if paid and not each.deleted:
                    _pay(worth[number], connection_id, item, currency, -_amount(each.refunded))
            else:
                worth[number] = money_of_record(each, connection_id, teller=teller)
    return worth


def _positions(parts: _Parts, connection_id: int, order_ref: str, currency: str) -> MoneyPositions:
    """Return the accounts that parts are posted to, with what they come to on the order's item."""
    found: MoneyPositions = {
        MoneyPosition(account, connection_id, "", currency): -amount
        for account, amount in parts.items()
        if amount
    }
    if owed := sum(parts.values(), _NOTHING):
        item = MoneyPosition(MoneyAccount.RECEIVABLE, connection_id, order_ref, currency)
        found[item] = owed
    return found


def _pay(
    worth: MoneyPositions, connection_id: int, order_ref: str, currency: str, amount: Decimal
) -> None:
    """Add a payment that only its order tells: below zero it went back."""
    for account, moved in ((MoneyAccount.COLLECTED, amount), (MoneyAccount.RECEIVABLE, -amount)):
        position = MoneyPosition(account, connection_id, order_ref, currency)
        if left := worth.pop(position, _NOTHING) + moved:
            worth[position] = left


# -- orders ----------------------------------------------------------------------------------------


def _of_order(order: Order, refunds: Sequence[Refund]) -> _Parts:
    """Return what an order's customer owes before refunds, by what it is made of."""
    total = order.totals.total.booked
    back = sum((_no_more_owed(each, order) for each in refunds), _NOTHING)
    parts = _parts_of(order, total)
    owed = total.amount
    if order.cancelled_at is not None:
        owed = back + _kept(order)
        if not owed:
            return {}
        parts[MoneyAccount.CANCELLED] = owed - total.amount
    elif removed := _removed(order, refunds):
        for account, amount in removed.items():
            _add(parts, account, -amount)
        owed -= sum(removed.values(), _NOTHING)
        if not refunds and order.totals.current_total is not None:
            owed = order.totals.current_total.booked.amount
        _place_rest(parts, owed, order, total.currency)
    return parts


def _parts_of(order: Order, total: Money) -> _Parts:
    """Return what an order's total is made of, with what no part tells."""
    totals = order.totals
    parts: _Parts = dict.fromkeys(_SOLD, _NOTHING)
    for line in order.lines:
        parts[_account_of(line)] += _net_of(line)
    tips = parts[MoneyAccount.TIPS]
    goods = parts[MoneyAccount.SALES] + parts[MoneyAccount.GIFT_CARDS]
    if totals.subtotal is not None:
        stated = totals.subtotal.booked.amount
        # Older bodies tell what was taken off the order, and not off which line.
        parts[MoneyAccount.SALES] += stated - goods - (tips if stated == goods + tips else 0)
    if totals.tips is not None and totals.tips.booked:
        parts[MoneyAccount.TIPS] = totals.tips.booked.amount
    parts[MoneyAccount.SHIPPING] = _shipping(order)
    parts[MoneyAccount.DUTIES] = _amount(totals.duties)
    parts[MoneyAccount.SURCHARGES] = _amount(totals.fees)
    tax = _taxes(order) if totals.tax is None else totals.tax.booked.amount
    parts[MoneyAccount.TAXES] = tax
    if order.taxes_included:
        of_shipping = sum((_sum_taxes(way.taxes) for way in order.shipping), _NOTHING)
        parts[MoneyAccount.SHIPPING] -= of_shipping
        parts[MoneyAccount.SALES] -= tax - of_shipping
    _place_rest(parts, total.amount, order, total.currency)
    return parts


def _place_rest(parts: _Parts, owed: Decimal, order: Order, currency: str) -> None:
    """Put what the parts are off to an account of its own, so that they come to what is owed."""
    rest = owed - sum(parts.values(), _NOTHING)
    if not rest:
        return
    by_channel = sum(
        (tax.price.booked.amount for tax in order.taxes if tax.collected_by_channel), _NOTHING
    )
    told = 2 + len(order.taxes) + sum(1 + len(line.taxes) for line in order.lines)
    if abs(rest) == by_channel:
        account = MoneyAccount.TAXES  # the channel pays it: it is no part of what is owed here
    elif abs(rest) <= Decimal(told).scaleb(-minor_digits(currency)):
        account = MoneyAccount.ROUNDING
    else:
        account = MoneyAccount.UNPLACED
    _add(parts, account, rest)


def _kept(order: Order) -> Decimal:
    """Return what a cancelled order still comes to: what left before, and was paid."""
    if order.payment_status in _UNPAID:
        return _NOTHING
    return _amount(order.totals.current_total)


def _removed(order: Order, refunds: Sequence[Refund]) -> _Parts:
    """Return what was taken off an order after the sale, and is in no refund.

    Only where its source tells a total after that: elsewhere the total tells it already.
    """
    parts: _Parts = {}
    if order.totals.current_total is None:
        return parts
    refunded: Counter[str] = Counter()
    for each in refunds:
        for part in each.lines:
            refunded[part.line_ref] += part.quantity
    for line in order.lines:
        if line.quantity_current is None or not line.quantity:
            continue
        units = line.quantity - line.quantity_current - refunded[line.ref]
        if units > 0:
            net = _share(_net_of(line), line, units)
            tax = _share(_sum_taxes(line.taxes), line, units)
            _add(parts, _account_of(line), net - tax if order.taxes_included else net)
            _add(parts, MoneyAccount.TAXES, tax)
    return parts


def _share(amount: Decimal, line: OrderLine, units: int) -> Decimal:
    """Return the part of a line's amount that some of its units have, in smallest units."""
    if units == line.quantity:
        return amount
    unit = Decimal(1).scaleb(-minor_digits(line.price.booked.currency))
    part = _SHARES.divide(_SHARES.multiply(amount, Decimal(units)), Decimal(line.quantity))
    return part.quantize(unit, context=_SHARES)


def _account_of(line: OrderLine) -> MoneyAccount:
    if line.gift_card:
        return MoneyAccount.GIFT_CARDS
    return MoneyAccount.TIPS if line.tip else MoneyAccount.SALES


def _net_of(line: OrderLine) -> Decimal:
    gross = line.price.booked.amount * line.quantity
    return gross if line.discount is None else gross - line.discount.booked.amount


def _taxes(order: Order) -> Decimal:
    """Return the taxes of an order whose total of them is not told."""
    if order.taxes:
        return _sum_taxes(order.taxes)
    of_lines = sum((_sum_taxes(line.taxes) for line in order.lines), _NOTHING)
    return of_lines + sum((_sum_taxes(way.taxes) for way in order.shipping), _NOTHING)


def _shipping(order: Order) -> Decimal:
    if not order.shipping:
        return _amount(order.totals.shipping)
    ways = (way for way in order.shipping if not way.removed)
    return sum(((way.discounted or way.price).booked.amount for way in ways), _NOTHING)


# -- refunds ---------------------------------------------------------------------------------------


def _of_refund(refund: Refund, order: Order | None) -> _Parts:
    """Return what a refund takes from what is owed, with a minus, by what it is made of."""
    amount = _no_more_owed(refund, order)
    if not amount:
        return {}
    taxes = sum((_amount(line.tax) for line in refund.lines), _NOTHING)
    shipping = _amount(refund.shipping)
    goods = amount - taxes - shipping
    if goods < 0:  # less was given back than its parts: nobody says of which
        taxes, shipping, goods = _NOTHING, _NOTHING, amount
    return {
        MoneyAccount.REFUNDS: -goods,
        MoneyAccount.TAXES: -taxes,
        MoneyAccount.SHIPPING: -shipping,
    }


def _no_more_owed(refund: Refund, order: Order | None) -> Decimal:
    """Return by how much less is owed: what went back, or what was refunded without a payment."""
    if refund.refunded is not None and refund.refunded.booked:
        return refund.refunded.booked.amount
    on_top = order is None or not order.taxes_included
    found = _amount(refund.shipping)
    for line in refund.lines:
        found += _amount(line.subtotal) + (_amount(line.tax) if on_top else _NOTHING)
    return found


def _currency_of(refund: Refund) -> str:
    """Return the currency of a refund's amounts; empty where it tells none."""
    told = [refund.refunded, refund.shipping, *(line.subtotal for line in refund.lines)]
    return next((price.booked.currency for price in told if price is not None), "")


# -- sums ------------------------------------------------------------------------------------------


def _add(parts: _Parts, account: MoneyAccount, amount: Decimal) -> None:
    parts[account] = parts.get(account, _NOTHING) + amount


def _amount(price: Price | None) -> Decimal:
    return _NOTHING if price is None else price.booked.amount


def _sum_taxes(taxes: Iterable[TaxLine]) -> Decimal:
    return sum((tax.price.booked.amount for tax in taxes), _NOTHING)
