"""An order's own arithmetic, checked to the smallest unit of its currency.

Each of the three sums that an order states is built again from its parts: the goods, the taxes and
the total. In the shop's own currency an order that was paid in another may be off by one smallest
unit per part, because every part was converted and rounded by itself; in the customer's currency,
and in an order with one currency only, nothing may be off.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from trueup.canon.issue import Issue, Severity
from trueup.canon.order import Order, OrderLine, TaxLine
from trueup.canon.price import Price
from trueup.kernel.money import minor_digits

Reading = Callable[[Price], Decimal | None]
_ZERO = Decimal(0)


class _Untold(Exception):
    """A part is not told in the currency that is being summed."""


def check_order(order: Order) -> tuple[Issue, ...]:
    """Return one issue per sum that does not hold; nothing where all do.

    Source: the meaning of the totals is in the glossary; a deleted order has none.
    """
    if order.deleted:
        return ()
    foreign = order.presented_currency
    parts = 2 + sum(2 + len(line.taxes) for line in order.lines) if foreign else 0
    issues = _check(order, order.currency, _booked, parts)
    if foreign is not None:
        issues += _check(order, foreign, _presented, 0)
    return tuple(issues)


def _booked(price: Price) -> Decimal:
    return price.booked.amount


def _presented(price: Price) -> Decimal | None:
    return price.presented.amount if price.presented is not None else None


def _check(order: Order, currency: str, read: Reading, parts: int) -> list[Issue]:
    tolerance = Decimal(parts).scaleb(-minor_digits(currency)) if parts else _ZERO
    issues = []
    for field, check in _CHECKS:
        try:
            off = check(order, read)
        except _Untold:
            continue
        if off is not None and abs(off[1] - off[0]) > tolerance:
            issues.append(_mismatch(order, field, currency, off))
    return issues


def _subtotal(order: Order, read: Reading) -> tuple[Decimal, Decimal] | None:
    """Compare the stated subtotal with the goods less what was taken off them."""
    stated = order.totals.subtotal
    if stated is None:
        return None
    goods = sum((_line_net(line, read) for line in order.lines if not line.tip), _ZERO)
    found = _amount(stated, read)
    if goods != found and (tips := sum((_line_net(t, read) for t in order.lines if t.tip), _ZERO)):
        goods = goods + tips if goods + tips == found else goods
    unplaced = order.totals.discounts
    placed = any(line.discount is not None and line.discount.booked for line in order.lines)
    if goods != found and unplaced is not None and not placed:
        # Older bodies and files tell what was taken off the order, not off which line.
        less = goods - _amount(unplaced, read)
        goods = less if less == found else goods
    return goods, found


def _tax(order: Order, read: Reading) -> tuple[Decimal, Decimal] | None:
    """Compare the stated tax with the tax lines; what a channel collects may be left out."""
    stated = order.totals.tax
    if stated is None or not order.taxes:
        return None
    found = _amount(stated, read)
    whole = _sum_taxes(order.taxes, read)
    own = _sum_taxes((t for t in order.taxes if not t.collected_by_channel), read)
    return (own if own == found else whole), found


def _total(order: Order, read: Reading) -> tuple[Decimal, Decimal] | None:
    """Compare the stated total with all its parts."""
    totals = order.totals
    if totals.subtotal is None:
        return None
    found = _amount(totals.total, read)
    expected = _amount(totals.subtotal, read) + _shipping(order, read)
    for part in (totals.duties, totals.fees, totals.tips):
        expected += _amount(part, read) if part is not None and part.booked else _ZERO
    if not order.taxes_included and totals.tax is not None:
        expected += _amount(totals.tax, read)
    if expected != found:
        by_channel = _sum_taxes((t for t in order.taxes if t.collected_by_channel), read)
        for other in (expected - by_channel, expected + by_channel):
            expected = found if other == found else expected
    return expected, found


_CHECKS = (("total", _total), ("subtotal", _subtotal), ("tax", _tax))


def _line_net(line: OrderLine, read: Reading) -> Decimal:
    gross = _amount(line.price, read) * line.quantity
    return gross if line.discount is None else gross - _amount(line.discount, read)


def _shipping(order: Order, read: Reading) -> Decimal:
    if order.shipping:
        lines = (line for line in order.shipping if not line.removed)
        return sum((_amount(line.discounted or line.price, read) for line in lines), _ZERO)
    return _amount(order.totals.shipping, read) if order.totals.shipping is not None else _ZERO


def _sum_taxes(taxes: Iterable[TaxLine], read: Reading) -> Decimal:
    return sum((_amount(tax.price, read) for tax in taxes), _ZERO)


def _amount(price: Price, read: Reading) -> Decimal:
    amount = read(price)
    if amount is None:
        if not price.booked:
            return _ZERO  # nothing is nothing in every currency
        raise _Untold
    return amount


def _mismatch(order: Order, field: str, currency: str, off: tuple[Decimal, Decimal]) -> Issue:
    expected, found = off
    return Issue(
        code=f"order.{field}_mismatch",
        severity=Severity.WARNING,
        pointer=f"/totals/{field}",
        expected=f"{expected} {currency}, the sum of its parts",
        found=f"{found} {currency}, a difference of {found - expected} {currency}",
        how_to_fix="Compare the order with the vendor's own page of it. The order is kept as it "
        "came; its money reports may be off by this difference.",
        ref=f"order/{order.ref}",
    )
