"""Charges, refunds and disputes."""

from trueup.canon.issue import Issue
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import Dispute, DisputeState
from trueup.canon.price import Price
from trueup.connectors.stripe.amount import money_of
from trueup.connectors.stripe.fault import unknown
from trueup.connectors.stripe.linked import order_links, payment_links, person_links
from trueup.connectors.stripe.shape import ChargeShape, DisputeShape, RefundShape, ref_of
from trueup.connectors.stripe.stamp import Told, instant

_CHARGE = {
    "pending": PaymentState.PENDING,
    "succeeded": PaymentState.SUCCEEDED,
    "failed": PaymentState.FAILED,
}
_REFUND = {
    "pending": PaymentState.PENDING,
    "requires_action": PaymentState.AWAITING,
    "succeeded": PaymentState.SUCCEEDED,
    "failed": PaymentState.FAILED,
    "canceled": PaymentState.FAILED,  # the money stayed here; the code says why
}
# Asked about without a claim, and closed so: nothing was taken, and the money stays.
_DISPUTE = {
    "warning_needs_response": DisputeState.WARNING,
    "warning_under_review": DisputeState.WARNING,
    "warning_closed": DisputeState.WON,
    "needs_response": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "charge_refunded": DisputeState.ACCEPTED,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
_PLACE_OF_PAYMENT = {
    PaymentState.PENDING: 1,
    PaymentState.AWAITING: 2,
    PaymentState.SUCCEEDED: 3,
    PaymentState.FAILED: 8,  # also of what had succeeded: a refund may come back
}
_PLACE_OF_KIND = {PaymentKind.AUTHORISATION: 0, PaymentKind.SALE: 1, PaymentKind.VOID: 2}
_PLACE_OF_DISPUTE = tuple(_DISPUTE)


def charge_of(shape: ChargeShape, told: Told, issues: list[Issue]) -> Payment:
    """Return a charge: an authorisation until it is captured, then a sale, or a void."""
    state = _CHARGE.get(shape.status)
    if state is None:
        issues.append(
            unknown(
                "/status", shape.status, f"payment/{shape.id}", code="stripe.charge_status_unknown"
            )
        )
    kind = _kind_of(shape)
    captured = shape.amount_captured if kind is PaymentKind.SALE else None
    billing = shape.billing_details
    email = shape.receipt_email or (billing.email if billing else None)
    place = _PLACE_OF_PAYMENT.get(state or PaymentState.UNKNOWN, 0) + _PLACE_OF_KIND[kind]
    return Payment(
        ref=shape.id,
        updated_at=told.stamp(shape.created, place),
        payment_kind=kind,
        state=state or PaymentState.UNKNOWN,
        price=Price(money_of(captured or shape.amount, shape.currency)),
        gateway="stripe",
        processed_at=instant(shape.created),
        error_code=shape.failure_code or _reason(shape) if state is PaymentState.FAILED else None,
        test=shape.livemode is False,
        links=(
            *order_links(shape.metadata, shape.description),
            *payment_links(shape.id, ref_of(shape.payment_intent)),
            *person_links(email, billing.phone if billing else None),
        ),
    )


def refund_of(shape: RefundShape, told: Told, issues: list[Issue]) -> Payment:
    """Return a refund; one without a status is of a version in which it had succeeded."""
    state = _REFUND.get(shape.status or "succeeded")
    if state is None:
        found = shape.status or ""
        issues.append(
            unknown("/status", found, f"payment/{shape.id}", code="stripe.refund_status_unknown")
        )
    charge, intent = ref_of(shape.charge), ref_of(shape.payment_intent)
    failed = shape.failure_reason or shape.status
    return Payment(
        ref=shape.id,
        updated_at=told.stamp(
            shape.created, _PLACE_OF_PAYMENT.get(state or PaymentState.UNKNOWN, 0)
        ),
        payment_kind=PaymentKind.REFUND,
        state=state or PaymentState.UNKNOWN,
        price=Price(money_of(shape.amount, shape.currency)),
        gateway="stripe",
        processed_at=instant(shape.created),
        parent_ref=charge or intent,
        error_code=failed if state is PaymentState.FAILED else None,
        links=(*order_links(shape.metadata), *payment_links(shape.id, charge, intent)),
    )


def dispute_of(shape: DisputeShape, told: Told, issues: list[Issue]) -> Dispute:
    """Return a dispute; Stripe's own status is kept beside ours."""
    state = _DISPUTE.get(shape.status)
    if state is None:
        issues.append(
            unknown(
                "/status", shape.status, f"dispute/{shape.id}", code="stripe.dispute_status_unknown"
            )
        )
    details, charge = shape.evidence_details, ref_of(shape.charge)
    place = _PLACE_OF_DISPUTE.index(shape.status) + 1 if state else 0
    return Dispute(
        ref=shape.id,
        updated_at=told.stamp(shape.created, place),
        state=state or DisputeState.UNKNOWN,
        state_code=shape.status,
        amount=money_of(shape.amount, shape.currency),
        reason=shape.reason,
        payment_ref=charge,
        created_at=instant(shape.created),
        respond_by_at=instant(details.due_by) if details and details.due_by else None,
        links=(
            *order_links(shape.metadata),
            *payment_links(shape.id, charge, ref_of(shape.payment_intent)),
        ),
    )


def _kind_of(shape: ChargeShape) -> PaymentKind:
    """Say what a charge is: versions before 2019 do not say whether it was captured."""
    if shape.captured is not False or shape.status == "failed":
        return PaymentKind.SALE
    return PaymentKind.VOID if shape.refunded else PaymentKind.AUTHORISATION


def _reason(shape: ChargeShape) -> str | None:
    return shape.outcome.reason if shape.outcome else None
