"""Silent failures, planted: what of them is wrong, and which check shall say so with which cause.

Each is planted where it would happen: in what the shop tells, in what is lost on the way, in the
provider's account, or behind everybody's back.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from tests.sim.year.trade import SHOP, Body, Heard, Rewrite, Year
from trueup.reconcile.checks import Check
from trueup.sandbox.shopify import payouts, stock
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import (
    Capture,
    ChangeCustomer,
    CloseReturn,
    Edit,
    OpenReturn,
    Refund,
)
from trueup.sandbox.shopify.model import Disposition, Order, OrderReturn

CENT = Decimal("0.01")
KINDS = ("order", "payment", "balance_entry", "payout", "customer", "return")
PAID = "order_transactions/create"


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One silent failure.

    Attributes:
        check, cause: who shall find it, and what shall be said of it.
        refs: by which it is found: one of them stands in the difference.
        touched: what else differs because of it, and is no false alarm.
    """

    kind: str
    check: Check
    cause: str
    refs: frozenset[str]
    touched: frozenset[str] = frozenset()


Plant = Callable[[Year], Planted]


def _named(*numbers: object) -> frozenset[str]:
    """Give the refs of some ids, whatever they are of: the shop gives none twice."""
    return frozenset(f"{SHOP}/{kind}/{number}" for kind in KINDS for number in numbers)


def _all_of(order: Order) -> frozenset[str]:
    """Give everything of an order that may stand in a difference."""
    return _named(order.id, *(each.id for each in order.transactions)) | {
        f"sku/{line.sku}" for line in order.lines if line.sku and not line.sku.startswith("SKU-")
    }


def _planted(
    kind: str,
    check: Check,
    cause: str,
    order: Order,
    *more: object,
    refs: frozenset[str] = frozenset(),
) -> Planted:
    """Plant at an order: its own ref, or `refs`, is where it is found."""
    found = refs or _named(order.id)
    return Planted(
        kind=kind,
        check=check,
        cause=cause,
        refs=found,
        touched=found | _all_of(order) | _named(*more),
    )


def _paying(difference: Decimal) -> Rewrite:
    """Let the shop tell another amount of a payment than the order's."""

    def rewrite(topic: str, body: Body) -> Body:
        if topic != PAID:
            return body
        amount = f"{Decimal(body['amount']) + difference:.2f}"
        shop = body["amount_set"]["shop_money"] | {"amount": amount}
        money = {"shop_money": shop, "presentment_money": shop}
        return body | {"amount": amount, "amount_set": money}

    return rewrite


def _pay_also(order: Order, difference: Decimal) -> None:
    """Let the provider have the other amount too."""
    paid = order.transactions[0]
    order.transactions[0].amount = msgspec.structs.replace(
        paid.amount, shop=paid.amount.shop + difference
    )


def _off_by(year: Year, kind: str, cause: str, difference: Callable[[Cart], Decimal]) -> Planted:
    """Let somebody pay another amount than the order's, by the word of the shop and provider."""
    lines = [CartLine(sku=sku, quantity=1) for sku in year.pick.sample(year.skus, 3)]
    wanted = year.cart(lines=lines)
    off = difference(wanted)
    order = year.buy(
        _paying(off),
        lines=lines,
        customer=wanted.customer,
        shipping=wanted.shipping,
    )
    _pay_also(order, off)
    year.pass_s(60)
    year.ship(order)
    return _planted(kind, Check.ORDERS, cause, order)


# -- the six silent failures -----------------------------------------------------------------------


def order_twice(year: Year, *, paid: bool = True) -> Planted:
    """A checkout is sent twice; the second is paid too, or not."""
    first = year.buy()
    lines = [CartLine(sku=line.sku, quantity=line.quantity) for line in first.lines]
    seed = first.customer
    assert seed is not None
    shipping = str(first.shipping_lines[0].net.shop) if first.shipping_lines else None
    year.pass_s(30)
    customer = msgspec.structs.replace(year.buyer(), email=seed.email)
    again = year.buy(
        lines=lines,
        customer=customer,
        shipping=shipping,
        payment="paid" if paid else "pending",
    )
    year.ship(first)
    year.ship(again)
    kind = "order_twice" if paid else "order_twice_unpaid"
    return _planted(kind, Check.DUPLICATES, "duplicate_retry", again, first.id)


def order_twice_unpaid(year: Year) -> Planted:
    """A checkout is sent twice, and paid once."""
    return order_twice(year, paid=False)


def oversell(year: Year) -> Planted:
    """The last unit is sold twice."""
    sku = f"LAST-{len(year.openings):05}"
    year.sell(sku, 1)
    for _ in range(2):
        order = year.buy(insist=True, lines=[CartLine(sku=sku)])
        year.ship(order)
    return _planted("oversell", Check.OVERSELLS, "oversold", order, refs=frozenset((f"sku/{sku}",)))


def split_customer(year: Year) -> Planted:
    """One person buys under two addresses."""
    phone = f"+1212{5_000_000 + year.count()}"
    bought = [year.buy() for _ in range(2)]
    numbers = []
    for order in bought:
        year.ship(order)
        assert order.customer is not None
        year.do(ChangeCustomer(email=order.customer.email, phone=phone))
        numbers.append(order.customer.id)
    refs = _named(*numbers)
    return _planted(
        "split_customer", Check.CUSTOMERS, "split_customer", bought[0], bought[1].id, refs=refs
    )


def rounding_per_order(year: Year) -> Planted:
    """A cent is lost between the order and its payment."""
    return _off_by(year, "rounding_per_order", "rounding", lambda _: -CENT)


def rounding_per_line(year: Year) -> Planted:
    """A cent a line is lost."""
    return _off_by(year, "rounding_per_line", "rounding", lambda cart: len(cart.lines) * CENT)


def return_unpaid(year: Year) -> Planted:
    """Units come back to the shelf, and their money does not go back."""
    order, made = _asked_back(year)
    for each in made.lines:
        each.processed = each.quantity
        each.dispositions = [Disposition("restocked", each.quantity, each.line.location_id)]
        stock.give_back(year.shop, order, each.line, each.quantity, committed=False, restock=True)
    made.status, made.closed_at = "closed", year.clock.now()
    refs = _named(order.id, made.id)
    return _planted(
        "return_unpaid", Check.RETURNS, "restock_without_refund", order, made.id, refs=refs
    )


def return_lost(year: Year) -> Planted:
    """A return is paid back and closed, and its units never came."""
    order, made = _asked_back(year)
    year.do(CloseReturn(order=order.ref, restock=False))
    refs = _named(order.id, made.id)
    return _planted(
        "return_lost", Check.RETURNS, "refund_without_receipt", order, made.id, refs=refs
    )


def _asked_back(year: Year) -> tuple[Order, OrderReturn]:
    order = year.buy()
    year.pass_s(60)
    year.ship(order)
    year.do(OpenReturn(order=order.ref, units={order.lines[0].sku or "": 1}))
    year.pass_s(60)
    return order, order.returns[0]


def refund_alone(year: Year) -> Planted:
    """Money goes back for a unit that nobody asked to send back."""
    order = year.buy()
    year.ship(order)
    year.do(Refund(order=order.ref, units={order.lines[0].sku or "": 1}))
    return _planted("refund_alone", Check.RETURNS, "refund_without_return", order)


def phantom_gone(year: Year) -> Planted:
    """An order holds units, and its shop has forgotten it."""
    order = year.buy()
    year.behind.append(lambda: year.forget(order))
    return _planted("phantom_gone", Check.PHANTOMS, "phantom_gone", order)


def phantom_old(year: Year) -> Planted:
    """An order holds units, and nobody will ever send it."""
    order = year.buy()
    return _planted("phantom_old", Check.PHANTOMS, "phantom_person", order)


# -- causes ----------------------------------------------------------------------------------------


def payment_twice(year: Year) -> Planted:
    """A payment is told twice under two ids; the provider has it once."""
    order = year.buy()
    told = next(each for each in reversed(year.heard) if each.topic == PAID)
    number = year.shop.new_id()
    stamp = year.shop.local_text(year.clock.now() + timedelta(seconds=20))
    body = msgspec.json.decode(told.body) | {
        "id": number,
        "created_at": stamp,
        "processed_at": stamp,
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{number}",
    }
    again = Heard(
        topic=PAID,
        webhook_id=f"again-{number}",
        triggered_at=told.triggered_at,
        body=msgspec.json.encode(body),
    )
    year.heard.append(again)
    year.ship(order)
    return _planted("payment_twice", Check.ORDERS, "duplicate_retry", order, number)


def payment_unheard(year: Year) -> Planted:
    """The webhook of a payment is lost."""
    order = year.buy(lambda topic, body: None if topic == PAID else body)
    year.ship(order)
    return _planted("payment_unheard", Check.ORDERS, "missing_webhook", order)


def event_parked(year: Year) -> Planted:
    """What tells of a payment can not be applied, and waits for a person."""
    order = year.buy(payment="authorized")
    year.pass_s(60)
    year.park(order)
    year.do(Capture(order=order.ref))
    year.ship(order)
    return _planted("event_parked", Check.ORDERS, "parked_event", order)


def tax_twice(year: Year) -> Planted:
    """The tax that was in the price is put on top of it."""
    order = year.buy()  # a pattern of the same basket tells how much tax it has
    year.ship(order)
    lines = [CartLine(sku=line.sku, quantity=line.quantity) for line in order.lines]
    tax = sum((tax.price.shop for line in order.lines for tax in line.tax_lines), Decimal(0))
    off = year.buy(_paying(tax), lines=lines, customer=year.buyer(), shipping=None)
    _pay_also(off, tax)
    year.ship(off)
    return _planted("tax_twice", Check.ORDERS, "tax_inclusive", off)


def fee_change(year: Year) -> Planted:
    """A fee is half a dollar more than the usual one."""
    order = year.buy()
    year.ship(order)
    year.later.append(lambda: _change(year.line_of(order), fee=Decimal("0.50")))
    paid = order.transactions[0].id
    return _planted("fee_change", Check.FEES, "fee_change", order, refs=_named(paid))


def settled_abroad(year: Year) -> Planted:
    """The provider has a payment in another currency."""
    order = year.buy()
    year.ship(order)
    paid = order.transactions[0]
    account = payouts.account_of(year.shop)
    account.seen.add(paid.id)
    euros = (paid.amount.shop * Decimal("0.9")).quantize(CENT)
    line = payouts.adjust(year.shop, "CHARGE", euros)
    line.currency, line.order_name, line.order_id = "EUR", order.name, order.id
    line.transaction_id = line.source_id = paid.id
    line.source_type = "CHARGE"
    line.payout = payouts.Payout(year.shop.new_id(), euros, year.clock.now())
    more = (line.id, line.payout.id)
    refs = _named(paid.id)
    return _planted(
        "settled_abroad", Check.PAYMENTS, "currency_conversion", order, *more, refs=refs
    )


def refund_partial(year: Year) -> Planted:
    """The provider gives back less than the shop says."""
    order = year.buy()
    year.pass_s(60)
    year.ship(order)
    year.do(Refund(order=order.ref, units={order.lines[0].sku or "": 1}))
    back = order.transactions[-1].id
    year.later.append(lambda: _change(_back_line(year, back), amount=Decimal("2.00")))
    return _planted("refund_partial", Check.PAYMENTS, "partial_refund", order, refs=_named(back))


def refund_unlinked(year: Year) -> Planted:
    """Money is given back at the provider, and no order knows."""
    line = payouts.adjust(year.shop, "REFUND", Decimal("-5.00"))
    return _lone("refund_unlinked", "unlinked_refund", line)


def reserve(year: Year) -> Planted:
    """The provider holds money back."""
    line = payouts.adjust(year.shop, "RESERVED_FUNDS_WITHDRAWAL", Decimal("-20.00"))
    return _lone("reserve", "reserve", line)


def chargeback(year: Year) -> Planted:
    """A customer's bank takes a payment back."""
    line = payouts.adjust(year.shop, "DISPUTE_WITHDRAWAL", Decimal("-30.00"))
    return _lone("chargeback", "dispute", line)


def paid_by_test(year: Year) -> Planted:
    """An earnest order is paid with a test payment."""
    order = year.buy(lambda topic, body: body | {"test": True} if topic == PAID else body)
    payouts.account_of(year.shop).seen.update(each.id for each in order.transactions)
    year.ship(order)
    return _planted("paid_by_test", Check.ORDERS, "test_order", order)


def edited_by_hand(year: Year) -> Planted:
    """A paid order is edited down, and nobody gives the difference back."""
    lines = [CartLine(sku=sku, quantity=2) for sku in year.pick.sample(year.skus, 2)]
    order = year.buy(lines=lines)
    year.pass_s(60)
    year.do(Edit(order=order.ref, changes={order.lines[0].sku or "": -1}))
    year.ship(order)
    return _planted("edited_by_hand", Check.ORDERS, "manual_edit", order)


def sku_unmapped(year: Year) -> Planted:
    """A variant is sold that has no SKU."""

    def rewrite(topic: str, body: Body) -> Body:
        if not topic.startswith("orders/"):
            return body
        lines: list[dict[str, Any]] = body["line_items"]
        return body | {"line_items": [lines[0] | {"sku": None}, *lines[1:]]}

    order = year.buy(rewrite)
    year.ship(order)
    return _planted("sku_unmapped", Check.SKUS, "unmapped_sku", order)


def tax_line_lost(year: Year) -> Planted:
    """The shop forgets the tax line of one of an order's lines, and not what it came to."""

    def rewrite(topic: str, body: Body) -> Body:
        if not topic.startswith("orders/"):
            return body
        lines: list[dict[str, Any]] = body["line_items"]
        return body | {"line_items": [lines[0] | {"tax_lines": []}, *lines[1:]]}

    lines = [CartLine(sku=sku, quantity=1) for sku in year.pick.sample(year.skus, 2)]
    order = year.buy(rewrite, lines=lines)
    year.ship(order)
    return _planted("tax_line_lost", Check.TAXES, "missing_tax_line", order)


def _shipping(change: Callable[[list[Body]], list[Body] | None]) -> Rewrite:
    """Let the shop tell other lines of its shipments; None: it tells none of them."""

    def rewrite(topic: str, body: Body) -> Body | None:
        if topic.startswith("fulfillments/"):
            told = change(body["line_items"])
            return None if told is None else body | {"line_items": told}
        if not topic.startswith("orders/"):
            return body
        kept = [
            each | {"line_items": told}
            for each in body.get("fulfillments", ())
            if (told := change(each["line_items"])) is not None
        ]
        return body | {"fulfillments": kept}

    return rewrite


def shipment_unheard(year: Year) -> Planted:
    """The shop says that an order is fulfilled, and nobody hears of the shipment."""
    order = year.buy(_shipping(lambda _: None))
    year.ship(order)
    return _planted("shipment_unheard", Check.SHIPMENTS, "shipment_untold", order)


def sent_too_many(year: Year) -> Planted:
    """One unit more is sent than was ordered."""

    def change(lines: list[Body]) -> list[Body]:
        return [lines[0] | {"quantity": lines[0]["quantity"] + 1}, *lines[1:]]

    order = year.buy(_shipping(change))
    year.ship(order)
    return _planted("sent_too_many", Check.SHIPMENTS, "shipped_too_many", order)


def payment_under_way(year: Year) -> Planted:
    """A payment is authorised at the very end, and not captured yet."""
    order = year.buy(payment="authorized")
    return _planted("payment_under_way", Check.ORDERS, "timing", order)


def _lone(kind: str, cause: str, line: payouts.BalanceLine) -> Planted:
    refs = _named(line.id)
    return Planted(kind=kind, check=Check.PAYMENTS, cause=cause, refs=refs, touched=refs)


def _back_line(year: Year, transaction: int) -> payouts.BalanceLine:
    lines = payouts.account_of(year.shop).lines.values()
    return next(line for line in reversed(lines) if line.transaction_id == transaction)


def _change(
    line: payouts.BalanceLine, *, fee: Decimal = Decimal(0), amount: Decimal = Decimal(0)
) -> None:
    """Change a line that was paid out; its payout stays the sum of its lines."""
    line.fee += fee
    line.amount += amount
    assert line.payout is not None
    line.payout.net += amount - fee


ANY_DAY: Mapping[str, Plant] = MappingProxyType(
    {
        plant.__name__: plant
        for plant in (
            *(order_twice, order_twice_unpaid, oversell, split_customer),
            *(rounding_per_order, rounding_per_line, phantom_gone, phantom_old),
            *(return_unpaid, return_lost, refund_alone),
            *(payment_twice, payment_unheard, event_parked, tax_twice, fee_change),
            *(settled_abroad, refund_partial, refund_unlinked, reserve, chargeback),
            *(paid_by_test, edited_by_hand, sku_unmapped),
            *(tax_line_lost, shipment_unheard, sent_too_many),
        )
    }
)
"""What may happen on any day."""

LAST_DAY: Mapping[str, Plant] = MappingProxyType({"payment_under_way": payment_under_way})
"""What is only a failure while it is young."""
