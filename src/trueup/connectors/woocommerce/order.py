"""Orders, and what follows from their status."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from trueup.canon.arithmetic import check_order
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.order import (
    Order,
    OrderLine,
    OrderOrigin,
    OrderPerson,
    OrderTotals,
    PaymentStatus,
    TaxLine,
)
from trueup.canon.record import Record
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.connectors.woocommerce.amount import rounded
from trueup.connectors.woocommerce.fault import unknown_word
from trueup.connectors.woocommerce.line import (
    discounts_of,
    line_of,
    rates_of,
    shipping_of,
    taxes_of,
)
from trueup.connectors.woocommerce.person import address_of, name_of
from trueup.connectors.woocommerce.shape import OrderShape, instant_of, needed_instant
from trueup.contract.amount import NO_CURRENCY, ZERO, needed_amount, price, price_of, sum_of
from trueup.contract.connector import Fetch, Mapped
from trueup.contract.fault import Unsound

_STATUSES = frozenset(
    ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "trash")
)
_DRAFTS = frozenset(("checkout-draft", "auto-draft", "draft", "new"))
_DEAD = frozenset(("cancelled", "failed"))
_ORIGINS = {
    "checkout": OrderOrigin.WEB,
    "store-api": OrderOrigin.WEB,
    "rest-api": OrderOrigin.API,
    "admin": OrderOrigin.DRAFT,
    "subscription": OrderOrigin.SUBSCRIPTION,
    "pos-rest-api": OrderOrigin.POS,
}


def map_order(shape: OrderShape, *, exact: bool) -> Mapped:
    """Return the order and whether it left.

    Args:
        shape: as decoded.
        exact: its amounts are as the shop keeps them; else each was rounded to be shown, and an
            order of which digits may be missing is read again, before anybody is told.
    """
    if shape.status in _DRAFTS:
        return Mapped(ignored="a draft of the checkout is not an order until it is placed")
    ref = str(shape.id)
    issues: list[Issue] = []
    order = _order_of(shape, issues)
    fetch: tuple[Fetch, ...] = ()
    if not order.deleted:
        off = check_order(_checkable(order))
        if not exact and (off or shape.prices_include_tax or shape.coupon_lines):
            # Tax taken out of a price, or a percentage, leaves more digits than are shown.
            fetch = (Fetch(resource="orders", ref=ref),)
        else:
            issues += off
        if shape.refunds:
            fetch += (Fetch(resource="order_refunds", ref=ref),)
    records: list[Record] = [order]
    if (shipment := _shipment_of(shape, order)) is not None:
        records.append(shipment)
    return Mapped(records=tuple(records), issues=tuple(issues), fetch=fetch)


def deleted_order(ref: str, at: datetime) -> Mapped:
    """Return the order as gone; only its id is told."""
    order = Order(
        ref=ref,
        updated_at=at,
        number="",
        placed_at=at,
        currency=NO_CURRENCY,
        lines=(),
        totals=OrderTotals(total=price(ZERO, NO_CURRENCY)),
        deleted=True,
    )
    return Mapped(records=(order,))


def _order_of(shape: OrderShape, issues: list[Issue]) -> Order:
    ref, currency = str(shape.id), shape.currency
    number = str(shape.number or ref)
    updated_at = needed_instant(shape.date_modified_gmt, shape.date_created_gmt)
    rates = rates_of(shape.tax_lines)
    is_dead = shape.status in _DEAD
    if shape.status not in _STATUSES:
        issues.append(unknown_word("order_status", shape.status, f"order/{ref}"))
    links = [Link(LinkSpace.ORDER, number)]
    if shape.transaction_id:
        links.append(Link(LinkSpace.PAYMENT, shape.transaction_id))
    return Order(
        ref=ref,
        updated_at=updated_at,
        number=number,
        placed_at=needed_instant(shape.date_created_gmt, shape.date_modified_gmt),
        placed_on=_day_of(shape.date_created),
        currency=currency,
        lines=tuple(line_of(line, currency, rates) for line in shape.line_items),
        shipping=tuple(shipping_of(s, currency, rates) for s in shape.shipping_lines or ()),
        totals=_totals_of(shape),
        taxes=taxes_of(shape.tax_lines, currency),
        discounts=discounts_of(shape.coupon_lines, currency),
        origin=_ORIGINS.get(shape.created_via or "", OrderOrigin.UNKNOWN),
        origin_code=shape.created_via or None,
        payment_status=_payment_status(shape),
        payment_code=shape.status,
        fulfilment_code=shape.status,
        # The shop gives the units of both back; a failed order that is paid later lives again.
        cancelled_at=updated_at if is_dead else None,
        cancel_reason=shape.status if is_dead else None,
        closed_at=instant_of(shape.date_completed_gmt) if shape.status == "completed" else None,
        customer_ref=str(shape.customer_id) if shape.customer_id else None,
        deleted=shape.status == "trash",
        links=tuple(links),
        person=_person_of(shape),
    )


def _totals_of(shape: OrderShape) -> OrderTotals:
    """Return the totals as stated; that of the goods and of the fees WooCommerce does not state."""
    currency = shape.currency
    fees = sum_of(fee.total for fee in shape.fee_lines or ())
    refunded = -sum_of(refund.total for refund in shape.refunds or ())
    goods = sum_of(line.total for line in shape.line_items)
    return OrderTotals(
        total=price(needed_amount(shape.total, "total"), currency),
        subtotal=price(rounded(goods, currency), currency),
        discounts=price_of(shape.discount_total, currency),
        shipping=price_of(shape.shipping_total, currency),
        tax=price_of(shape.total_tax, currency),
        fees=price(fees, currency) if shape.fee_lines else None,
        refunded=price(refunded, currency) if shape.refunds else None,
    )


def _checkable(order: Order) -> Order:
    """Return the order with its parts rounded as WooCommerce rounds them: each sum once.

    The sum of the goods is our own, so it needs no comparison with them.
    """
    currency = order.currency
    goods = sum((line.price.amount * line.quantity - _off(line) for line in order.lines), ZERO)
    shipping = sum((each.price.amount for each in order.shipping), ZERO)
    fees = order.totals.fees.amount if order.totals.fees else ZERO
    tax = order.totals.tax.amount if order.totals.tax else ZERO
    parts = sum((each.price.amount for each in order.taxes), ZERO)
    rest = rounded(goods + shipping + fees + tax, currency) - rounded(tax, currency)
    one = TaxLine(title="", rate=None, price=price(rounded(parts, currency), currency))
    return msgspec.structs.replace(
        order,
        lines=(OrderLine(ref="", title="", quantity=1, price=price(rest, currency)),),
        shipping=(),
        taxes=(one,) if order.taxes else (),
        totals=msgspec.structs.replace(
            order.totals,
            subtotal=price(rest, currency),
            tax=price(rounded(tax, currency), currency),
            shipping=None,
            fees=None,
        ),
    )


def _off(line: OrderLine) -> Decimal:
    return line.discount.amount if line.discount else ZERO


def _payment_status(shape: OrderShape) -> PaymentStatus:
    """Say how far it is paid: a word of a plugin tells nothing, a date of payment does."""
    refunded = -sum_of(refund.total for refund in shape.refunds or ())
    if shape.status == "refunded" or (refunded and refunded >= sum_of([shape.total])):
        return PaymentStatus.REFUNDED
    if refunded > 0:
        return PaymentStatus.PARTLY_REFUNDED
    if shape.status not in _STATUSES:
        return PaymentStatus.UNKNOWN
    if shape.date_paid_gmt:
        return PaymentStatus.PAID
    return PaymentStatus.VOIDED if shape.status == "cancelled" else PaymentStatus.PENDING


def _shipment_of(shape: OrderShape, order: Order) -> Shipment | None:
    """Return whether the order left: WooCommerce knows of that only that it was completed.

    An order that was completed by mistake and put back has not left after all.
    """
    completed_at = instant_of(shape.date_completed_gmt)
    if completed_at is None or order.deleted:
        return None
    if shape.status in {"completed", "refunded"}:
        state = ShipmentState.SHIPPED
    else:
        known = shape.status in _STATUSES
        state = ShipmentState.PENDING if known else ShipmentState.UNKNOWN
    return Shipment(
        ref=f"{order.ref}-completed",
        order_ref=order.ref,
        updated_at=order.updated_at,
        state=state,
        created_at=completed_at,
        lines=tuple(
            ShipmentLine(line_ref=line.ref, quantity=line.quantity, sku=line.sku)
            for line in order.lines
            if line.quantity
        ),
    )


def _person_of(shape: OrderShape) -> OrderPerson | None:
    billing, shipping = shape.billing, shape.shipping
    person = OrderPerson(
        email=(billing.email or None) if billing else None,
        phone=((billing.phone or None) if billing else None)
        or ((shipping.phone or None) if shipping else None),
        name=name_of(billing) or name_of(shipping),
        billing=address_of(billing),
        shipping=address_of(shipping),
        note=shape.customer_note or None,
        ip=shape.customer_ip_address or None,
    )
    return None if person == OrderPerson() else person


def _day_of(text: str | None) -> date | None:
    """Return the day where the shop stands."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError as fault:
        raise Unsound("another value", "a time such as 2026-11-21T10:00:00") from fault
