"""What follows an order: shipments, refunds and payment transactions."""

from decimal import Decimal

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.price import Price
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentPerson, ShipmentState
from trueup.connectors.bigcommerce.fault import note, unknown_word
from trueup.connectors.bigcommerce.person import address_of
from trueup.connectors.bigcommerce.shape import (
    RefundedShape,
    RefundItemShape,
    RefundShape,
    ShipmentShape,
    TransactionShape,
)
from trueup.connectors.bigcommerce.stamp import needed_instant
from trueup.contract.amount import ZERO, amount_of, needed_amount, price, sum_of
from trueup.contract.connector import Mapped
from trueup.contract.fault import Unsound

_ITEMS = frozenset(("PRODUCT", "SHIPPING", "GIFT_WRAPPING", "HANDLING", "ORDER", "FEE"))
_KINDS = {
    "purchase": PaymentKind.SALE,
    "pending": PaymentKind.SALE,
    "authorization": PaymentKind.AUTHORISATION,
    "capture": PaymentKind.CAPTURE,
    "refund": PaymentKind.REFUND,
    "void": PaymentKind.VOID,
}
_STATES = {"ok": PaymentState.SUCCEEDED, "error": PaymentState.FAILED}


def map_shipment(shape: ShipmentShape) -> Mapped:
    """Return the shipment; BigCommerce makes one when its units leave."""
    made_at = needed_instant(shape.date_created)
    number, link = shape.tracking_number, shape.tracking_link
    shipment = Shipment(
        ref=str(shape.id),
        order_ref=str(shape.order_id),
        updated_at=made_at,
        created_at=made_at,
        state=ShipmentState.SHIPPED,
        lines=tuple(
            ShipmentLine(line_ref=str(item.order_product_id), quantity=item.quantity)
            for item in shape.items or ()
        ),
        carrier=shape.tracking_carrier or shape.shipping_provider or None,
        service=shape.shipping_method or None,
        links=(Link(LinkSpace.TRACKING, number),) if number else (),
        person=ShipmentPerson(
            email=(shape.shipping_address.email or None) if shape.shipping_address else None,
            destination=address_of(shape.shipping_address),
            tracking_numbers=(number,) if number else (),
            tracking_urls=(link,) if link else (),
        ),
    )
    return Mapped(records=(shipment,))


def map_refund(whole: RefundedShape) -> Mapped:
    """Return the refund; what became of its units nobody tells."""
    shape, currency = whole.refund, whole.currency
    created_at = needed_instant(shape.created)
    items = shape.items or []
    issues: list[Issue] = [
        unknown_word("refund_item", item.item_type, f"refund/{shape.id}")
        for item in items
        if item.item_type not in _ITEMS
    ]
    lines = tuple(_line(item, currency) for item in items if item.item_type == "PRODUCT")
    refund = Refund(
        ref=str(shape.id),
        order_ref=str(shape.order_id),
        updated_at=created_at,
        created_at=created_at,
        lines=lines,
        refunded=price(_went_back(shape), currency),
        shipping=_sum(items, {"SHIPPING"}, currency),
        adjustments=tuple(
            (kind.lower() if kind in _ITEMS else "unknown", price(amount, currency))
            for kind, amount in _others(items).items()
        ),
        transaction_refs=tuple(
            sorted(str(p.transaction_id) for p in shape.payments or () if p.transaction_id)
        ),
    )
    units = sum(line.quantity for line in lines)
    if units:
        issues.append(_untold(refund.ref, units))
    return Mapped(records=(refund,), issues=tuple(issues))


def map_payment(shape: TransactionShape) -> Mapped:
    """Return the payment transaction."""
    ref, issues = str(shape.id), []
    kind = _KINDS.get(shape.event)
    if kind is None:
        issues.append(unknown_word("transaction_event", shape.event, f"payment/{ref}"))
    state = PaymentState.PENDING if shape.event == "pending" else _state(shape, ref, issues)
    order_ref = str(shape.order_id)
    if not (order_ref.isascii() and order_ref.isdecimal()):
        raise Unsound("another value", "the number of an order")
    at = needed_instant(shape.date_created)
    payment = Payment(
        ref=ref,
        order_ref=order_ref,
        updated_at=at,
        payment_kind=kind or PaymentKind.UNKNOWN,
        state=state,
        price=price(needed_amount(shape.amount, "amount"), shape.currency),
        gateway=shape.gateway or None,
        processed_at=at,
        parent_ref=str(shape.reference_transaction_id) if shape.reference_transaction_id else None,
        test=bool(shape.test),
        links=(
            (Link(LinkSpace.PAYMENT, shape.gateway_transaction_id),)
            if shape.gateway_transaction_id
            else ()
        ),
    )
    return Mapped(records=(payment,), issues=tuple(issues))


def _state(shape: TransactionShape, ref: str, issues: list[Issue]) -> PaymentState:
    if not shape.status:
        return PaymentState.UNKNOWN
    state = _STATES.get(shape.status)
    if state is None:
        issues.append(unknown_word("transaction_status", shape.status, f"payment/{ref}"))
    return state or PaymentState.UNKNOWN


def _went_back(shape: RefundShape) -> Decimal:
    """Return what went back: a payment that the provider declined did not."""
    if not shape.payments:
        return needed_amount(shape.total_amount, "total_amount")
    return sum_of(payment.amount for payment in shape.payments if not payment.is_declined)


def _line(item: RefundItemShape, currency: str) -> RefundLine:
    amount = amount_of(item.requested_amount)
    return RefundLine(
        line_ref=str(item.item_id or ""),
        quantity=item.quantity or 0,
        restock=Restock.UNKNOWN,
        subtotal=price(amount, currency) if amount is not None else None,
    )


def _sum(items: list[RefundItemShape], kinds: set[str], currency: str) -> Price | None:
    found = [item for item in items if item.item_type in kinds]
    return price(sum_of(item.requested_amount for item in found), currency) if found else None


def _others(items: list[RefundItemShape]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for item in items:
        if item.item_type not in {"PRODUCT", "SHIPPING"}:
            amount = amount_of(item.requested_amount) or ZERO
            sums[item.item_type] = sums.get(item.item_type, ZERO) + amount
    return sums


def _untold(ref: str, units: int) -> Issue:
    return note(
        "restock_untold",
        f"refund/{ref}",
        "a word on what became of the refunded units",
        f"{units} units of which BigCommerce says nothing",
        "What had not left counts as set aside. Look where they are: put them back by a count.",
    )
