"""Money and units given back: refunds and cancellations."""

from functools import partial

import msgspec

from trueup.errors import invariant
from trueup.sandbox.shopify import checkout, stock, totals
from trueup.sandbox.shopify.bodies_after import refund_body
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.model import Line, Order, Refund, RefundLine, Transaction
from trueup.sandbox.shopify.money import ZERO, Pair
from trueup.sandbox.shopify.shop import Shop

__all__ = ["RefundWish", "cancel", "refund", "shares", "worth"]


class RefundWish(msgspec.Struct, frozen=True, kw_only=True):
    """What is given back.

    Attributes:
        lines: (line, units, restock type: `cancel`, `return` or `no_restock`).
        shipping: give the shipping back too.
        keep: the merchant keeps this part of the money (a restocking fee).
        pay: False records units without money (an order that was never paid).
        places: where units of a line are put back, by its id; else where it was sent from.
    """

    lines: list[tuple[Line, int, str]]
    shipping: bool = False
    keep: Pair = ZERO
    pay: bool = True
    note: str | None = None
    return_id: int | None = None
    places: dict[int, int] = {}


def refund(shop: Shop, order: Order, wish: RefundWish) -> Refund:
    """Give money (and units, by restock type) back, and tell of it."""
    made = _record(shop, order, wish)
    order.updated_at = shop.now()
    shop.emit("refunds/create", partial(refund_body, shop, order, made))
    shop.emit("orders/updated", partial(order_body, shop, order))
    return made


def worth(order: Order, lines: list[tuple[Line, int]]) -> Pair:
    """Return what the next so many units of lines are worth, at most what is left of the money."""
    owed = ZERO
    for line, units in lines:
        gone = line.removed + line.refunded
        net_before, tax_before = totals.line_part(order, line, gone)
        net_after, tax_after = totals.line_part(order, line, gone + units)
        owed += net_after - net_before
        owed += ZERO if order.taxes_included else tax_after - tax_before
    money_in, money_back = totals.received(order)
    left = money_in - money_back
    return owed if owed.shop <= left.shop else left


def shares(order: Order, amount: Pair) -> list[tuple[Transaction, Pair]]:
    """Return from which payments an amount goes back, the last first."""
    found = []
    for parent in reversed([it for it in order.transactions if it.kind in {"sale", "capture"}]):
        part = amount if amount.shop <= parent.amount.shop else parent.amount
        if part:
            found.append((parent, part))
        amount -= part
    return found


def cancel(shop: Shop, order: Order, *, reason: str, restock: bool, give_back: bool) -> None:
    """Cancel an order: what was not sent is released, what was paid goes back."""
    invariant(order.cancelled_at is None, "an order is cancelled once")
    kind = "cancel" if restock else "no_restock"
    left = [(line, min(line.fulfillable, line.current)) for line in order.lines]
    lines = [(line, units, kind) for line, units in left if units > 0]
    lines += [(line, 1, "no_restock") for line in order.lines if line.tip and line.current]
    order.cancelled_at = order.closed_at = shop.now()
    order.cancel_reason = reason
    was_paid = any(each.kind in {"sale", "capture"} for each in order.transactions)
    if was_paid and give_back:
        wish = RefundWish(lines=lines, shipping=not any(line.fulfilled for line in order.lines))
    else:
        wish = RefundWish(lines=lines, pay=False)
    made = _record(shop, order, wish, cancelling=True)
    _release_rest(shop, order, restock=restock)
    if not was_paid:
        for each in [it for it in order.transactions if it.kind == "authorization"]:
            checkout.pay(shop, order, each.amount, kind="void", gateway=each.gateway,
                         parent=each.id)  # fmt: skip
        order.financial_status = "voided"
    order.updated_at = shop.now()
    if made.lines or made.transactions:
        shop.emit("refunds/create", partial(refund_body, shop, order, made))
    shop.emit("orders/cancelled", partial(order_body, shop, order))
    shop.emit("orders/updated", partial(order_body, shop, order))


def _release_rest(shop: Shop, order: Order, *, restock: bool) -> None:
    """Release units that were refunded before without being taken off the order."""
    for line in order.lines:
        units = line.fulfillable
        if units > 0:
            line.released += units
            stock.give_back(shop, order, line, units, committed=True, restock=restock)


def _record(shop: Shop, order: Order, wish: RefundWish, *, cancelling: bool = False) -> Refund:
    made = Refund(shop.new_id(), order.id, shop.now(), wish.note, [], [], return_id=wish.return_id)
    made.adjustment_id = shop.new_id()
    shop.new_id()  # the second adjustment's
    order.refunds.append(made)
    for line, units, kind in wish.lines:
        place = wish.places.get(line.id, line.location_id)
        part = _refund_line(shop, order, line, (units, kind, place), cancelling=cancelling)
        made.lines.append(part)
    if wish.shipping and order.shipping_lines:
        ship = order.shipping_lines[0]
        made.shipping = ship.net - ship.refunded
        if made.shipping:
            made.shipping_tax = sum((tax.price for tax in ship.tax_lines), ZERO)
        ship.refunded += made.shipping
    if all(line.current == 0 for line in order.lines):
        made.duties = sum((duty.price for line in order.lines for duty in line.duties), ZERO)
        made.duties -= sum((each.duties for each in order.refunds if each is not made), ZERO)
    if wish.pay:
        _pay_back(shop, order, made, wish.keep)
    return made


def _refund_line(
    shop: Shop, order: Order, line: Line, part: tuple[int, str, int | None], *, cancelling: bool
) -> RefundLine:
    units, kind, place = part
    gone = line.removed + line.refunded
    invariant(0 < units <= line.quantity - gone, "only units that are left can be refunded")
    net_before, tax_before = totals.line_part(order, line, gone)
    net_after, tax_after = totals.line_part(order, line, gone + units)
    line.refunded += units
    if kind == "cancel" or cancelling:
        released = min(units, line.fulfillable)
        line.released += released
        restock = kind == "cancel"
        stock.give_back(shop, order, line, released, committed=True, restock=restock)
    elif kind == "return":
        stock.give_back(shop, order, line, units, committed=False, restock=True, place=place)
    place = None if kind == "no_restock" else place
    return RefundLine(
        shop.new_id(), line, units, kind, place, net_after - net_before, tax_after - tax_before
    )


def _pay_back(shop: Shop, order: Order, made: Refund, keep: Pair) -> None:
    on_top = ZERO if order.taxes_included else _taxes(made)
    owed = sum((line.subtotal for line in made.lines), ZERO) + on_top + made.shipping + made.duties
    if not order.taxes_included:
        owed += made.shipping_tax
    money_in, money_back = totals.received(order)
    left = money_in - money_back
    amount = owed - keep
    if amount.shop > left.shop:
        amount = left
    made.discrepancy = (
        owed - amount
    )  # the vendor's sign: above zero, less went back than it is worth
    for parent, part in shares(order, amount):
        made.transactions.append(
            checkout.pay(shop, order, part, kind="refund", gateway=parent.gateway, parent=parent.id)
        )
    money_in, money_back = totals.received(order)
    if money_back:
        whole = money_back.shop >= money_in.shop
        order.financial_status = "refunded" if whole else "partially_refunded"


def _taxes(made: Refund) -> Pair:
    return sum((line.tax for line in made.lines), ZERO)
