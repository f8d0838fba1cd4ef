"""Orders, with the fulfilments, refunds and transactions that stand inside them."""

from collections.abc import Iterable

from trueup.canon.arithmetic import check_order
from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.order import (
    Order,
    OrderOrigin,
    OrderPerson,
    OrderTotals,
    PaymentStatus,
)
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.connectors.shopify.amount import is_told, price_of
from trueup.connectors.shopify.fulfillment import shipment_of
from trueup.connectors.shopify.line import discounts_of, line_of, shipping_of, taxes_of
from trueup.connectors.shopify.refs import address_of, ref_of, stamp_of, tags_of, unknown_code, utc
from trueup.connectors.shopify.refund import refund_of
from trueup.connectors.shopify.shape import FulfillmentShape, OrderShape, RefundShape
from trueup.connectors.shopify.transaction import payment_of
from trueup.contract.connector import Fetch, Mapped, Source

_PAYMENT = {
    "pending": PaymentStatus.PENDING,
    "authorized": PaymentStatus.AUTHORISED,
    "partially_paid": PaymentStatus.PARTLY_PAID,
    "paid": PaymentStatus.PAID,
    "partially_refunded": PaymentStatus.PARTLY_REFUNDED,
    "refunded": PaymentStatus.REFUNDED,
    "voided": PaymentStatus.VOIDED,
    "expired": PaymentStatus.EXPIRED,
}
_FULFILMENT = dict.fromkeys(
    (
        *("unfulfilled", "partial", "partially_fulfilled", "fulfilled", "restocked", "pending"),
        *("pending_fulfillment", "open", "in_progress", "on_hold", "scheduled"),
        *("request_declined", "not_eligible"),
    ),
    True,
)
# A webhook says "partial" and nothing at all where the API says these.
_FULFILMENT_SAME = {"partially_fulfilled": "partial", "unfulfilled": None}
_ORIGIN = {
    "web": OrderOrigin.WEB,
    "pos": OrderOrigin.POS,
    "shopify_draft_order": OrderOrigin.DRAFT,
    "subscription_contract": OrderOrigin.SUBSCRIPTION,
    "subscription_contract_checkout_one": OrderOrigin.SUBSCRIPTION,
    "amazon": OrderOrigin.MARKETPLACE,
    "ebay": OrderOrigin.MARKETPLACE,
    "walmart": OrderOrigin.MARKETPLACE,
    "facebook": OrderOrigin.MARKETPLACE,
    "instagram": OrderOrigin.MARKETPLACE,
    "tiktok": OrderOrigin.MARKETPLACE,
    "api": OrderOrigin.API,
}


def map_order(shape: OrderShape, source: Source) -> Mapped:
    """Return the order, its shipments, refunds and payments; or the wish to read it whole."""
    ref = str(ref_of(shape.id))
    total = price_of(shape.total_price_set, shape.total_price, shape.currency)
    missing = _missing(shape, total)
    if total is None or shape.line_items is None or missing:
        return Mapped(fetch=(Fetch(resource="orders", ref=ref),), issues=(_partial(ref, missing),))
    issues: list[Issue] = []
    order = _order_of(shape, source, total, issues)
    issues += check_order(order)
    records: list[Record] = [order]
    records += _shipments(shape, source, ref, issues)
    records += _refunds(shape, source, ref, issues)
    if shape.transactions:
        records += [payment_of(t, source, ref, issues, shape.currency) for t in shape.transactions]
    return Mapped(records=_once(records), issues=tuple(issues), fetch=_foreign(shape, ref))


def _missing(shape: OrderShape, total: Price | None) -> list[str]:
    lines = shape.line_items
    told = {
        "line_items": lines is not None,
        "line prices": all(line.price_set or is_told(line.price) for line in lines or ()),
        "total_price": total is not None,
        "currency": bool(shape.currency),
    }
    return [name for name, is_told in told.items() if not is_told]


def _partial(ref: str, missing: list[str]) -> Issue:
    return Issue(
        code="shopify.order_partial",
        severity=Severity.NOTE,
        expected="an order with " + ", ".join(missing),
        found="an order without it",
        how_to_fix="Nothing to do: the order is read again, whole. If this comes with every "
        "delivery, remove the field filter of the webhook subscription.",
        ref=f"order/{ref}",
    )


def _order_of(shape: OrderShape, source: Source, total: Price, issues: list[Issue]) -> Order:
    ref = str(ref_of(shape.id))
    currency = shape.currency or total.booked.currency
    updated_at = stamp_of(source, shape.updated_at, shape.created_at)
    placed_at = utc(shape.processed_at) or utc(shape.created_at) or updated_at
    presented = shape.presentment_currency
    number = shape.name or str(shape.order_number or ref)
    allocated: list[tuple[int | None, Price]] = []
    return Order(
        ref=ref,
        updated_at=updated_at,
        number=number,
        placed_at=placed_at,
        currency=currency,
        presented_currency=presented if presented and presented != currency else None,
        lines=tuple([line_of(line, currency, allocated) for line in shape.line_items or ()]),
        shipping=tuple(
            [
                shipping_of(line, currency, allocated, index)
                for index, line in enumerate(shape.shipping_lines or ())
            ]
        ),
        totals=_totals_of(shape, total, currency),
        taxes_included=bool(shape.taxes_included),
        taxes=taxes_of(shape.tax_lines, currency),
        discounts=discounts_of(shape, currency, allocated),
        origin=_origin_of(shape.source_name),
        origin_code=shape.source_name,
        payment_status=_payment_status(shape, ref, issues),
        payment_code=_lower(shape.financial_status),
        fulfilment_code=_fulfilment_code(shape, ref, issues),
        cancelled_at=utc(shape.cancelled_at),
        cancel_reason=_lower(shape.cancel_reason),
        closed_at=utc(shape.closed_at),
        test=bool(shape.test),
        customer_ref=ref_of(shape.customer.id) if shape.customer else None,
        location_ref=ref_of(shape.location_id),
        links=(Link(LinkSpace.ORDER, number),),
        person=_person_of(shape),
    )


def _totals_of(shape: OrderShape, total: Price, currency: str) -> OrderTotals:
    return OrderTotals(
        total=total,
        subtotal=price_of(shape.subtotal_price_set, shape.subtotal_price, currency),
        discounts=price_of(shape.total_discounts_set, shape.total_discounts, currency),
        shipping=price_of(shape.total_shipping_price_set),
        tax=price_of(shape.total_tax_set, shape.total_tax, currency),
        duties=price_of(shape.original_total_duties_set),
        fees=price_of(shape.original_total_additional_fees_set),
        tips=price_of(None, shape.total_tip_received, currency),
        current_total=price_of(shape.current_total_price_set, shape.current_total_price, currency),
        outstanding=price_of(None, shape.total_outstanding, currency),
    )


def _person_of(shape: OrderShape) -> OrderPerson | None:
    billing = address_of(shape.billing_address)
    shipping = address_of(shape.shipping_address)
    person = OrderPerson(
        email=shape.email or shape.contact_email or None,
        phone=shape.phone or None,
        name=(billing.name if billing else None) or (shipping.name if shipping else None),
        billing=billing,
        shipping=shipping,
        note=shape.note or None,
        ip=shape.browser_ip or None,
        tags=tags_of(shape.tags),
    )
    return None if person == _NOBODY else person


_NOBODY = OrderPerson()


def _origin_of(word: str | None) -> OrderOrigin:
    """Free text: an app's own number or name means that the order came through the API."""
    if not word:
        return OrderOrigin.UNKNOWN
    known = _ORIGIN.get(word.lower())
    return known or (OrderOrigin.API if word.isdecimal() else OrderOrigin.UNKNOWN)


def _payment_status(shape: OrderShape, ref: str, issues: list[Issue]) -> PaymentStatus:
    word = _lower(shape.financial_status)
    status = _PAYMENT.get(word or "")
    if status is None and word:
        issues.append(unknown_code("financial_status", word, f"order/{ref}", _PAYMENT))
    return status or PaymentStatus.UNKNOWN


def _fulfilment_code(shape: OrderShape, ref: str, issues: list[Issue]) -> str | None:
    word = _lower(shape.fulfillment_status)
    if word and word not in _FULFILMENT:
        issues.append(unknown_code("fulfillment_status", word, f"order/{ref}", _FULFILMENT))
    return _FULFILMENT_SAME.get(word, word) if word else None


def _lower(word: str | None) -> str | None:
    return word.lower() if word else None


def _shipments(
    shape: OrderShape, source: Source, ref: str, issues: list[Issue]
) -> Iterable[Record]:
    # Inside an order Shopify leaves out the receiver, who is the order's own.
    whole: list[FulfillmentShape] = shape.fulfillments or []
    return [shipment_of(f, source, ref, issues, shape.email, shape.shipping_address) for f in whole]


def _refunds(shape: OrderShape, source: Source, ref: str, issues: list[Issue]) -> Iterable[Record]:
    if _is_foreign(shape):
        # Half a refund, as new as the whole one, could win over it: the whole one is asked for.
        return ()
    whole: list[RefundShape] = shape.refunds or []
    records: list[Record] = []
    for refund in whole:
        records.append(refund_of(refund, source, ref, issues, shape.currency))
        records += [
            payment_of(t, source, ref, issues, shape.currency) for t in refund.transactions or ()
        ]
    return records


def _is_foreign(shape: OrderShape) -> bool:
    """Tell whether transactions may be in a currency in which the books are not kept."""
    bagged = all(
        t.amount_set is not None
        for refund in shape.refunds or ()
        for t in refund.transactions or ()
    )
    return not bagged and shape.presentment_currency not in {None, shape.currency}


def _foreign(shape: OrderShape, ref: str) -> tuple[Fetch, ...]:
    """Ask for the order where a refund was paid in the customer's currency only."""
    if shape.refunds and _is_foreign(shape):
        return (Fetch(resource="orders", ref=ref),)
    return ()


def _once(records: list[Record]) -> tuple[Record, ...]:
    """Keep one of each: the API lists a refund's transactions with the order's as well."""
    seen: dict[tuple[str, str], Record] = {}
    for record in records:
        seen.setdefault((record.kind, record.ref), record)
    return tuple(seen.values())
