"""An order's sums, to the cent, in both currencies: as sold, and as it stands now."""

from collections.abc import Iterable

import msgspec

from trueup.sandbox.shopify.model import Line, Order
from trueup.sandbox.shopify.money import ZERO, Pair

__all__ = ["Totals", "current", "fulfillment_status", "line_part", "ordered", "received"]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of an order."""

    lines: Pair
    discounts: Pair
    subtotal: Pair
    shipping: Pair
    tax: Pair
    tip: Pair
    duties: Pair
    taxes_included: bool

    @property
    def total(self) -> Pair:
        """What the buyer owes in all."""
        on_top = ZERO if self.taxes_included else self.tax
        return self.subtotal + self.shipping + on_top + self.tip + self.duties


def line_part(order: Order, line: Line, units: int) -> tuple[Pair, Pair]:
    """Return (net, tax) of the first `units` of a line; all units give exactly the whole."""
    share = order.exchange.share
    return share(line.net, units, line.quantity), share(line.tax, units, line.quantity)


def ordered(order: Order) -> Totals:
    """Return the sums over everything ever ordered, edits up included, refunds not."""
    goods = [line for line in order.lines if not line.tip]
    shipping_off = [part.amount for ship in order.shipping_lines for part in ship.allocations]
    return Totals(
        taxes_included=order.taxes_included,
        lines=_sum(line.unit_price * line.quantity for line in goods),
        discounts=_sum([*(line.discount for line in goods), *shipping_off]),
        subtotal=_sum(line.net for line in goods),
        shipping=_sum(ship.net for ship in order.shipping_lines),
        tax=_sum(line.tax for line in goods) + _shipping_tax(order),
        tip=_sum(line.net for line in order.lines if line.tip),
        duties=_sum(duty.price for line in goods for duty in line.duties),
    )


def current(order: Order) -> Totals:
    """Return the sums over what is left after edits, refunds and cancellation."""
    goods = [line for line in order.lines if not line.tip]
    kept = [(line, line.current, line.quantity - line.current) for line in goods]
    gone = [line_part(order, line, lost) for line, _, lost in kept]
    shipping_back = _sum(refund.shipping for refund in order.refunds)
    shipping_tax_back = _sum(refund.shipping_tax for refund in order.refunds)
    return Totals(
        taxes_included=order.taxes_included,
        lines=_sum(line.unit_price * left for line, left, _ in kept),
        discounts=_sum(
            order.exchange.share(line.discount, left, line.quantity) for line, left, _ in kept
        ),
        subtotal=_sum(line.net for line in goods) - _sum(net for net, _ in gone),
        shipping=_sum(ship.net for ship in order.shipping_lines) - shipping_back,
        tax=_sum(line.tax for line in goods)
        - _sum(tax for _, tax in gone)
        + _shipping_tax(order)
        - shipping_tax_back,
        tip=_sum(line.net for line in order.lines if line.tip and line.current),
        duties=_sum(duty.price for line in goods for duty in line.duties)
        - _sum(refund.duties for refund in order.refunds),
    )


def received(order: Order) -> tuple[Pair, Pair]:
    """Return (money in, money given back) over successful transactions."""
    done = [each for each in order.transactions if each.status == "success"]
    money_in = _sum(each.amount for each in done if each.kind in {"sale", "capture"})
    return money_in, _sum(each.amount for each in done if each.kind == "refund")


def fulfillment_status(order: Order) -> str | None:
    """Return the vendor's word for the order: None, partial, fulfilled or restocked."""
    goods = [line for line in order.lines if not line.tip]
    sent = sum(line.fulfilled for line in goods)
    if sent == 0:
        return "restocked" if order.cancelled_at and order.refunds else None
    return "partial" if any(line.fulfillable for line in goods) else "fulfilled"


def _shipping_tax(order: Order) -> Pair:
    return _sum(tax.price for ship in order.shipping_lines for tax in ship.tax_lines)


def _sum(parts: Iterable[Pair]) -> Pair:
    return sum(parts, ZERO)
