"""Refunds: money given back, and what became of the units."""

from datetime import datetime

from trueup.canon.issue import Issue, Severity
from trueup.canon.price import Price
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.connectors.shopify.amount import price_of
from trueup.connectors.shopify.line import sum_of
from trueup.connectors.shopify.refs import code_of, needed_order, ref_of, stamp_of, utc
from trueup.connectors.shopify.shape import AdjustmentShape, RefundLineShape, RefundShape
from trueup.connectors.shopify.transaction import succeeded
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.connector import Source

_RESTOCK = {
    "cancel": Restock.CANCEL,
    "return": Restock.RETURN,
    "no_restock": Restock.NONE,
    "legacy_restock": Restock.UNKNOWN,
}


def refund_of(
    shape: RefundShape,
    source: Source,
    order_ref: str | None,
    issues: list[Issue],
    currency: str | None = None,
) -> Refund:
    """Return the refund; `currency` is the order's, in which plain amounts are."""
    ref = str(ref_of(shape.id))
    transactions = shape.transactions or []
    adjustments = tuple(_adjustment(a, currency) for a in shape.order_adjustments or ())
    return Refund(
        ref=ref,
        order_ref=order_ref or needed_order(shape.order_id),
        updated_at=_stamp(shape, source),
        created_at=utc(shape.created_at) or utc(shape.processed_at),
        lines=tuple(_line(line, ref, issues, currency) for line in shape.refund_line_items or ()),
        refunded=_refunded(shape, currency),
        shipping=_shipping(shape, adjustments),
        adjustments=tuple(
            (kind, price)
            for kind, price in adjustments
            # Shipping stands in a field of its own; the API tells it in no other way.
            if price is not None and kind != "shipping_refund"
        ),
        return_ref=ref_of(shape.return_.id) if shape.return_ else None,
        transaction_refs=tuple(sorted(str(ref_of(t.id)) for t in transactions)),
    )


def _stamp(shape: RefundShape, source: Source) -> datetime:
    """A refund has no stamp of its own in a webhook: its newest part tells how new it is."""
    told = [shape.created_at, shape.processed_at]
    for transaction in shape.transactions or ():
        told += [transaction.created_at, transaction.processed_at]
    return stamp_of(source, max((instant for instant in told if instant), default=None))


def _line(
    shape: RefundLineShape, refund_ref: str, issues: list[Issue], currency: str | None
) -> RefundLine:
    restock, issue = code_of(_RESTOCK, shape.restock_type, "restock_type", f"refund/{refund_ref}")
    if issue:
        issues.append(issue)
    elif restock is Restock.UNKNOWN:
        issues.append(_legacy(refund_ref))
    if shape.quantity < 0:
        raise Unsound(str(shape.quantity).encode(), "a quantity of 0 or more")
    return RefundLine(
        line_ref=ref_of(shape.line_item_id) or "",
        quantity=shape.quantity,
        restock=restock or Restock.UNKNOWN,
        location_ref=ref_of(shape.location_id),
        subtotal=price_of(shape.subtotal_set, shape.subtotal, currency),
        tax=price_of(shape.total_tax_set, shape.total_tax, currency),
        ref=ref_of(shape.id),
    )


def _refunded(shape: RefundShape, currency: str | None) -> Price | None:
    """Add what really went back; None where that can only be told in a foreign currency."""
    parts = [price for t in shape.transactions or () if (price := succeeded(t)) is not None]
    if any(currency and price.booked.currency not in {currency, "XXX"} for price in parts):
        return None
    total: Price | None = None
    for price in parts:
        total = price if total is None else sum_of(total, price)
    return total


def _shipping(
    shape: RefundShape, adjustments: tuple[tuple[str, Price | None], ...]
) -> Price | None:
    """Return the shipping that was refunded, above zero, by either of Shopify's two ways."""
    total: Price | None = None
    for line in shape.refund_shipping_lines or ():
        price = price_of(line.subtotal_amount_set)
        if price is not None:
            total = price if total is None else sum_of(total, price)
    if total is None:
        for kind, price in adjustments:
            if kind == "shipping_refund" and price is not None:
                positive = Price(-price.booked, -price.presented if price.presented else None)
                total = positive if total is None else sum_of(total, positive)
    return total


def _adjustment(shape: AdjustmentShape, currency: str | None) -> tuple[str, Price | None]:
    kind = (shape.kind or shape.reason or "unknown").lower().replace(" ", "_")
    return kind, price_of(shape.amount_set, shape.amount, currency)


def _legacy(refund_ref: str) -> Issue:
    return Issue(
        code="shopify.restock_type_legacy",
        severity=Severity.NOTE,
        pointer="/refund_line_items",
        expected="cancel, return or no_restock",
        found="legacy_restock",
        how_to_fix="Shopify did not note then whether the units had left; count them if in doubt.",
        ref=f"refund/{refund_ref}",
    )
