"""Objects as the simulated Stripe shows them: plain dictionaries, amounts in minor units."""

from typing import Any

Body = dict[str, Any]

LIVE = False
_NOWHERE = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}


def charge_body(  # noqa: PLR0913 - one argument for each fact of a sale
    ref: str,
    *,
    amount: int,
    currency: str,
    at: int,
    intent: str,
    method: str,
    metadata: dict[str, str],
    description: str | None,
    email: str | None,
) -> Body:
    """Return a charge that was authorised and not yet captured."""
    return {
        "id": ref,
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": {"address": _NOWHERE, "email": email, "name": None, "phone": None},
        "captured": False,
        "created": at,
        "currency": currency,
        "description": description,
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": LIVE,
        "metadata": metadata,
        "paid": True,
        "payment_intent": intent,
        "payment_method_details": {"type": method},
        "receipt_email": email,
        "refunded": False,
        "status": "succeeded",
    }


def refund_body(ref: str, *, charge: Body, at: int, status: str, asked: Body) -> Body:
    """Return a refund; `asked` is the form that asked for it, its amount filled in."""
    return {
        "id": ref,
        "object": "refund",
        "amount": asked["amount"],
        "balance_transaction": None,
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "metadata": asked.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "reason": asked.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def dispute_body(ref: str, *, charge: Body, at: int, reason: str, due_by: int) -> Body:
    """Return a dispute that waits for an answer."""
    return {
        "id": ref,
        "object": "dispute",
        "amount": charge["amount_captured"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "evidence": {},
        "evidence_details": {
            "due_by": due_by,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": LIVE,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }


def entry_body(  # noqa: PLR0913 - one argument for each fact of a line
    ref: str,
    *,
    amount: int,
    currency: str,
    at: int,
    available_on: int,
    kind: tuple[str, str],
    source: str | None,
    fees: list[tuple[str, int]],
    rate: str | None = None,
) -> Body:
    """Return a line of the account; `kind` is its type and its reporting category."""
    fee = sum(part for _, part in fees)
    return {
        "id": ref,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available_on,
        "created": at,
        "currency": currency,
        "description": None,
        "exchange_rate": float(rate) if rate else None,  # as Stripe writes it: a JSON number
        "fee": fee,
        "fee_details": [
            {
                "amount": part,
                "application": None,
                "currency": currency,
                "description": name,
                "type": name,
            }
            for name, part in fees
        ],
        "net": amount - fee,
        "reporting_category": kind[1],
        "source": source,
        "status": "pending" if available_on > at else "available",
        "type": kind[0],
    }


def payout_body(ref: str, *, amount: int, currency: str, at: int, arrives: int, own: str) -> Body:
    """Return a payout on its way; `own` is its own line of the account."""
    return {
        "id": ref,
        "object": "payout",
        "amount": amount,
        "arrival_date": arrives,
        "automatic": True,
        "balance_transaction": own,
        "created": at,
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": "ba_sandbox",
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": LIVE,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "reconciliation_status": "completed",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "in_transit",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def event_body(ref: str, *, kind: str, about: Body, at: int, version: str) -> Body:
    """Return an event with its object as it is now."""
    return {
        "id": ref,
        "object": "event",
        "api_version": version,
        "created": at,
        "data": {"object": about},
        "livemode": LIVE,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
