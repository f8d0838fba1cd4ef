"""Refunds: money given back, and as far as WooCommerce tells, what became of the units."""

from collections.abc import Mapping
from decimal import Decimal

from trueup.canon.issue import Issue
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.connectors.woocommerce.fault import note
from trueup.connectors.woocommerce.pull import refunded_line
from trueup.connectors.woocommerce.shape import LineShape, RefundedShape, needed_instant
from trueup.contract.amount import amount_of, needed_amount, price, sum_of
from trueup.contract.connector import Mapped


def map_refund(shape: RefundedShape) -> Mapped:
    """Return the refund with a note where nobody can say what became of its units."""
    body, currency = shape.refund, shape.currency
    created_at = needed_instant(body.date_created_gmt)
    amount = abs(needed_amount(body.amount, "amount"))
    lines = tuple(
        line for each in body.line_items or () if (line := _line(each, shape)) is not None
    )
    shipping = -sum_of(charge.total for charge in body.shipping_lines or ())
    shipping -= sum_of(charge.total_tax for charge in body.shipping_lines or ())
    rest = amount - shipping - _of_lines(body.line_items or [])
    refund = Refund(
        ref=str(body.id),
        order_ref=str(shape.order_id),
        updated_at=created_at,
        created_at=created_at,
        lines=lines,
        refunded=price(amount, currency),
        shipping=price(shipping, currency) if shipping else None,
        # A refund may be of an amount alone; older shops tell neither shipping nor fees apart.
        adjustments=(("unplaced", price(rest, currency)),) if rest else (),
    )
    return Mapped(records=(refund,), issues=_untold(refund))


def _line(shape: LineShape, whole: RefundedShape) -> RefundLine | None:
    ref = refunded_line(shape.meta_data)
    if ref is None:
        return None  # its amount stands in what is unplaced
    net, tax = amount_of(shape.total), amount_of(shape.total_tax)
    return RefundLine(
        line_ref=ref,
        quantity=abs(shape.quantity),
        restock=_restock(ref, shape.quantity, whole),
        subtotal=price(-net, whole.currency) if net is not None else None,
        tax=price(-tax, whole.currency) if tax is not None else None,
        ref=str(shape.id),
    )


def _restock(line_ref: str, units: int, whole: RefundedShape) -> Restock:
    """Say what became of the units: the shop counts, per order line, how many it put back.

    Where it put back all that were refunded of the line, these are among them. Where it put back
    none it may also be that it counts no stock of it, and where some, nobody knows which.
    """
    back, all_units = _of(whole.restocked, line_ref), _of(whole.refunded, line_ref)
    if units == 0 or back == 0 or back != all_units:
        return Restock.UNKNOWN
    return Restock.RETURN if whole.left else Restock.CANCEL


def _of(counts: Mapping[str, int], line_ref: str) -> int:
    return counts.get(line_ref, 0)


def _of_lines(shapes: list[LineShape]) -> Decimal:
    placed = [shape for shape in shapes if refunded_line(shape.meta_data) is not None]
    return -sum_of(s.total for s in placed) - sum_of(s.total_tax for s in placed)


def _untold(refund: Refund) -> tuple[Issue, ...]:
    units = sum(line.quantity for line in refund.lines if line.restock is Restock.UNKNOWN)
    if not units:
        return ()
    return (
        note(
            "restock_untold",
            f"refund/{refund.ref}",
            "all refunded units of a line put back by the refund",
            f"{units} units of which the shop does not say so",
            "They count as set aside. Look where they are: put them back by a count, or leave it.",
        ),
    )
